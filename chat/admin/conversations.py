from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, NullIf
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chat.accounts.names import who_is_called
from chat.admin.audit import note
from chat.admin.read_only import ReadOnlyAdmin, as_uuid, exact_time, link_to, short_id
from chat.admin.replies import RepliesInline
from chat.admin.transcript import may_read, transcript
from chat.models import AuditEntry, Conversation, Evidence, Generation, Message, Status, User


class LastStatusFilter(admin.SimpleListFilter):
    title = _("status of the last reply")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Status.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(last_status=self.value()) if self.value() else queryset


class LastModelFilter(admin.SimpleListFilter):
    title = _("model")
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        models = Generation.objects.exclude(model="").order_by("model").values_list("model", flat=True).distinct()
        return [(model, model) for model in models]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(last_model=self.value()) if self.value() else queryset


class OwnerActiveFilter(admin.BooleanFieldListFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Django would call it "active", as if it were about the conversation.
        self.title = _("owner active")


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    list_filter = [
        LastStatusFilter,
        LastModelFilter,
        "created_at",
        "last_message_at",
        ("owner__is_active", OwnerActiveFilter),
    ]
    ordering = ["-last_message_at", "id"]
    search_fields = ["owner__username", "owner__email"]
    search_help_text = _(
        "User name, email or conversation id. With permission to read transcripts, also titles and messages: "
        "each such search is recorded in the audit log."
    )
    inlines = [RepliesInline]
    filterable = frozenset(
        {"id", "owner", "owner__id", "owner__is_active", "created_at", "last_message_at", "status", "model"}
    )
    short_id = short_id(_("conversation"))
    created = exact_time("created_at", _("created"))
    last_message = exact_time("last_message_at", _("last message"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(transcript)
        return [path("<uuid:conversation>/transcript/", view, name="chat_conversation_transcript"), *super().get_urls()]

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        name = "titled" if may_read(request.user) else "short_id"
        return (name, "owner", "status", "answering_model", "tokens", "created", "last_message")

    def get_fields(self, request: HttpRequest, obj: Conversation | None = None) -> tuple[str, ...]:
        title = ["title"] if may_read(request.user) else []
        facts = ["owner_link", "status", "answering_model", "tokens", "parameters"]
        times = ["created", "last_message", "pinned_at", "archived_at", "deleted_at"]
        return ("id", *title, *facts, *times)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        last = Generation.objects.filter(conversation=OuterRef("pk")).order_by("-started_at")
        spent = Evidence.objects.filter(message__conversation=OuterRef("pk")).values("message__conversation")
        total = Coalesce(Sum("prompt_tokens"), 0) + Coalesce(Sum("completion_tokens"), 0)
        private = ("instructions", "owner__instructions")
        conversations = super().get_queryset(request).select_related("owner").defer(*private)
        described: QuerySet[Any] = conversations.annotate(
            last_status=Subquery(last.values("status")[:1]),
            last_model=Subquery(last.values("model")[:1]),
            # If the server doesn't count tokens, their number is unknown, not zero.
            total_tokens=NullIf(Subquery(spent.annotate(total=total).values("total")), 0),
        )
        return described

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Conversation | None:
        found = super().get_object(request, object_id, from_field)
        if found and not may_read(request.user):
            # Django's pages show str(object) in headings and breadcrumbs; without a title, that is the id.
            found.title = ""
        return found

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        # Django's autocomplete is another way to search the list, and it shows str(object).
        is_autocomplete = bool(request.resolver_match and request.resolver_match.url_name == "autocomplete")
        return [] if is_autocomplete else self.search_fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Conversation], search_term: str
    ) -> tuple[QuerySet[Conversation], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found = who_is_called(term, "owner")
        if conversation := as_uuid(term):
            found |= Q(pk=conversation)
        if may_read(request.user):
            note(request, AuditEntry.Action.SEARCH_TEXT)
            found |= self._in_texts(term)
        return queryset.filter(found), False

    def _in_texts(self, term: str) -> Q:
        said = Q(text__icontains=term) | Q(reasoning__icontains=term)
        messages = Message.objects.filter(said, conversation=OuterRef("pk"))
        return Q(title__icontains=term) | Q(instructions__icontains=term) | Q(Exists(messages))

    @admin.display(description=_("title"), ordering="title")
    def titled(self, conversation: Conversation) -> str:
        return conversation.title or str(conversation.pk)[:8]

    @admin.display(description=_("owner"))
    def owner_link(self, conversation: Conversation) -> SafeString:
        return link_to(User, conversation.owner_id, conversation.owner)

    @admin.display(description=_("last reply"), ordering="last_status")
    def status(self, conversation: Any) -> Any:
        return Status(conversation.last_status).label if conversation.last_status else "-"

    @admin.display(description=_("model"), ordering="last_model")
    def answering_model(self, conversation: Any) -> str:
        return conversation.last_model or "-"

    @admin.display(description=_("tokens"), ordering="total_tokens")
    def tokens(self, conversation: Any) -> int | str:
        return conversation.total_tokens or "-"
