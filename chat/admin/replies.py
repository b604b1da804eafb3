"""How each reply ended: the evidence, without any of the text."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chat.accounts.names import who_is_called
from chat.admin.read_only import ReadOnly, ReadOnlyAdmin, TabularInline, as_uuid, exact_time, link_to, short_id
from chat.admin.transcript import may_read
from chat.models import Conversation, Evidence, Generation, User
from chat.models.endings import ERRORS, TIMERS

FIELDS = {field.name: field for field in Evidence._meta.fields}
UPSTREAM = ["upstream_id", "upstream_request_id", "upstream_created", "system_fingerprint"]
# The ending that the user reads has the model server's words in it.
UPSTREAMS_WORDS = {"ending", "error_detail"}
TIMES = ["started", "first_token", "ended", "stop_requested"]


def of_evidence(name: str) -> Callable[[Any, Generation], Any]:
    """Return a column with a field of the reply's evidence, which exists once the reply has ended."""

    def column(admin_: Any, reply: Generation) -> Any:
        value = getattr(getattr(reply.message, "evidence", None), name, None)
        value = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
        return "-" if value in (None, "") else value

    described = admin.display(description=FIELDS[name].verbose_name, ordering=f"message__evidence__{name}")
    return described(column)


class ReplyColumns:
    short_id = short_id(_("reply"))
    started = exact_time("started_at", _("started"))
    first_token = exact_time("first_token_at", _("first token"))
    ended = exact_time("ended_at", _("ended"))
    stop_requested = exact_time("stop_requested_at", _("stop requested"))

    answering_model = of_evidence("model")
    attempts = of_evidence("attempts")
    bytes = of_evidence("bytes")
    cached_tokens = of_evidence("cached_tokens")
    chunks = of_evidence("chunks")
    completion_tokens = of_evidence("completion_tokens")
    duration_ms = of_evidence("duration_ms")
    error_code = of_evidence("error_code")
    error_detail = of_evidence("error_detail")
    finish_reason = of_evidence("finish_reason")
    first_token_ms = of_evidence("first_token_ms")
    longest_silence_ms = of_evidence("longest_silence_ms")
    parameters = of_evidence("parameters")
    prompt_sha256 = of_evidence("prompt_sha256")
    prompt_tokens = of_evidence("prompt_tokens")
    reasoning_tokens = of_evidence("reasoning_tokens")
    system_fingerprint = of_evidence("system_fingerprint")
    timer = of_evidence("timer")
    upstream_created = of_evidence("upstream_created")
    upstream_id = of_evidence("upstream_id")
    upstream_request_id = of_evidence("upstream_request_id")


def without_texts(replies: QuerySet[Generation]) -> QuerySet[Generation]:
    """Fetch everything for a list in one query, except the texts, which are private and may be megabytes."""
    return replies.select_related("message__evidence", "conversation__owner").defer(
        "message__text",
        "message__reasoning",
        "conversation__title",
        "conversation__instructions",
        "conversation__owner__instructions",
    )


class ErrorCodeFilter(admin.SimpleListFilter):
    title = _("error")
    parameter_name = "error_code"
    codes: dict[str, Any] = ERRORS

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, code) for code in self.codes]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Generation]) -> QuerySet[Generation]:
        wanted = {f"message__evidence__{self.parameter_name}": self.value()}
        return queryset.filter(**wanted) if self.value() else queryset


class TimerFilter(ErrorCodeFilter):
    title = _("timer that fired")
    parameter_name = "timer"
    codes = TIMERS


class RepliesInline(ReplyColumns, ReadOnly, TabularInline):
    """The replies of a conversation, on the conversation's page."""

    model = Generation
    extra = 0
    show_change_link = True
    ordering = ["started_at"]
    fields = readonly_fields = (
        "status",
        "model",
        "started",
        "first_token_ms",
        "duration_ms",
        "longest_silence_ms",
        "prompt_tokens",
        "completion_tokens",
        "finish_reason",
        "error_code",
        "timer",
        "attempts",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Generation]:
        return without_texts(super().get_queryset(request))


