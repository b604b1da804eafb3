"""Save the replies that this process writes: a snapshot every second, and each end."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, Error, InterfaceError, OperationalError

from chat import models
from chat.database_threads import InDatabase
from chat.doorbell import doorbell
from chat.events import Cursor, End, Text
from chat.outages.database import Kind, check_database, database_outage, kind_of
from chat.replies.writer import Writer

logger = logging.getLogger(__name__)

SNAPSHOT_SECONDS = 1.0
SWEEP_SECONDS = 30.0
# The sweep at the start may meet rows whose writer died a moment ago: not yet long enough to count as dead.
SECOND_SWEEP_SECONDS = models.DEAD_AFTER.total_seconds() + 1


class NotStored(Exception):
    """A reply's end could not be saved; `code` is told to its readers."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Snapshots:
    """`writers` is the engine's registry, by reply; `name` is the process, as the rows name their writer."""

    def __init__(
        self, name: str, writers: dict[UUID, Writer], in_database: InDatabase, stop: Callable[[UUID], object]
    ) -> None:
        self._name, self._writers, self._in_database, self._stop = name, writers, in_database, stop

    async def save_end(self, writer: Writer, end: End) -> bool:
        """Save a reply's end, waiting up to SAVE_PATIENCE_SECONDS for the database.

        Returns False if the reply had ended in the database already. Raises NotStored.
        """
        reply, pause, now = writer.job.start.reply, 0.2, asyncio.get_running_loop().time
        deadline = now() + settings.SAVE_PATIENCE_SECONDS
        row = {
            "status": end.status,
            "first_token_at": writer.first_token_at,
            "omitted": writer.omitted,
            "first_sent": writer.first_sent,
        }
        while True:
            try:
                return await self._in_database(
                    models.Generation.objects.finish,
                    reply,
                    writer=self._name,
                    row=row,
                    text=writer.whole_text(),
                    evidence=writer.evidence(end),
                )
            except (OperationalError, InterfaceError) as error:
                if now() + pause > deadline:
                    fate = "reply not saved: only its snapshots are left"
                    logger.error(fate, extra={"reply": reply, "reason": str(error)})
                    raise NotStored("storage_full" if kind_of(error) == Kind.FULL else "not_stored") from error
            except (DatabaseError, ValueError) as error:
                # It can't be stored, and waiting would not help. The sweep will keep what the snapshots have.
                logger.exception("reply not saved", extra={"reply": reply})
                raise NotStored("not_stored") from error
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    async def snapshot_every_second(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            began = now()
            if writers := [writer for writer in self._writers.values() if writer.growing.end is None]:
                await self._snapshot(writers)
            elif database_outage.kind:
                await self._look_again()
            # From start to start: a crash loses no more than this second and the time that one save takes.
            await asyncio.sleep(max(0.0, began + SNAPSHOT_SECONDS - now()))

    async def _snapshot(self, writers: list[Writer]) -> None:
        """Save growth and heartbeat of all replies in one transaction; one by one if that fails."""
        try:
            await self._save_pieces(writers)
        except (OperationalError, InterfaceError):
            return
        except (DatabaseError, ValueError):
            for writer in writers:
                await self._snapshot_one(writer)
        database_outage.worked()

    async def _look_again(self) -> None:
        """Find out whether an outage is over, although there is nothing to save."""
        with suppress(Error):
            await self._in_database(check_database)

    async def _snapshot_one(self, writer: Writer) -> None:
        try:
            await self._save_pieces([writer])
        except (Error, ValueError) as error:
            logger.error("snapshot failed", extra={"reply": writer.job.start.reply, "reason": str(error)})

    async def _save_pieces(self, writers: list[Writer]) -> None:
        grown: list[tuple[Writer, Text, Cursor]] = [(writer, *writer.unsaved()) for writer in writers]
        pieces = [
            models.Piece(generation_id=writer.job.start.reply, text=text.answer, reasoning=text.reasoning)
            for writer, text, _ in grown
        ]
        to_stop = await self._in_database(models.Generation.objects.save_snapshot, self._name, pieces)
        for writer, _, cursor in grown:
            writer.saved = cursor
        for reply in to_stop:
            self._stop(reply)

    async def sweep_now_and_then(self) -> None:
        await self._sweep()
        await asyncio.sleep(SECOND_SWEEP_SECONDS)
        while True:
            await self._sweep()
            await asyncio.sleep(SWEEP_SECONDS)

    async def _sweep(self) -> None:
        try:
            # So that its row is there before its first reply is.
            await self._in_database(models.Process.objects.beat, self._name)
            await self._in_database(models.Generation.objects.disown, self._name, but=list(self._writers))
            ended = await self._in_database(models.Generation.objects.sweep, but=list(self._writers))
            gone = await self._in_database(models.Conversation.objects.purge)
            gone += await self._in_database(models.Message.objects.purge)
            await self._in_database(models.delete_leftovers)
            await self._in_database(models.User.objects.give_missing_keys)
            await self._in_database(models.Rate.objects.purge)
        except Error as error:
            logger.warning("sweep failed", extra={"reason": str(error)})
            return
        for reply in ended:
            doorbell.ring(reply.conversation.owner_id, reply.conversation_id, "changed", reply=reply.pk)
        if gone:
            logger.info("deleted for good", extra={"rows": gone})


def log_end(writer: Writer, end: End, is_saved: bool) -> None:
    """Log one line: ids, figures and how the reply ended; never its text."""
    usage = end.usage
    logger.info(
        "reply ended",
        extra={
            "reply": writer.job.start.reply,
            "conversation": writer.job.start.conversation,
            "owner": writer.job.owner,
            "request_id": writer.job.trace_id,
            "status": end.status,
            "saved": is_saved,
            "finish_reason": end.finish_reason,
            "error": end.code,
            "timer": end.timer,
            "model": writer.facts.model or writer.job.start.model,
            "attempts": writer.facts.attempts,
            "prompt_tokens": usage.prompt_tokens if usage else None,
            "completion_tokens": usage.completion_tokens if usage else None,
            "first_token_ms": writer.evidence(end)["first_token_ms"],
            "duration_ms": round(writer.duration * 1000),
            "chunks": writer.facts.chunks,
            "bytes": writer.facts.bytes,
        },
    )
