"""Under load, streams are read in batches at a fixed beat: nobody sees the difference, but it saves CPU.

A process that wakes for every token pays each time for cold caches and for going back to sleep, and writing one token
costs as much as writing five. Network cards coalesce their interrupts for the same reason.
"""

import asyncio
import time
from collections.abc import Callable

# Chunks per second, over all replies: below this, each is read as it arrives.
EASY_RATE = 300
# Between two beats the whole process sleeps, and whatever arrives waits in the kernel.
BEAT_SECONDS = 0.02
# Turns of the event loop that it takes from reading a socket to writing to a reader, and one or two for other work.
TURNS = 6
# From BUSY_RATE on, each reply also pauses for longer, so that several of its tokens are read and written at once.
BUSY_RATE, HEAVY_RATE = 3_000, 5_000
SHORTEST_SECONDS, LONGEST_SECONDS = 0.05, 0.1
MEASURED_SECONDS = 0.5


class ReadBatching:
    """The beat of a process, shared by all its replies."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._since = now()
        self._chunks = 0
        self._rate = self._rest = 0.0
        self._is_busy = asyncio.Event()

    def passed(self, chunks: int) -> None:
        """Count chunks that have arrived, and adapt to their rate every MEASURED_SECONDS."""
        self._chunks += chunks
        passed = self._now() - self._since
        if passed >= MEASURED_SECONDS:
            self._rate = self._chunks / passed
            self._rest = rest_at(self._rate)
            self._since, self._chunks = self._now(), 0
            if self._rate >= EASY_RATE:
                self._is_busy.set()

    def rest(self) -> float:
        """Return the seconds until this reply should be read again; all replies pause until the same instant."""
        return self._rest and self._rest - self._now() % self._rest

    async def keep(self) -> None:
        """Keep the beat for as long as the process lives, by blocking its event loop between two beats under load."""
        while True:
            if self._rate < EASY_RATE:
                self._is_busy.clear()
                await self._is_busy.wait()
            began = self._now()
            for _ in range(TURNS):
                await asyncio.sleep(0)
            # Not asyncio.sleep, which would wake for every token. Other threads can run during this time.
            time.sleep(max(0.0, began + BEAT_SECONDS - self._now()))  # noqa: ASYNC251
            # When nothing arrives any more, nobody else would measure it.
            self.passed(0)


def rest_at(rate: float) -> float:
    """Return the seconds between two reads of a reply, for a rate of chunks per second over all replies."""
    if rate < BUSY_RATE:
        return 0.0
    share = min((rate - BUSY_RATE) / (HEAVY_RATE - BUSY_RATE), 1.0)
    return SHORTEST_SECONDS + (LONGEST_SECONDS - SHORTEST_SECONDS) * share