@admin.register(Generation)
class ReplyAdmin(ReplyColumns, ReadOnlyAdmin):
    list_display = [
        "short_id",
        "owner",
        "status",
        "model",
        "started",
        "first_token_ms",
        "duration_ms",
        "prompt_tokens",
        "completion_tokens",
        "finish_reason",
        "error_code",
        "timer",
        "attempts",
    ]
    list_filter = ["status", ErrorCodeFilter, TimerFilter, "model", "started_at"]
    filterable = frozenset(
        {"id", "status", "error_code", "timer", "model", "started_at", "message", "conversation", "conversation__id"}
    )
    ordering = ["-started_at"]
    search_fields = ["conversation__owner__username"]
    search_help_text = _("User name, email, or the id of a reply, conversation, request or model server's answer.")
    fieldsets = [
        (None, {"fields": ["reply_id", "conversation_link", "owner_link", "status", "ending"]}),
        (_("Request"), {"fields": ["model", "omitted", "parameters", "prompt_sha256", "asked_by"]}),
        (_("End"), {"fields": ["finish_reason", "error_code", "error_detail", "timer", "attempts"]}),
        (_("Measurements"), {"fields": ["first_token_ms", "duration_ms", "longest_silence_ms", "chunks", "bytes"]}),
        (_("Tokens"), {"fields": ["prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens"]}),
        (_("Model server"), {"fields": ["answering_model", *UPSTREAM]}),
        (_("Writer"), {"fields": ["writer", *TIMES]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Generation]:
        return without_texts(super().get_queryset(request))

    def get_fieldsets(self, request: HttpRequest, obj: Generation | None = None) -> Any:
        """Leave out what the model server said, for those who may not read: it may quote the question."""
        fieldsets = super().get_fieldsets(request, obj)
        if may_read(request.user):
            return fieldsets
        return [
            (title, {"fields": [name for name in options["fields"] if name not in UPSTREAMS_WORDS]})
            for title, options in fieldsets
        ]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Generation | None:
        reply = super().get_object(request, object_id, from_field)
        if reply:
            reply.end_if_dead()
        return reply

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Generation], search_term: str
    ) -> tuple[QuerySet[Generation], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found = who_is_called(term, "conversation__owner")
        for name in ("upstream_id", "upstream_request_id", "trace_id"):
            found |= Q(**{f"message__evidence__{name}": term})
        found |= Q(trace_id=term)
        if some_id := as_uuid(term):
            found |= Q(pk=some_id) | Q(conversation=some_id) | Q(message__idempotency_key=some_id)
        return queryset.filter(found), False

    @admin.display(description=_("reply"))
    def reply_id(self, reply: Generation) -> str:
        return str(reply.pk)

    @admin.display(description=_("request"))
    def asked_by(self, reply: Generation) -> str:
        """Return the id of the request. Replies of earlier versions have it in their evidence alone."""
        evidence = getattr(reply.message, "evidence", None)
        return reply.trace_id or (evidence.trace_id if evidence else "") or "-"

    @admin.display(description=_("owner"), ordering="conversation__owner__username")
    def owner(self, reply: Generation) -> str:
        return reply.conversation.owner.get_username()

    @admin.display(description=_("owner"))
    def owner_link(self, reply: Generation) -> SafeString:
        return link_to(User, reply.conversation.owner_id, self.owner(reply))

    @admin.display(description=_("conversation"))
    def conversation_link(self, reply: Generation) -> SafeString:
        # Labelled by its id: a title would reveal what people wrote.
        return link_to(Conversation, reply.conversation_id, reply.conversation_id)

    @admin.display(description=_("message to the user"))
    def ending(self, reply: Generation) -> Any:
        return reply.ending.sentence or "-"
