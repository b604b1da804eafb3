"""All replies that this process writes: begin them, save them every second, stop, sweep and drain them."""

import asyncio
import contextvars
import logging
import uuid
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections

from chat.accounts.logins import logins
from chat.database_threads import DatabaseThread
from chat.doorbell import doorbell
from chat.events import End, Start
from chat.models import Generation, Message, Status
from chat.outages.database import database_outage
from chat.outages.model_server import model_server_outage
from chat.replies.follower import Follower
from chat.replies.growing import Growing
from chat.replies.learned import Learned
from chat.replies.redis_streams import RedisStreams
from chat.replies.relay import Relay
from chat.replies.snapshots import NotStored, Snapshots, log_end
from chat.replies.titles import Titles, Untitled
from chat.replies.writer import Job, Writer
from chat.upstream import Catalogue, ModelInfo, Upstream, UpstreamError

logger = logging.getLogger(__name__)

# After the drain: time for the final saves, and for the readers to get their end.
END_SECONDS = 5.0
CANCEL_SECONDS = 0.5
# How long a stop waits for the end. A reply that is written elsewhere hears of the stop a moment later.
STOP_SECONDS = 5.0

T = TypeVar("T")


class Engine:
    """One per process. `begin`, `stop` and `offered` may be called from any thread, the rest from its loop."""

    def __init__(self) -> None:
        self.boot_id = uuid.uuid4().hex
        self.draining = self._is_over = False
        # Every reply that is written here, from its start to its stored end.
        self._writers: dict[UUID, Writer] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._learned = Learned()
        self._snapshots = Snapshots(self.boot_id, self._writers, self.in_database, self.stop)
        self._relay: Relay | None = None
        self._catalogue: Catalogue | None = None

    # --- Life of the process ------------------------------------------------------------------------------------

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start on the loop that serves. What runs from now on inherits nothing from a request."""
        self.draining = self._is_over = False
        self._loop = loop
        # One thread with one connection writes for all replies; requests have their own.
        self._thread = DatabaseThread("writer")
        self._upstream = Upstream(
            settings.LLM_BASE_URL,
            api_key=settings.LLM_API_KEY,
            headers=settings.LLM_HEADERS,
            begins_in_reasoning=settings.LLM_BEGINS_IN_REASONING,
            allowed=settings.LLM_MODELS,
        )
        self._catalogue = self._upstream.catalogue
        if settings.REDIS_URL:
            self._relay = Relay(RedisStreams(settings.REDIS_URL), self.boot_id, self.stop)
            self._spawn(self._relay.run())
        self._titles = Titles(self.in_database)
        self._follower = Follower(self.in_database, self._spawn, self._relay)
        self._spawn(self._upstream.keep_pace())
        self._spawn(self._look_at_models())
        self._spawn(self._snapshots.snapshot_every_second())
        self._spawn(self._snapshots.sweep_now_and_then())
        self._spawn(logins.look_now_and_then(self.in_database))

    async def drain(self) -> None:
        """Take no new replies. Running ones go on for DRAIN_SECONDS at most, then end as interrupted, with all text."""
        self.draining = True
        await self._until_all_have_ended(settings.DRAIN_SECONDS)
        self._is_over = True
        for writer in self._writers.values():
            writer.cut_short("interrupted")
        await self._until_all_have_ended(END_SECONDS)
        for reply in self._writers:
            logger.error("reply not saved: the process ends", extra={"reply": reply})

    async def close(self) -> None:
        """End all tasks, once the readers are gone: from then on, nobody can be told of an end that was not saved."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            # Repeat until it works: the Redis client may swallow a cancellation that comes at the wrong moment.
            await asyncio.wait(self._tasks, timeout=CANCEL_SECONDS)
        await self._upstream.aclose()

    async def _until_all_have_ended(self, seconds: float) -> None:
        """Wait for all replies. Polls, because a question that was being stored at the drain starts its reply later."""
        until = self._loop.time() + seconds
        while self._writers and self._loop.time() < until:  # noqa: ASYNC110 - an event would be one more thing to set
            await asyncio.sleep(0.05)

    async def _look_at_models(self) -> None:
        """Fetch the list of models, so that the first question does not wait for it."""
        await self.models()

    # --- For the views -----------------------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        return len(self._writers) >= settings.MAX_REPLIES

    def begin(self, job: Job) -> None:
        """Begin a reply. Call it in the thread that committed the question, so that no disconnect comes in between."""
        self._loop.call_soon_threadsafe(self._begin, job)

    def stop(self, reply: UUID) -> bool:
        """Stop a reply. Returns False if it is not written here."""
        if writer := self._writers.get(reply):
            self._loop.call_soon_threadsafe(writer.cut_short, "stopped")
        return writer is not None

    async def models(self) -> tuple[ModelInfo, ...]:
        """Return the models the upstream offers; none while it can't be asked."""
        try:
            return await self._upstream.catalogue.models()
        except UpstreamError:
            return ()

    def offered(self) -> tuple[ModelInfo, ...]:
        """Return the last known list of models, from any thread and without waiting."""
        if not self._catalogue:
            return ()
        self._loop.call_soon_threadsafe(self._catalogue.look_again)
        return self._catalogue.known

    def running(self) -> list[UUID]:
        """Return the replies that are written here."""
        return list(self._writers)

    async def growing_of(self, reply: Message) -> Growing:
        """Return the reply's text, wherever it is: in this process, in another process's snapshots, or in its row."""
        if writer := self._writers.get(reply.pk):
            return writer.growing
        return await self._follower.growing(start_of(reply))

    def end_if_dead(self, generation: Generation) -> None:
        """End a reply whose writer is dead, unless it is written right here: only its heartbeat is late then."""
        if generation.pk not in self._writers:
            generation.end_if_dead()

    async def stop_and_wait(self, reply: Message) -> str:
        """Stop a reply, whichever process writes it. Returns the status that it has after STOP_SECONDS at most."""
        if not reply.generation.is_running:
            return reply.generation.status
        if not self.stop(reply.pk):
            await sync_to_async(reply.generation.request_stop)()
            await self._stop_elsewhere(reply)
        growing = await self.growing_of(reply)
        await growing.wait_for_end(STOP_SECONDS)
        return growing.end.status if growing.end else Status.STREAMING

    async def in_database(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run a whole unit of sync work on the writers' connection."""

        def unit() -> T:
            try:
                close_old_connections()
                return work(*args, **kwargs)
            except (OperationalError, InterfaceError) as error:
                database_outage.failed(error)
                raise

        return await self._loop.run_in_executor(self._thread, unit)

    # --- One reply --------------------------------------------------------------------------------------------------

    def _begin(self, job: Job) -> None:
        self._writers[job.start.reply] = writer = Writer(job, Growing(job.start), self._learned)
        if self._relay:
            self._relay.send(writer.growing)
        if self._is_over:
            writer.cut_short("interrupted")
        self._spawn(self._write(writer))

    async def _stop_elsewhere(self, reply: Message) -> None:
        if self._relay:
            await self._relay.stop_elsewhere(reply.generation.writer, reply.pk)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task that outlives its request: held here, with a context of its own."""
        task = self._loop.create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _write(self, writer: Writer) -> None:
        reply = writer.job.start.reply
        end, is_saved = await writer.run(self._upstream), False
        try:
            is_saved = await self._snapshots.save_end(writer, end)
            log_end(writer, end, is_saved)
            if end.code != "internal":
                model_server_outage.note(end.status, end.code or end.timer)
        except NotStored as not_stored:
            # However the model ended it: the reader has the only copy.
            end = End("failed", end.finish_reason, end.usage, not_stored.code)
            log_end(writer, end, is_saved)
        finally:
            # Only now: a reader who hears of the end finds the message in the database.
            writer.growing.finish(end)
            del self._writers[reply]
            doorbell.ring(writer.job.owner, writer.job.start.conversation, "changed", reply=reply)
        if is_saved and end.status == "complete":
            self._start_title(writer)

    def _start_title(self, writer: Writer) -> None:
        """Ask for a title in the background. If the process ends first, only a better title is lost."""
        if settings.LLM_TITLES and not self.draining and (about := Untitled.of(writer)):
            self._spawn(self._titles.give(self._upstream, about))


def start_of(reply: Message) -> Start:
    assert reply.parent_id  # noqa: S101 - an answer has a question
    return Start(reply.conversation_id, reply.parent_id, reply.pk, reply.generation.model)


engine = Engine()
