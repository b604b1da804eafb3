from __future__ import annotations

from typing import cast

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from chat.admin.read_only import ReadOnlyAdmin, as_uuid, exact_time
from chat.http import trace_id_of
from chat.models import AuditEntry, Conversation, User


def note(request: HttpRequest, action: AuditEntry.Action, conversation: Conversation | None = None) -> None:
    """Record what the user of this request is about to do."""
    trace_id = trace_id_of(request) or request.headers.get("X-Request-ID", "")
    actor = cast(User, request.user)
    AuditEntry.objects.create(
        actor=actor.pk,
        actor_name=actor.get_username(),
        action=action,
        conversation=conversation.pk if conversation else None,
        owner=conversation.owner_id if conversation else None,
        # A header can have any length.
        trace_id=str(trace_id)[:64],
    )


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["when", "actor_name", "action", "conversation", "owner", "trace_id"]
    list_filter = ["action", "at"]
    filterable = frozenset({"id", "action", "at", "actor", "conversation", "owner"})
    fields = ["when", "actor_name", "actor", "action", "conversation", "owner", "trace_id"]
    search_fields = ["actor_name"]
    search_help_text = _("User name, or the id of a user, conversation or request.")
    when = exact_time("at", _("time"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q(actor_name__icontains=term) | Q(trace_id=term)
        if some_id := as_uuid(term):
            found |= Q(actor=some_id) | Q(conversation=some_id) | Q(owner=some_id)
        return queryset.filter(found), False
