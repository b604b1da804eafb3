"""What the addresses of lists let people look up, walked over every admin page that there is."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_permission_codename
from django.db import models
from django.test import Client
from django.urls import reverse

from chat.models import User
from tests.admin.site import client_of, permit, url
from tests.support.factories import make_conversation, make_user

MODELS = [model for model in admin.site._registry if model._meta.app_label != "admin"]
# Of texts, only these say nothing that anybody has written.
NO_ONES_WORDS = {"status", "model", "action"}
HARMLESS = {"exact", "isnull", "gte", "gt", "lte", "lt"}
GUESSES = ("exact", "startswith", "icontains", "gte", "regex", "iregex", "in", "range", "length__gte")


def paths_of(model: Any, *, hops: int = 2, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every field that a look-up can reach, with its path: the model's own, and those of its relations both ways."""
    for field in model._meta.get_fields():
        yield before + field.name, field
        if field.is_relation and hops > 1 and field.related_model:
            yield from paths_of(field.related_model, hops=hops - 1, before=f"{before}{field.name}__")


def is_private(field: Any) -> bool:
    """Whatever holds text, unless somebody has decided otherwise."""
    is_text = isinstance(field, models.TextField | models.CharField | models.JSONField | models.BinaryField)
    return is_text and field.name not in NO_ONES_WORDS


def staff_who_may_view(model: Any) -> Client:
    user = make_user("clerk", is_staff=True)
    permit(user, get_permission_codename("view", model._meta))
    client = Client()
    client.force_login(user)
    return client


def list_of(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


@pytest.mark.django_db
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_private_fields_and_costly_comparisons_are_refused(model: Any) -> None:
    client, address = staff_who_may_view(model), list_of(model)
    assert client.get(address).status_code == 200
    for path, field in paths_of(model):
        guesses = GUESSES if is_private(field) else [one for one in GUESSES if one not in HARMLESS]
        for guess in ("", *guesses) if is_private(field) else guesses:
            lookup = f"{path}__{guess}".removesuffix("__")
            assert client.get(address, {lookup: "a"}).status_code == 400, lookup


@pytest.mark.django_db
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_every_comparison_of_every_field_is_refused_unless_it_is_named(model: Any, rf: Any) -> None:
    """The whole product, past the client: that would take minutes."""
    request = rf.get("/")
    request.user = User(username="boss", is_staff=True, is_superuser=True)
    allows = admin.site._registry[model].lookup_allowed
    for path, field in paths_of(model, hops=3):
        known: Any = getattr(field, "get_lookups", dict)()
        refused = [f"{path}__{name}" for name in known if is_private(field) or name not in HARMLESS]
        assert not [lookup for lookup in refused if allows(lookup, "a", request)]


def test_each_filter_beside_a_list_works(anna: User) -> None:
    """What is offered is never refused."""
    make_conversation(anna, status="failed", error_code="cut", timer="idle")
    client = client_of("superuser")
    for model in MODELS:
        page = client.get(list_of(model))
        for spec in page.context["cl"].filter_specs:
            for choice in spec.choices(page.context["cl"]):
                assert client.get(list_of(model) + choice["query_string"]).status_code == 200, choice


def test_a_slow_pattern_is_not_tried(anna: User) -> None:
    make_user("mallory", instructions="a" * 20 + "!")
    staff = client_of("staff")
    for field in ("instructions", "username", "email"):
        assert staff.get(url("chat_user_changelist"), {f"{field}__regex": "^(a+)+$"}).status_code == 400
