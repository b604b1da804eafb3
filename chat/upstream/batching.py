"""When much comes, it is read at beats: nobody sees the difference, but the CPU does.

A process that wakes for each token pays for its cold caches and for its falling asleep each time, and a write costs
the same for one token as for five. Network cards do the same with their interrupts.
"""

import asyncio
import time
from collections.abc import Callable

# Chunks a second of all replies together: below, each is read as it comes.
EASY_RATE = 300
# Between two beats of the process it sleeps, all of it; what comes waits in the kernel.
BEAT_SECONDS = 0.02
# From a socket that was read to a reader who has it: turns of the event loop, and one or two for what else is due.
TURNS = 6
# From here on each reply rests for longer, so that several of its tokens are read and written at once.
BUSY_RATE, HEAVY_RATE = 3_000, 5_000
SHORTEST_SECONDS, LONGEST_SECONDS = 0.05, 0.1
MEASURED_SECONDS = 0.5


class Pace:
    """Shared by all replies of a process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._since = now()
        self._chunks = 0
        self._rate = self._rest = 0.0
        self._is_busy = asyncio.Event()

    def passed(self, chunks: int) -> None:
        """So many more have come."""
        self._chunks += chunks
        passed = self._now() - self._since
        if passed >= MEASURED_SECONDS:
            self._rate = self._chunks / passed
            self._rest = rest_at(self._rate)
            self._since, self._chunks = self._now(), 0
            if self._rate >= EASY_RATE:
                self._is_busy.set()

    def rest(self) -> float:
        """Seconds until this reply is to be read again; all rest until the same instant."""
        return self._rest and self._rest - self._now() % self._rest

    async def keep(self) -> None:
        """The beats of the process, for as long as it lives."""
        while True:
            if self._rate < EASY_RATE:
                self._is_busy.clear()
                await self._is_busy.wait()
            began = self._now()
            for _ in range(TURNS):
                await asyncio.sleep(0)
            # Not asyncio.sleep: that would wake for each token. Other threads have the interpreter meanwhile.
            time.sleep(max(0.0, began + BEAT_SECONDS - self._now()))  # noqa: ASYNC251
            # Where nothing comes any more nobody else would notice it.
            self.passed(0)


def rest_at(rate: float) -> float:
    """Seconds between two readings of a reply, at so many chunks a second of all of them."""
    if rate < BUSY_RATE:
        return 0.0
    share = min((rate - BUSY_RATE) / (HEAVY_RATE - BUSY_RATE), 1.0)
    return SHORTEST_SECONDS + (LONGEST_SECONDS - SHORTEST_SECONDS) * share
