from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.models.endings import CONTINUE, ENDINGS
from chat.models.errors import NothingToContinue, ReplyRunning, TooManyReplies
from chat.models.generation import Generation
from chat.models.listable import Listable, ListableQuerySet, TitleSource
from chat.models.message import Message, with_parts
from chat.models.preset import ChatDefaults
from chat.models.submission import Submission
from chat.models.tree import Tree

if TYPE_CHECKING:
    from chat.models.user import User

MOST_TITLE_CHARS = 80
# Sent after the cut answer. If a request ended with that answer itself, some servers would continue it exactly
# (llama.cpp; vLLM with extra fields), others would start again, and several would refuse it (Mistral, Anthropic, and
# all reasoning models). All of them understand one more turn of the user.
GO_ON = {
    "role": "user",
    "content": (
        "Your last answer was cut off. Continue it exactly where it stopped: begin with the very next character, "
        "in the middle of a word, a line or a code block if need be. Repeat nothing, explain nothing."
    ),
}


@dataclass(frozen=True)
class AskResult:
    """What a submission led to. `turns` is empty if the same submission was made before.

    `sent`: the messages that the turns consist of, without the instructions.
    """

    reply: Message
    turns: tuple[dict[str, Any], ...] = ()
    sent: tuple[uuid.UUID, ...] = ()

    @property
    def is_new(self) -> bool:
        return bool(self.turns)


def first_words(text: str) -> str:
    """Return a title made of a question's first words, cut between words if possible."""
    title = shorten(text, MOST_TITLE_CHARS, placeholder="…")
    return title if title != "…" else text.strip()[: MOST_TITLE_CHARS - 1] + "…"


class ConversationQuerySet(ListableQuerySet):
    def changed_since(self, number: int) -> ConversationQuerySet:
        """Return what changed after a number, deleted ones too. `running` is the reply that is being written there."""
        running = Generation.objects.running().filter(conversation=models.OuterRef("pk")).values("pk")
        reply = models.Subquery(running, output_field=models.UUIDField())
        return self.filter(change__gt=number).order_by("change").annotate(running=reply)


