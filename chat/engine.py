"""The replies that this process writes: begun, saved every second, stopped, swept, drained."""

import asyncio
import contextvars
import logging
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections

from chat import models
from chat.events import Cursor, End, Start, Text, Usage
from chat.generation import Job, Writer
from chat.live import Growing, Replies
from chat.upstream import Model, Upstream, UpstreamError

logger = logging.getLogger(__name__)

SNAPSHOT_SECONDS = 1.0
SWEEP_SECONDS = 30.0
# A sweep at the start meets rows whose writer has died a moment ago: they are dead, but not for long enough yet.
SECOND_SWEEP_SECONDS = models.DEAD_AFTER.total_seconds() + 1
# After the drain, for the final saves and for the readers to get their end.
END_SECONDS = 5.0

T = TypeVar("T")


class Engine:
    """One for each process. `begin`, `stop` and `offered` may be called from any thread, the rest from its loop."""

    def __init__(self) -> None:
        self.boot_id = uuid.uuid4().hex
        self.replies = Replies()
        self.draining = self._is_over = False
        self._writers: dict[UUID, Writer] = {}
        # All readers of a reply share its text, and it goes with the last of them.
        self._followed: WeakValueDictionary[UUID, Growing] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[Any]] = set()
        # One thread and one connection write for all replies, beside the requests' own.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="writer")
        self._database_is_away = False

    # --- Life of the process ------------------------------------------------------------------------------------

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called on the loop that serves. Nothing of a request is inherited by what runs from now on."""
        self.draining = self._is_over = False
        self._loop = loop
        self._upstream = Upstream(
            settings.LLM_BASE_URL,
            api_key=settings.LLM_API_KEY,
            begins_in_reasoning=settings.LLM_BEGINS_IN_REASONING,
        )
        self._spawn(self._look_at_models())
        self._clocks = [self._spawn(self._snapshot_every_second()), self._spawn(self._sweep_now_and_then())]

    async def drain(self) -> None:
        """No new replies; the running ones may go on for a while, then they end as interrupted with all their text."""
        self.draining = True
        await self._until_all_have_ended(settings.DRAIN_SECONDS)
        self._is_over = True
        for writer in self._writers.values():
            writer.cut_short("interrupted")
        await self._until_all_have_ended(END_SECONDS)
        for reply in self._writers:
            logger.error("reply not saved: the process ends", extra={"reply": reply})
        for clock in self._clocks:
            clock.cancel()
        # What waits there for a database that is away would hold up the exit.
        self._thread.shutdown(wait=False, cancel_futures=True)
        await self._upstream.aclose()

    async def _until_all_have_ended(self, seconds: float) -> None:
        """Looks again and again: a question that was being stored when the drain began starts its reply later."""
        until = self._loop.time() + seconds
        while self._writers and self._loop.time() < until:
            await asyncio.sleep(0.05)

    async def _look_at_models(self) -> None:
        """So that the first question does not wait for the list."""
        await self.models()

    # --- What the views ask for -----------------------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        return len(self._writers) >= settings.MAX_REPLIES

    def begin(self, job: Job) -> None:
        """From any thread, at best the one that has just committed: no disconnect comes between the two."""
        self._loop.call_soon_threadsafe(self._begin, job)

    def stop(self, reply: UUID) -> bool:
        """False if it is not written here."""
        if writer := self._writers.get(reply):
            self._loop.call_soon_threadsafe(writer.cut_short, "stopped")
        return writer is not None

    async def models(self) -> tuple[Model, ...]:
        """What the upstream offers, or nothing while it can't be asked."""
        try:
            return await self._upstream.catalogue.models()
        except UpstreamError:
            return ()

    def offered(self) -> tuple[Model, ...]:
        """The same for the threads of plain pages."""
        return asyncio.run_coroutine_threadsafe(self.models(), self._loop).result()

    async def follow(self, start: Start) -> Growing:
        """A reply that is not written here: its snapshots as they come, to its end. Ended already: whole."""
        if shared := self._shared(start.reply):
            return shared
        growing = Growing(start)
        is_whole = await self._look(growing)
        # Another reader may have been faster.
        if shared := self._shared(start.reply):
            return shared
        self._followed[start.reply] = growing
        if not is_whole:
            self._spawn(self._keep_looking(growing))
        return growing

    def _shared(self, reply: UUID) -> Growing | None:
        """None too if it was swept: its writer may have been only cut off, and replace that end by its own."""
        growing = self._followed.get(reply)
        is_final = growing and not (growing.end and growing.end.status == "interrupted")
        return growing if is_final else None

    async def in_database(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """A whole unit of sync work on the writers' connection."""

        def unit() -> T:
            close_old_connections()
            return work(*args, **kwargs)

        return await self._loop.run_in_executor(self._thread, unit)

    # --- One reply --------------------------------------------------------------------------------------------------

    def _begin(self, job: Job) -> None:
        self._writers[job.start.reply] = writer = Writer(job, self.replies.open(job.start))
        if self._is_over:
            writer.cut_short("interrupted")
        self._spawn(self._write(writer))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that outlives its request: held here, and with a context of its own."""
        task = self._loop.create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _write(self, writer: Writer) -> None:
        reply = writer.job.start.reply
        end = await writer.run(self._upstream)
        try:
            is_saved = await self._save_end(writer, end)
            log_end(writer, end, is_saved)
        finally:
            # Not before: who is told of the end finds the message in the database.
            writer.growing.finish(end)
            del self._writers[reply]
            self.replies.close(reply)

    async def _save_end(self, writer: Writer, end: End) -> bool:
        """Wait for a database that is away, within the patience that is set."""
        reply, deadline, pause = writer.job.start.reply, self._loop.time() + settings.SAVE_PATIENCE_SECONDS, 0.2
        row = {"status": end.status, "first_token_at": writer.first_token_at, "omitted": writer.omitted}
        while True:
            try:
                return await self.in_database(
                    models.Generation.objects.finish,
                    reply,
                    writer=self.boot_id,
                    row=row,
                    text=writer.whole_text(),
                    evidence=writer.evidence(end),
                )
            except (OperationalError, InterfaceError) as error:
                if self._loop.time() + pause > deadline:
                    logger.error("reply not saved: its text is lost", extra={"reply": reply, "reason": str(error)})
                    return False
            except DatabaseError:
                # Waiting would not help; the sweep will keep what the snapshots have.
                logger.exception("reply not saved", extra={"reply": reply})
                return False
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    async def _keep_looking(self, growing: Growing) -> None:
        while not growing.end:
            await asyncio.sleep(SNAPSHOT_SECONDS)
            await self._look(growing)

    async def _look(self, growing: Growing) -> bool:
        """Take over what the database has beyond what is here; True at the end."""
        try:
            state = await self.in_database(models.Generation.objects.state_of, growing.start.reply)
        except (OperationalError, InterfaceError):
            return False
        have = growing.cursor
        growing.append(Text(state.reasoning[have.reasoning :], state.text[have.answer :]))
        if state.end:
            growing.finish(End(**state.end, usage=Usage(**state.usage) if state.usage else None))
        return growing.end is not None

    # --- Every second -------------------------------------------------------------------------------------------------

    async def _snapshot_every_second(self) -> None:
        while True:
            await asyncio.sleep(SNAPSHOT_SECONDS)
            if writers := [writer for writer in self._writers.values() if writer.growing.end is None]:
                await self._snapshot(writers)

    async def _snapshot(self, writers: list[Writer]) -> None:
        """What grew and the heartbeat, of all replies in one transaction; one by one if that fails."""
        try:
            await self._save_pieces(writers)
        except (OperationalError, InterfaceError) as error:
            if not self._database_is_away:
                logger.warning("database is away: replies go on in memory", extra={"reason": str(error)})
            self._database_is_away = True
            return
        except DatabaseError:
            for writer in writers:
                await self._snapshot_one(writer)
        if self._database_is_away:
            logger.warning("database is back")
        self._database_is_away = False

    async def _snapshot_one(self, writer: Writer) -> None:
        try:
            await self._save_pieces([writer])
        except DatabaseError as error:
            logger.error("snapshot failed", extra={"reply": writer.job.start.reply, "reason": str(error)})

    async def _save_pieces(self, writers: list[Writer]) -> None:
        grown: list[tuple[Writer, Text, Cursor]] = [(writer, *writer.unsaved()) for writer in writers]
        pieces = [
            models.Piece(generation_id=writer.job.start.reply, text=text.answer, reasoning=text.reasoning)
            for writer, text, _ in grown
        ]
        to_stop = await self.in_database(models.Generation.objects.save_snapshot, self.boot_id, pieces)
        for writer, _, cursor in grown:
            writer.saved = cursor
        for reply in to_stop:
            self.stop(reply)

    async def _sweep_now_and_then(self) -> None:
        await self._sweep()
        await asyncio.sleep(SECOND_SWEEP_SECONDS)
        while True:
            await self._sweep()
            await asyncio.sleep(SWEEP_SECONDS)

    async def _sweep(self) -> None:
        try:
            ended = await self.in_database(models.Generation.objects.sweep, but=self.replies.ids())
        except DatabaseError as error:
            logger.warning("sweep failed", extra={"reason": str(error)})
            return
        for reply in ended:
            logger.info("reply swept", extra={"reply": reply, "status": "interrupted"})


def log_end(writer: Writer, end: End, is_saved: bool) -> None:
    """One line for each reply: ids, figures and how it ended; never a text."""
    usage = end.usage
    logger.info(
        "reply ended",
        extra={
            "reply": writer.job.start.reply,
            "conversation": writer.job.start.conversation,
            "owner": writer.job.owner,
            "request_id": writer.job.request_id,
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


engine = Engine()
