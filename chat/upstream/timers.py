"""How long each part of an answer may take."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from chat.upstream.errors import TimedOut


@dataclass(frozen=True)
class Limits:
    """In seconds. `idle` is the longest silence once the headers are there; the others are one span each."""

    connect: float
    first_token: float
    idle: float
    total: float


class Timers:
    """The timers of one reply, over all its attempts; they run from the moment that this is made, in its task."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.longest_silence = 0.0
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        task = asyncio.current_task()
        assert task  # noqa: S101 - it is a task that writes a reply
        self._task = task
        self._first_token_at = self._now() + limits.first_token
        self._total_at = self._now() + limits.total

    def has_time_for(self, delay: float) -> bool:
        return self._now() + delay < min(self._first_token_at, self._total_at)

    def token_came(self) -> None:
        self._first_token_at = float("inf")

    def only_wait(self, seconds: float) -> None:
        self._total_at = min(self._total_at, self._now() + seconds)

    @asynccontextmanager
    async def until_first_token(self) -> AsyncIterator[None]:
        """Raises TimedOut."""
        at, timer = min((self._first_token_at, "first_token"), (self._total_at, "total"))
        try:
            async with asyncio.timeout_at(at):
                yield
        except TimeoutError:
            raise TimedOut(timer) from None

    async def watch(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same pieces. Whatever comes, a comment too, keeps the idle timer alive. Raises TimedOut."""
        came_at = self._now()
        while True:
            at, timer = min(
                (came_at + self.limits.idle, "idle"),
                (self._first_token_at, "first_token"),
                (self._total_at, "total"),
            )
            try:
                piece = await self._next(pieces, at, timer)
            finally:
                silence, came_at = self._now() - came_at, self._now()
                self.longest_silence = max(self.longest_silence, silence)
            if piece is None:
                return
            yield piece

    async def _next(self, pieces: AsyncIterator[bytes], at: float, timer: str) -> bytes | None:
        """asyncio.timeout_at, for a fraction of its price: this runs once for each piece."""
        task, is_over = self._task, False

        def fire() -> None:
            nonlocal is_over
            is_over = True
            task.cancel()

        handle = self._loop.call_at(at, fire)
        try:
            return await anext(pieces, None)
        except asyncio.CancelledError:
            if is_over and not task.uncancel():
                raise TimedOut(timer) from None
            raise
        finally:
            handle.cancel()
