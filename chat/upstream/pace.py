"""When much comes, all replies are read at the same beat: nobody sees the difference, but the CPU does.

A process that wakes for each token pays for its cold caches each time, and a write costs the same for one token as for
five. So the sockets rest between two beats, and what comes waits in the kernel.
"""

import time
from collections.abc import Callable

# Chunks a second of all replies together: below, each is read as it comes.
EASY_RATE = 300
# From here on the beats become longer, and no longer than this.
BUSY_RATE, HEAVY_RATE = 3_000, 5_000
SHORTEST_SECONDS, LONGEST_SECONDS = 0.02, 0.1
MEASURED_SECONDS = 0.5


class Pace:
    """Shared by all replies of a process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._since = now()
        self._chunks = 0
        self._beat = 0.0

    def passed(self, chunks: int) -> None:
        """So many more have come."""
        self._chunks += chunks
        passed = self._now() - self._since
        if passed >= MEASURED_SECONDS:
            self._beat = beat_at(self._chunks / passed)
            self._since, self._chunks = self._now(), 0

    def until_next_beat(self) -> float:
        """Seconds; 0 while each chunk is read as it comes."""
        return self._beat and self._beat - self._now() % self._beat


def beat_at(rate: float) -> float:
    """Seconds between two beats at so many chunks a second."""
    if rate < EASY_RATE:
        return 0.0
    share = min(max((rate - BUSY_RATE) / (HEAVY_RATE - BUSY_RATE), 0.0), 1.0)
    return SHORTEST_SECONDS + (LONGEST_SECONDS - SHORTEST_SECONDS) * share
