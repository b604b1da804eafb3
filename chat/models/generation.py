from __future__ import annotations

import logging
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from django.db import models, transaction
from django.db.models.functions import Now
from django.db.models.lookups import LessThan
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.models import endings
from chat.models.evidence import Evidence
from chat.models.message import Message
from chat.models.process import DEAD_AFTER, Process
from chat.models.status import Status
from chat.outages.database import database_outage

logger = logging.getLogger(__name__)

# The version before this one looks at each reply's own heartbeat, which now never comes: for this long it takes none of
# our replies for dead, and after a way back to it, it ends those that nobody writes.
RESERVED = timedelta(days=1)
# Dead processes that the log has a warning about.
_told_of: set[str] = set()
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class StoredState:
    """A reply as the database has it. `end` and `usage` have the fields of the events of these names."""

    writer: str
    text: str
    reasoning: str
    end: dict[str, Any] | None = None
    usage: dict[str, int | None] | None = None


class DatabaseStart(models.Func):
    """When PostgreSQL was started; an SQLite file has always been there."""

    function = "pg_postmaster_start_time"
    arity = 0
    output_field = models.DateTimeField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, tuple[str, ...]]:
        return "'1970-01-01'", ()


class GenerationQuerySet(models.QuerySet["Generation"]):
    def running(self) -> GenerationQuerySet:
        return self.filter(status=Status.STREAMING)

    def dead(self) -> GenerationQuerySet:
        """Return replies whose writer is dead, by the database's clock, the only one that all processes share.

        After a start of the database every writer has DEAD_AFTER again: before that, nobody could have heard it. The
        same holds after an outage that only this process may have noticed, such as that of a server that hung.
        """
        if database_outage.was_within(DEAD_AFTER.total_seconds()):
            return self.none()
        past = Now() - DEAD_AFTER
        silent = models.Exists(Process.objects.silent().filter(name=models.OuterRef("writer")))
        # The version before this one beats in each of its replies' rows, and has no row of its own.
        is_dead = models.Q(heartbeat_at__lt=past) | models.Q(silent, started_at__lt=past)
        return self.running().filter(is_dead, LessThan(DatabaseStart(), past))

    def sweep(self, *, but: Collection[uuid.UUID]) -> list[Generation]:
        """End all dead replies except those that the caller itself writes. Returns those it ended."""
        dead = self.dead().exclude(pk__in=but).select_related("conversation")
        return [generation for generation in dead if generation.interrupt()]

    def disown(self, writer: str, *, but: Collection[uuid.UUID]) -> None:
        """Let others end what `writer` no longer writes although it lives: a reply that could not be saved in time."""
        mine = self.running().filter(writer=writer, started_at__lt=Now() - DEAD_AFTER)
        mine.exclude(pk__in=but).update(heartbeat_at=models.F("started_at"))

    def save_snapshot(self, writer: str, grown: Iterable[Piece]) -> set[uuid.UUID]:
        """Save heartbeat and growth in one transaction. Returns the replies that someone wants stopped."""
        mine = self.running().filter(writer=writer)
        with transaction.atomic():
            Process.objects.beat(writer)
            # Locked, not written: a piece of a reply that just ended would stay forever.
            wishes = dict(mine.select_for_update(no_key=True).values_list("pk", "stop_requested_at"))
            Piece.objects.bulk_create(
                piece for piece in grown if piece.generation_id in wishes and (piece.text or piece.reasoning)
            )
        return {reply for reply, stop_requested_at in wishes.items() if stop_requested_at}

    def state_of(self, reply: uuid.UUID, known: Mapping[str, str] = NOTHING) -> StoredState:
        """Return text and end as the database has them, after ending a dead reply. `known`: the text the caller has."""
        generation = self.select_related("message", "message__evidence").get(pk=reply)
        generation.end_if_dead(known)
        end, usage = None, None
        if not generation.is_running:
            generation = self.select_related("message", "message__evidence").get(pk=reply)
            evidence = getattr(generation.message, "evidence", None) or Evidence()
            end = {
                "status": generation.status,
                "finish_reason": evidence.finish_reason,
                "code": evidence.error_code,
                "detail": evidence.error_detail,
                "timer": evidence.timer,
            }
            usage = evidence.usage
        return StoredState(generation.writer, **generation.saved_so_far(), end=end, usage=usage)

    def finish(
        self, reply: uuid.UUID, *, writer: str, row: dict[str, Any], text: dict[str, str], evidence: dict[str, Any]
    ) -> bool:
        """Write the one guarded end, as the writer. Returns False if someone else ended it first.

        A sweep's "interrupted" is provisional: its writer may only have been cut off from the database, and then
        replaces it with what really happened.
        """
        open_to_me = (Status.STREAMING, Status.INTERRUPTED)
        with transaction.atomic():
            if not self.filter(pk=reply, writer=writer, status__in=open_to_me).update(ended_at=Now(), **row):
                return False
            generation = self.select_related("conversation__owner").get(pk=reply)
            generation.keep(text)
            # A sweep leaves little evidence, but an earlier end by the same writer leaves all.
            Evidence.objects.bulk_create(
                [Evidence(message_id=reply, **evidence)],
                update_conflicts=True,
                unique_fields=["message"],
                update_fields=list(evidence),
            )
        return True