class Conversation(Listable):
    """A tree of questions and answers with one owner; `leaf` is the end of the branch that is shown."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="conversations", verbose_name=_("owner")
    )
    title = models.CharField(_("title"), max_length=200, blank=True)
    title_source = models.CharField(
        _("title made by"), max_length=10, choices=TitleSource, default=TitleSource.QUESTION
    )
    change = models.PositiveBigIntegerField(_("change number"), default=0, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    last_message_at = models.DateTimeField(_("last message"), default=timezone.now)
    pinned_at = models.DateTimeField(_("pinned"), null=True)
    archived_at = models.DateTimeField(_("archived"), null=True)
    deleted_at = models.DateTimeField(_("deleted"), null=True)
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
            # For the sidebar.
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
            # For what has changed since a number.
            models.Index(fields=["owner", "change"], name="conversation_changed"),
            # For the purge.
            models.Index(
                fields=["deleted_at"], condition=models.Q(deleted_at__isnull=False), name="conversation_deleted"
            ),
        ]

    def __str__(self) -> str:
        # Not the title, which is made of what people wrote: this reaches logs.
        return str(self.id)

    @classmethod
    def about(cls, text: str, owner: User, defaults: ChatDefaults | None = None) -> Conversation:
        """Return a new conversation, titled by the question's first words. It is saved with its first question."""
        defaults = defaults or owner.chat_defaults(owner.preset)
        return cls(
            owner=owner, title=first_words(text), instructions=defaults.instructions, parameters=defaults.parameters
        )

    def ask(self, text: str, submission: Submission, *, after: Message | None = None) -> AskResult:
        """Add a question and its empty reply in one transaction; `after` None: below the newest message of the branch.

        Raises ReplyRunning, RequestReused, TooManyReplies, as do the other three.
        """

        def new_question(tree: Tree[Message]) -> Message:
            return self._question(tree, text, parent=after or tree.latest_below(self.leaf_id))

        return self._once(submission, new_question)

    def edit(self, question: Message, text: str, submission: Submission) -> AskResult:
        """Ask another question in place of `question`, which is kept with everything that followed it."""
        return self._once(submission, lambda tree: self._question(tree, text, parent_id=question.parent_id))

    def retry(self, reply: Message, submission: Submission) -> AskResult:
        """Ask for a new answer and keep `reply`. Raises Message.DoesNotExist if its question was deleted."""
        return self._once(submission, lambda tree: _question_of(reply, tree))

    def continue_from(self, reply: Message, submission: Submission) -> AskResult:
        """Ask for the rest of `reply`, as a message of its own. Raises NothingToContinue, and what `retry` raises."""
        return self._once(submission, lambda tree: _question_of(reply, tree), continues=reply)

    @transaction.atomic
    def _once(
        self,
        submission: Submission,
        question_in: Callable[[Tree[Message]], Message],
        *,
        continues: Message | None = None,
    ) -> AskResult:
        # Incrementing is the lock: one user's questions come one after another, on however many connections.
        self.owner.next_change()
        known, past = self._known_or_past(submission)
        if known:
            return AskResult(known)
        tree = Tree(with_parts(past))
        question = question_in(tree)
        cut = _cut_answer(continues, tree) if continues else None
        new = [question] if question._state.adding else []
        reply = Message(
            conversation=self,
            owner_id=self.owner_id,
            role=Message.Role.ASSISTANT,
            number=max(tree.next_number, question.number + 1),
            parent=question,
            continues=cut,
            idempotency_key=submission.idempotency_key,
            request_digest=submission.digest,
        )
        self.model = submission.model or self.model
        self._move_to(reply)
        Message.objects.bulk_create([*new, reply])
        reply.generation = Generation.objects.create(
            message=reply,
            conversation=self,
            model=submission.model,
            writer=submission.writer,
            trace_id=submission.trace_id,
            started_at=Now(),
        )
        said = _said([*tree.path_to(question.parent_id), question], cut)
        return AskResult(reply, tuple(self._turns(said, cut)), tuple(message.pk for message in said))

    def _known_or_past(self, submission: Submission) -> tuple[Message | None, list[Message]]:
        """Return what the same submission made before; for a new one, what was said here so far.

        Raises RequestReused, and for a new one ReplyRunning and TooManyReplies.
        """
        key = submission.idempotency_key
        context = Message.objects.ask_context(self.owner_id, key, self.pk)
        if any(row.idempotency_key == key for row in context.running):
            return self.owner.messages.of_submission(key, submission.digest), []
        while refusal := self._refusal(context.running, submission):
            if not Generation.objects.filter(message__owner=self.owner).sweep(but=submission.alive):
                raise refusal
            # Some were dead: they no longer count, and their texts are in their rows now.
            context = Message.objects.ask_context(self.owner_id, key, self.pk)
        return None, context.past

    def _refusal(self, running: list[Message], submission: Submission) -> ReplyRunning | TooManyReplies | None:
        here = next((row.pk for row in running if row.conversation_id == self.pk), None)
        if here:
            return ReplyRunning(here)
        return TooManyReplies() if len(running) >= submission.most_at_once else None

    def _question(self, tree: Tree[Message], text: str, **where: Any) -> Message:
        number, role = tree.next_number, Message.Role.USER
        return Message(conversation=self, owner_id=self.owner_id, role=role, number=number, text=text, **where)

    def _move_to(self, leaf: Message) -> None:
        """Save the new leaf, before the message itself: the database checks at the end of the transaction.

        A question in an archived conversation takes it out of the archive. Raises DoesNotExist if it was just deleted.
        """
        moved = {
            "leaf_id": leaf.pk,
            "last_message_at": timezone.now(),
            "archived_at": None,
            "model": self.model,
            "change": self.owner.change,
        }
        for name, value in moved.items():
            setattr(self, name, value)
        if self._state.adding:
            self.save(force_insert=True)
        elif not Conversation.objects.alive().filter(pk=self.pk).update(**moved):
            raise Conversation.DoesNotExist

    def _turns(self, said: list[Message], cut: Message | None) -> list[dict[str, Any]]:
        instructions = [{"role": "system", "content": self.instructions}] if self.instructions else []
        return instructions + [message.as_turn() for message in said] + ([GO_ON] if cut else [])


def _said(path: list[Message], cut: Message | None) -> list[Message]:
    """Return what the model reads: without empty answers and their questions."""
    unanswered = {message.parent_id for message in path if message.is_reply and not message.said}
    return [message for message in path if message.said and message.pk not in unanswered] + ([cut] if cut else [])


def _question_of(reply: Message, tree: Tree[Message]) -> Message:
    question = tree.all[reply.parent_id] if reply.parent_id else None
    if not question or question.deleted_at:
        raise Message.DoesNotExist
    return question


def _cut_answer(reply: Message, tree: Tree[Message]) -> Message:
    """Return the answer to continue, with its current text and with the answers that it continues itself."""
    if reply.generation.is_running:
        # It was running when it was found, but may have ended before the lock was held.
        reply.generation.refresh_from_db(fields=["status"])
    found = tree.all[reply.pk]
    if CONTINUE not in ENDINGS[reply.generation.status].actions or not found.whole_text:
        raise NothingToContinue
    return found
