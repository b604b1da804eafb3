from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.models.generation import Generation
from chat.models.message import Message

if TYPE_CHECKING:
    from chat.models.user import User


class ReplyRunning(Exception):
    """The conversation is waiting for an answer; it can't be asked again before its end."""

    def __init__(self, reply: uuid.UUID) -> None:
        self.reply = reply


class TooManyReplies(Exception):
    """The user has as many running replies as one may have."""


@dataclass(frozen=True)
class Request:
    """What comes with every question: `id` and `digest` make it the same one when it comes again."""

    id: uuid.UUID
    digest: str
    model: str
    writer: str
    most_at_once: int


@dataclass(frozen=True)
class Asked:
    """What a request has led to. `turns` is empty when the same request had been there before."""

    reply: Message
    turns: tuple[dict[str, Any], ...] = ()

    @property
    def is_new(self) -> bool:
        return bool(self.turns)


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def alive(self) -> ConversationQuerySet:
        return self.filter(deleted_at=None)

    def newest_first(self) -> ConversationQuerySet:
        return self.alive().order_by("-last_message_at", "id")


class Conversation(models.Model):
    """A tree of questions and answers with one owner; `leaf` is the end of the branch that is being read."""

    class TitleSource(models.TextChoices):
        QUESTION = "question", _("first question")
        MODEL = "model", _("model")
        OWNER = "owner", _("owner")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="conversations", verbose_name=_("owner")
    )
    title = models.CharField(_("title"), max_length=200, blank=True)
    title_source = models.CharField(max_length=10, choices=TitleSource, default=TitleSource.QUESTION)
    instructions = models.TextField(_("instructions"), blank=True)
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    model = models.CharField(_("model"), max_length=200, blank=True)
    leaf = models.ForeignKey(Message, on_delete=models.SET_NULL, null=True, related_name="+")
    change = models.PositiveBigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    last_message_at = models.DateTimeField(_("last message"), default=timezone.now)
    pinned_at = models.DateTimeField(null=True)
    archived_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        permissions = [("read_transcript", _("Can read what people wrote"))]
        indexes = [
            # The sidebar.
            models.Index(
                fields=["owner", "-last_message_at", "id"],
                condition=models.Q(deleted_at=None),
                name="conversation_newest",
            ),
        ]

    def __str__(self) -> str:
        return self.title or str(self.id)

    @classmethod
    def about(cls, text: str, owner: User) -> Conversation:
        """A new one, not saved before its first question is, titled by the question's first words."""
        return cls(owner=owner, title=" ".join(text.split())[:80])

    def branch(self) -> list[Message]:
        """The messages from the first question to the leaf, in one query."""
        messages = {m.id: m for m in self.messages.alive().select_related("generation", "evidence")}
        path, here = [], messages.get(self.leaf_id)
        while here:
            path.append(here)
            here = messages.get(here.parent_id)
        return path[::-1]

    def ask(self, text: str, request: Request, *, after: Message | None = None) -> Asked:
        """Question and empty reply in one transaction; `after` None: below the newest message.

        Raises ReplyRunning, RequestReused, TooManyReplies.
        """
        return self._once(request, lambda: self._add(Message.Role.USER, text, parent=after or self.leaf))

    def retry(self, reply: Message, request: Request) -> Asked:
        """A new answer to the question of `reply`, which stays. Raises ReplyRunning, RequestReused, TooManyReplies."""
        return self._once(request, lambda: reply.parent)

    def _once(self, request: Request, find_question: Callable[[], Message]) -> Asked:
        try:
            with transaction.atomic():
                # The lock makes the checks and the next number one step; a new conversation has nothing to lock yet.
                type(self).objects.select_for_update().filter(pk=self.pk).first()
                return self._known(request) or self._begin_reply(request, find_question)
        except IntegrityError:
            # The same request on another connection was faster, or another question was.
            if known := self._known(request):
                return known
            self._refuse_while_running()
            raise

    def _known(self, request: Request) -> Asked | None:
        reply = self.owner.messages.of_request(request.id, request.digest)
        return Asked(reply) if reply else None

    def _begin_reply(self, request: Request, find_question: Callable[[], Message]) -> Asked:
        if self._state.adding:
            self.save()
        self._refuse_while_running()
        if Generation.objects.running().filter(conversation__owner=self.owner).count() >= request.most_at_once:
            raise TooManyReplies
        question = find_question()
        reply = self._add(
            Message.Role.ASSISTANT, "", parent=question, request_id=request.id, request_digest=request.digest
        )
        reply.generation = Generation.objects.create(
            message=reply, conversation=self, model=request.model, writer=request.writer, heartbeat_at=Now()
        )
        self._move_to(reply)
        return Asked(reply, tuple(self._turns_before(reply)))

    def _refuse_while_running(self) -> None:
        for running in Generation.objects.running().filter(conversation=self):
            if not running.settle():
                raise ReplyRunning(running.pk)

    def _add(self, role: Message.Role, text: str, **fields: Any) -> Message:
        last = self.messages.aggregate(last=models.Max("number"))["last"] or 0
        return self.messages.create(owner_id=self.owner_id, role=role, text=text, number=last + 1, **fields)

    def _move_to(self, leaf: Message) -> None:
        self.leaf, self.last_message_at = leaf, timezone.now()
        self.save(update_fields=["leaf", "last_message_at"])
        self.owner.note_change(self)

    def _turns_before(self, reply: Message) -> list[dict[str, Any]]:
        """What the model is to read: an empty answer is left out together with its question."""
        path = self.branch()[:-1]
        unanswered = {m.parent_id for m in path if m.is_reply and not m.said}
        said = [m.as_turn() for m in path if m.said and m.id not in unanswered]
        return ([{"role": "system", "content": self.instructions}] if self.instructions else []) + said
