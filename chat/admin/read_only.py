"""Admin pages for viewing only: nobody changes anything there."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from chat.admin.lookups import NamedLookups
from chat.admin.titles import PlainTitles

if TYPE_CHECKING:
    # Generic for the type checker only.
    TabularInline = admin.TabularInline[Any, Any]
else:
    TabularInline = admin.TabularInline


class ReadOnly:
    """A mixin for pages and inlines that no permission makes writable."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, NamedLookups, PlainTitles):
    actions = None
    view_on_site = False
    list_per_page = 50
    # Counting the whole table, and again for each filter, would cost more than it is worth.
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER


def link_to(model: type[models.Model], pk: Any, label: Any) -> SafeString:
    """Return a link to an object's admin page; the label is escaped."""
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[pk])
    return format_html('<a href="{}">{}</a>', url, label)


def exact_time(field: str, label: Any) -> Callable[[Any, Any], str]:
    """Return a column with the seconds, which Django's own omit."""

    def column(_admin: Any, record: Any) -> str:
        at = getattr(record, field)
        return f"{localtime(at):%Y-%m-%d %H:%M:%S %Z}" if at else "-"

    return admin.display(description=label, ordering=field)(column)


def short_id(label: Any) -> Callable[[Any, Any], str]:
    """Return a column with the beginning of the id; the whole id is on the object's page."""

    def column(_admin: Any, record: Any) -> str:
        return str(record.pk)[:8]

    return admin.display(description=label)(column)


def as_uuid(term: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(term)
    except ValueError:
        return None
