from __future__ import annotations

import uuid
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from chat.models.generation import Generation


class RequestReused(Exception):
    """The request_id came before, with another body."""


_is_past = attrgetter("is_past")


class Around(NamedTuple):
    """What there is before a new reply: the request's own and all that are being written, and what was said so far."""

    in_the_way: list[Message]
    past: list[Message]


class MessageQuerySet(models.QuerySet["Message"]):
    def alive(self) -> MessageQuerySet:
        return self.filter(deleted_at=None, conversation__deleted_at=None)

    def replies(self) -> MessageQuerySet:
        return self.alive().filter(role=Message.Role.ASSISTANT)

    def questions(self) -> MessageQuerySet:
        return self.alive().filter(role=Message.Role.USER)

    def around(self, request_id: uuid.UUID, conversation: uuid.UUID) -> Around:
        """In one query, each part of which has its index. A row may be in several parts."""
        own = self.filter(request_id=request_id).annotate(is_past=models.Value(False))
        running = self.filter(generation__status="streaming").annotate(is_past=models.Value(False))
        past = self.alive().filter(conversation=conversation).annotate(is_past=models.Value(True))
        rows = list(own.union(running, past, all=True).order_by("number"))
        return Around([row for row in rows if not _is_past(row)], [row for row in rows if _is_past(row)])

    def of_request(self, request_id: uuid.UUID, digest: str) -> Message | None:
        """The reply that this request has made already. Raises RequestReused if its body was another."""
        reply = self.filter(request_id=request_id).select_related("generation").first()
        if reply and reply.request_digest != digest:
            raise RequestReused
        return reply


class Message(models.Model):
    """A question or an answer. Never changed after its end: an edit is a new row, a sibling in the tree."""

    class Role(models.TextChoices):
        USER = "user", _("question")
        ASSISTANT = "assistant", _("answer")

    class Source(models.TextChoices):
        WEB = "web", _("web page")
        API = "api", _("API")
        IMPORT = "import", _("import")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(
        "chat.Conversation", on_delete=models.CASCADE, related_name="messages", verbose_name=_("conversation")
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="messages", verbose_name=_("owner")
    )
    parent = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, related_name="children", verbose_name=_("answer to")
    )
    # Several may continue the same one: a continuation that failed is asked for again.
    continues = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="continuations", verbose_name=_("continuation of")
    )
    number = models.PositiveIntegerField(_("number"))
    role = models.CharField(_("role"), max_length=10, choices=Role)
    text = models.TextField(_("text"), blank=True)
    reasoning = models.TextField(_("reasoning"), blank=True)
    source = models.CharField(_("source"), max_length=10, choices=Source, default=Source.WEB)
    request_id = models.UUIDField(_("request of the client"), null=True)
    request_digest = models.CharField(_("hash of the request"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    deleted_at = models.DateTimeField(_("deleted"), null=True)

    objects = MessageQuerySet.as_manager()
    generation: Generation

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(fields=["conversation", "number"], name="message_number_unique"),
            models.UniqueConstraint(fields=["owner", "request_id"], name="message_request_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} {self.number}"

    @property
    def is_reply(self) -> bool:
        return self.role == self.Role.ASSISTANT

    @property
    def said(self) -> str:
        """What counts as the answer: some servers send all of it as reasoning (vLLM #40816)."""
        return self.text or self.reasoning

    def as_turn(self) -> dict[str, Any]:
        """As the chat completions API wants it."""
        return {"role": self.role, "content": self.said}
