"""How long each part of an answer may take."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from chat.upstream.errors import TimedOut


@dataclass(frozen=True)
class Limits:
    """Time limits in seconds. `idle` is the longest silence after the headers; the others are one span each."""

    connect: float
    first_token: float
    idle: float
    total: float


class Timers:
    """The timers of one reply, over all its attempts. They start when this is created, in the reply's task."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.longest_silence = 0.0
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        task = asyncio.current_task()
        assert task  # noqa: S101 - a reply is always written by a task
        self._task = task
        self._first_token_at = self._now() + limits.first_token
        self._total_at = self._now() + limits.total
        self._grace_until = float("inf")
        self._came_at = 0.0
        self._fired = ""

    def has_time_for(self, delay: float) -> bool:
        return self._now() + delay < min(self._first_token_at, self._total_at)

    def token_came(self) -> None:
        self._first_token_at = float("inf")

    def only_wait(self, seconds: float) -> None:
        """Begin the grace after what may be the end, unless it has begun."""
        if self._grace_until == float("inf"):
            self._grace_until = self._now() + seconds
            self._alarm.cancel()
            self._look()

    def wait_on(self) -> None:
        """End the grace: it was not the end."""
        self._grace_until = float("inf")

    @asynccontextmanager
    async def until_first_token(self) -> AsyncIterator[None]:
        """Limit the wait for the first token. Raises TimedOut."""
        at, timer = min((self._first_token_at, "first_token"), (self._total_at, "total"))
        try:
            async with asyncio.timeout_at(at):
                yield
        except TimeoutError:
            raise TimedOut(timer) from None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Run the timers while the body is read. Anything received, even a comment, resets the idle timer.

        Raises TimedOut. There is one alarm for all pieces: when it fires, it checks how long the silence really was.
        """
        self._came_at, self._fired = self._now(), ""
        self._look()
        try:
            yield
        except asyncio.CancelledError:
            if self._fired and not self._task.uncancel():
                raise TimedOut(self._fired) from None
            raise
        finally:
            self._alarm.cancel()
            self.something_came()

    def something_came(self) -> None:
        now = self._now()
        self.longest_silence = max(self.longest_silence, now - self._came_at)
        self._came_at = now

    def _look(self) -> None:
        at, timer = min(
            (min(self._came_at + self.limits.idle, self._grace_until), "idle"),
            (self._first_token_at, "first_token"),
            (self._total_at, "total"),
        )
        if at > self._now():
            self._alarm = self._loop.call_at(at, self._look)
        else:
            self._fired = timer
            self._task.cancel()
