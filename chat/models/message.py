from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from operator import attrgetter
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.models.errors import ReplyRunning, RequestReused
from chat.models.status import Status
from chat.models.tree import Row, Tree, Versions

_is_past = attrgetter("is_past")


class AskContext(NamedTuple):
    """What exists before a new reply. `running`: the submission's own reply and all running replies of its owner."""

    running: list[Message]
    past: list[Message]


# Other replies wait to be saved during the purge.
PURGED_AT_ONCE = 50
UUID = models.UUIDField()
# Written by hand: the ORM would build it again for every question, at ten times the cost. The past includes deleted
# messages: others are below them in the tree, and their numbers are taken.
ASK_CONTEXT = """
    SELECT chat_message.*, FALSE AS is_past FROM chat_message WHERE owner_id = %s AND request_id = %s
    UNION ALL
    SELECT chat_message.*, FALSE AS is_past FROM chat_message
        JOIN chat_generation ON chat_generation.message_id = chat_message.id
        WHERE owner_id = %s AND status = 'streaming'
    UNION ALL
    SELECT chat_message.*, TRUE AS is_past FROM chat_message
        JOIN chat_conversation ON chat_conversation.id = chat_message.conversation_id
        WHERE chat_message.conversation_id = %s AND chat_conversation.deleted_at IS NULL
    ORDER BY number
"""


class MessageQuerySet(models.QuerySet["Message"]):
    def alive(self) -> MessageQuerySet:
        return self.filter(deleted_at=None, conversation__deleted_at=None)

    def replies(self) -> MessageQuerySet:
        return self.alive().filter(role=Message.Role.ASSISTANT)

    def questions(self) -> MessageQuerySet:
        return self.alive().filter(role=Message.Role.USER)

    def purge(self) -> int:
        """Blank for good what was deleted DELETED_DAYS ago. The rows stay, because other messages are below them."""
        old = self.filter(deleted_at__lt=timezone.now() - timedelta(days=settings.DELETED_DAYS))
        with_text = old.exclude(text="", reasoning="").values_list("pk", flat=True)[:PURGED_AT_ONCE]
        return old.filter(pk__in=list(with_text)).update(text="", reasoning="")

    def ask_context(self, owner: uuid.UUID, key: uuid.UUID, conversation: uuid.UUID) -> AskContext:
        """Return it in one query, each part of which has its index. A row may be in several parts."""
        prepared = [UUID.get_db_prep_value(id_, connection) for id_ in (owner, key, owner, conversation)]
        rows = list(self.raw(ASK_CONTEXT, prepared))
        return AskContext([row for row in rows if not _is_past(row)], [row for row in rows if _is_past(row)])

    def tree(self) -> Tree[Row]:
        """Return the tree of one conversation's messages, without their texts."""
        return Tree(Row(*row) for row in self.values_list(*Row._fields))

    def of_submission(self, key: uuid.UUID, digest: str) -> Message | None:
        """Return the reply that this submission made before, or None. Raises RequestReused if its body differed."""
        reply = self.filter(idempotency_key=key).select_related("generation").first()
        if reply and reply.request_digest != digest:
            raise RequestReused
        return reply


class Message(models.Model):
    """A question or an answer. Never changed once it has ended: an edit is a new row, a sibling in the tree."""

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
    # On the wire it is `request_id`.
    idempotency_key = models.UUIDField(_("request of the client"), null=True, db_column="request_id")
    request_digest = models.CharField(_("hash of the request"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    deleted_at = models.DateTimeField(_("deleted"), null=True)

    objects = MessageQuerySet.as_manager()
    # Which of several versions this is; set where a page shows it.
    versions: Versions | None = None

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(fields=["conversation", "number"], name="message_number_unique"),
            models.UniqueConstraint(fields=["owner", "idempotency_key"], name="message_request_unique"),
        ]
        indexes = [
            # What the search leaves out.
            models.Index(fields=["owner"], condition=models.Q(deleted_at__isnull=False), name="message_deleted"),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} {self.number}"

    @property
    def is_reply(self) -> bool:
        return self.role == self.Role.ASSISTANT

    @property
    def parts(self) -> list[Message]:
        """The answer and those that it continues, the oldest first: shown, sent and exported as one."""
        parts = [self]
        while before := parts[-1].continues:
            parts.append(before)
        return parts[::-1]

    @property
    def whole_text(self) -> str:
        return "".join(part.text for part in self.parts)

    @property
    def text_before(self) -> str:
        """The text that this one continues."""
        return "".join(part.text for part in self.parts[:-1])

    @property
    def whole_reasoning(self) -> str:
        return "\n\n".join(part.reasoning for part in self.parts if part.reasoning)

    @property
    def said(self) -> str:
        """The text that counts as the answer: some servers send all of it as reasoning (vLLM #40816)."""
        return self.whole_text or self.whole_reasoning

    @property
    def reasoning_seconds(self) -> int | None:
        """How long the reasoning took; None if it was not measured."""
        measured = [part.evidence.reasoning_ms for part in self.parts if part.reasoning and hasattr(part, "evidence")]
        total = sum(ms for ms in measured if ms is not None)
        return max(1, round(total / 1000)) if total else None

    def as_turn(self) -> dict[str, Any]:
        """Return the message as the chat completions API expects it."""
        return {"role": self.role, "content": self.said}

    # --- What the user does with branches; all raise ReplyRunning -------------------------------------------

    @transaction.atomic
    def show(self) -> None:
        """Show the newest of the branches that go through this message."""
        tree = self._lock()
        self._read_at(tree.latest_below(tree.shown_as(tree.all[self.pk]).pk))

    @transaction.atomic
    def delete_pair(self) -> None:
        """Delete a question and its answers. What came after stays; if nothing did, the branch ends before it."""
        tree = self._lock()
        pair = [one.pk for one in tree.pair_of(tree.all[self.pk])]
        self.deleted_at = timezone.now()
        Message.objects.filter(pk__in=pair, deleted_at=None).update(deleted_at=self.deleted_at)
        self._read_at(self.conversation.messages.tree().latest_below(self.conversation.leaf_id))

    @transaction.atomic
    def restore_pair(self) -> None:
        """Restore what was deleted together, and show it."""
        self._lock()
        Message.objects.filter(conversation=self.conversation_id, deleted_at=self.deleted_at).update(deleted_at=None)
        tree = self.conversation.messages.tree()
        is_read = any(one.pk == self.pk for one in tree.path_to(self.conversation.leaf_id))
        self._read_at(tree.latest_below(self.conversation.leaf_id if is_read else self.pk))

    def _lock(self) -> Tree[Row]:
        """Wait for the user's other changes, by incrementing the change number first, and return the tree."""
        self.conversation.owner.next_change()
        if running := self.conversation.generations.filter(status=Status.STREAMING).first():
            raise ReplyRunning(running.pk)
        self.conversation.refresh_from_db(fields=["leaf"])
        return self.conversation.messages.tree()

    def _read_at(self, leaf: Row | None) -> None:
        self.conversation.leaf_id = leaf.pk if leaf else None
        change = self.conversation.owner.change
        type(self.conversation).objects.filter(pk=self.conversation_id).update(
            leaf_id=self.conversation.leaf_id, change=change
        )


def with_parts(messages: Iterable[Message]) -> list[Message]:
    """Return the same messages, each with the one it continues filled in, so that none is queried one by one."""
    by_id = {message.pk: message for message in messages}
    for message in by_id.values():
        if message.continues_id:
            message.continues = by_id[message.continues_id]
    return list(by_id.values())