def reserved() -> datetime:
    return timezone.now() + RESERVED


class Generation(models.Model):
    """The writing of an answer: a narrow row that is written at its birth and its end, one to one with its message."""

    message = models.OneToOneField(
        "chat.Message",
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="generation",
        verbose_name=_("message"),
    )
    conversation = models.ForeignKey(
        "chat.Conversation", on_delete=models.CASCADE, related_name="generations", verbose_name=_("conversation")
    )
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.STREAMING)
    model = models.CharField(_("model"), max_length=200, blank=True)
    writer = models.CharField(_("process that writes"), max_length=32)
    omitted = models.PositiveIntegerField(_("turns that did not fit"), default=0)
    # A plain id: that message may be deleted. Empty if the whole conversation was sent.
    first_sent = models.UUIDField(_("first message that was sent"), null=True)
    # For the version before, which looks at nothing else; our own processes have a heart for all of their replies.
    heartbeat_at = models.DateTimeField(_("heartbeat for the version before"), default=reserved)
    # The X-Request-ID of the question: a reply can be looked up from its birth on, whoever ends it.
    trace_id = models.CharField(_("request"), max_length=64, blank=True, default="", db_default="")
    stop_requested_at = models.DateTimeField(_("stop requested"), null=True)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    first_token_at = models.DateTimeField(_("first token"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    objects = GenerationQuerySet.as_manager()

    class Meta:
        verbose_name = _("reply")
        verbose_name_plural = _("replies")
        constraints = [
            models.UniqueConstraint(
                fields=["conversation"], condition=models.Q(status=Status.STREAMING), name="generation_one_running"
            ),
        ]
        indexes = [
            # For the sweep.
            models.Index(
                fields=["heartbeat_at"], condition=models.Q(status=Status.STREAMING), name="generation_running"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def is_running(self) -> bool:
        return self.status == Status.STREAMING

    def end_if_dead(self, known: Mapping[str, str] = NOTHING) -> bool:
        """End the reply if its writer is dead. Returns whether it has ended, by this call or before."""
        if self.is_running and type(self).objects.dead().filter(pk=self.pk).exists():
            self.interrupt(known)
        return not self.is_running

    def interrupt(self, known: Mapping[str, str] = NOTHING) -> bool:
        """End a reply whose writer is gone, with the longest text there is. Returns False if it had already ended."""
        with transaction.atomic():
            dead = type(self).objects.dead().filter(pk=self.pk)
            ended = dead.update(status=Status.INTERRUPTED, ended_at=Now())
            if ended:
                self._leave_evidence()
                # A reader elsewhere may have more than was saved.
                saved = self.saved_so_far()
                self.keep({name: max(text, known.get(name, ""), key=len) for name, text in saved.items()})
        self.refresh_from_db(fields=["status", "ended_at"])
        if ended:
            self._log_sweep()
        return bool(ended)

    def _leave_evidence(self) -> None:
        """Store what is known without the writer, so that the reply is found by its request."""
        known = Evidence(message_id=self.pk, trace_id=self.trace_id, model=self.model)
        Evidence.objects.bulk_create([known], ignore_conflicts=True)

    def _log_sweep(self) -> None:
        """Log one line, whoever has found the reply, the sweep or a reader; and a warning for each dead process."""
        if self.writer not in _told_of:
            _told_of.add(self.writer)
            left = type(self).objects.running().filter(writer=self.writer).count()
            extra = {"writer": self.writer, "replies": left + 1}
            logger.warning("process died: its replies end as interrupted", extra=extra)
        logger.info(
            "reply swept",
            extra={
                "reply": self.pk,
                "conversation": self.conversation_id,
                "owner": self.conversation.owner_id,
                "request_id": self.trace_id,
                "status": self.status,
                "writer": self.writer,
            },
        )

    def request_stop(self) -> None:
        """Ask the writer to stop. It sees that at its next heartbeat, whatever process it runs in."""
        type(self).objects.running().filter(pk=self.pk).update(stop_requested_at=Now())

    def saved_so_far(self) -> dict[str, str]:
        """Return the text so far, at most a second behind what was sent; after the end, the message's own."""
        if not self.is_running:
            return {"text": self.message.text, "reasoning": self.message.reasoning}
        pieces = list(self.pieces.order_by("id"))
        return {name: "".join(getattr(piece, name) for piece in pieces) for name in ("text", "reasoning")}

    def keep(self, text: dict[str, str]) -> None:
        """Move the text from the pieces into the message, where it stays."""
        self.pieces.all().delete()
        Message.objects.filter(pk=self.pk).update(**text)
        owner = self.conversation.owner
        owner.next_change()
        type(self.conversation).objects.filter(pk=self.conversation_id).update(change=owner.change)

    @property
    def ending(self) -> endings.Ending:
        """The sentence for the user, and what they may do now."""
        evidence: Evidence | None = getattr(self.message, "evidence", None)
        return endings.ending_of(
            self.status,
            error_code=evidence.error_code if evidence else "",
            detail=evidence.error_detail if evidence else "",
            timer=evidence.timer if evidence else "",
        )


class Piece(models.Model):
    """What grew between two snapshots. At the end the pieces are joined into the message and deleted."""

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="pieces")
    text = models.TextField(blank=True)
    reasoning = models.TextField(blank=True)
