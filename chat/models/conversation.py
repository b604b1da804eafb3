from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.models.generation import Generation
from chat.models.listed import Listed, ListedQuerySet
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
    """What comes with every question: `id` and `digest` make it the same one when it comes again.

    `alive`: the replies that its process writes; only their heartbeat may be late.
    """

    id: uuid.UUID
    digest: str
    model: str
    writer: str
    most_at_once: int
    alive: Collection[uuid.UUID] = ()


@dataclass(frozen=True)
class Asked:
    """What a request has led to. `turns` is empty when the same request had been there before."""

    reply: Message
    turns: tuple[dict[str, Any], ...] = ()

    @property
    def is_new(self) -> bool:
        return bool(self.turns)


class ConversationQuerySet(ListedQuerySet):
    def changed_since(self, number: int) -> ConversationQuerySet:
        """The deleted ones too. `running`: the reply that is being written there."""
        running = Generation.objects.running().filter(conversation=models.OuterRef("pk")).values("pk")
        reply = models.Subquery(running, output_field=models.UUIDField())
        return self.filter(change__gt=number).order_by("change").annotate(running=reply)


class Conversation(Listed):
    """A tree of questions and answers with one owner; `leaf` is the end of the branch that is being read."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    instructions = models.TextField(_("instructions"), blank=True)
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    model = models.CharField(_("model"), max_length=200, blank=True)
    leaf = models.ForeignKey(
        Message, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("end of what is read")
    )

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
            models.Index(
                fields=["owner", "-pinned_at"],
                condition=models.Q(deleted_at=None, pinned_at__isnull=False),
                name="conversation_pinned",
            ),
            # What has changed since a number.
            models.Index(fields=["owner", "change"], name="conversation_changed"),
            # The purge.
            models.Index(
                fields=["deleted_at"], condition=models.Q(deleted_at__isnull=False), name="conversation_deleted"
            ),
        ]

    def __str__(self) -> str:
        # Not the title: it is made of what people wrote, and this reaches logs.
        return str(self.id)

    @classmethod
    def about(cls, text: str, owner: User) -> Conversation:
        """A new one, not saved before its first question is, titled by the question's first words."""
        return cls(owner=owner, title=" ".join(text.split())[:80])

    def branch(self) -> list[Message]:
        """The messages from the first question to the leaf, in one query."""
        return path_to(self.leaf_id, self.messages.alive().select_related("generation", "evidence"))

    def ask(self, text: str, request: Request, *, after: Message | None = None) -> Asked:
        """Question and empty reply in one transaction; `after` None: below the newest message.

        Raises ReplyRunning, RequestReused, TooManyReplies.
        """

        def new_question(past: list[Message]) -> Message:
            return self._new(Message.Role.USER, past, text=text, parent=after or (past[-1] if past else None))

        return self._once(request, new_question)

    def retry(self, reply: Message, request: Request) -> Asked:
        """A new answer to the question of `reply`, which stays. Raises ReplyRunning, RequestReused, TooManyReplies."""
        return self._once(request, lambda past: next(m for m in past if m.pk == reply.parent_id))

    @transaction.atomic
    def _once(self, request: Request, question_among: Callable[[list[Message]], Message]) -> Asked:
        # Counting up is the lock: what one user asks comes one after another, on however many connections.
        self.owner.count_change()
        known, past = self._known_or_past(request)
        if known:
            return Asked(known)
        question = question_among(past)
        new = [question] if question._state.adding else []
        reply = self._new(
            Message.Role.ASSISTANT,
            past + new,
            parent=question,
            request_id=request.id,
            request_digest=request.digest,
        )
        self._move_to(reply)
        Message.objects.bulk_create([*new, reply])
        reply.generation = Generation.objects.create(
            message=reply, conversation=self, model=request.model, writer=request.writer, heartbeat_at=Now()
        )
        return Asked(reply, tuple(self._turns(path_to(question.pk, past + new))))

    def _known_or_past(self, request: Request) -> tuple[Message | None, list[Message]]:
        """What the same request made before; if it is a new one, what was said here so far.

        Raises RequestReused; ReplyRunning, TooManyReplies if it is a new one.
        """
        around = self.owner.messages.around(request.id, self.pk)
        if any(row.request_id == request.id for row in around.in_the_way):
            return self.owner.messages.of_request(request.id, request.digest), []
        while refusal := self._refusal(around.in_the_way, request):
            if not Generation.objects.filter(message__owner=self.owner).sweep(but=request.alive):
                raise refusal
            # Among them were dead ones, which count no longer, and whose texts are in their rows now.
            around = self.owner.messages.around(request.id, self.pk)
        return None, around.past

    def _refusal(self, running: list[Message], request: Request) -> ReplyRunning | TooManyReplies | None:
        here = next((row.pk for row in running if row.conversation_id == self.pk), None)
        if here:
            return ReplyRunning(here)
        return TooManyReplies() if len(running) >= request.most_at_once else None

    def _new(self, role: Message.Role, past: list[Message], **fields: Any) -> Message:
        number = past[-1].number + 1 if past else 1
        return Message(conversation=self, owner_id=self.owner_id, role=role, number=number, **fields)

    def _move_to(self, leaf: Message) -> None:
        """Saved before the message is: the database checks at the end of the transaction.

        Who asks in what is archived takes it out again. Raises DoesNotExist if it was deleted in this very moment.
        """
        self.leaf_id, self.last_message_at = leaf.pk, timezone.now()
        if self._state.adding:
            self.save()
        if (
            not Conversation.objects.alive()
            .filter(pk=self.pk)
            .update(
                leaf_id=leaf.pk,
                last_message_at=self.last_message_at,
                archived_at=None,
                change=self.owner.last_change(),
            )
        ):
            raise Conversation.DoesNotExist

    def _turns(self, path: list[Message]) -> list[dict[str, Any]]:
        """What the model is to read: an empty answer is left out together with its question."""
        unanswered = {m.parent_id for m in path if m.is_reply and not m.said}
        said = [m.as_turn() for m in path if m.said and m.id not in unanswered]
        return ([{"role": "system", "content": self.instructions}] if self.instructions else []) + said


def path_to(leaf: uuid.UUID | None, messages: Iterable[Message]) -> list[Message]:
    """The branch of the tree that ends in `leaf`, from its first question on."""
    by_id: dict[uuid.UUID | None, Message] = {message.pk: message for message in messages}
    path, here = [], by_id.get(leaf)
    while here:
        path.append(here)
        here = by_id.get(here.parent_id)
    return path[::-1]
