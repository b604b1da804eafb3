"""When much comes, it is read less often and more at a time: nobody sees the difference, but the CPU does."""

import time
from collections.abc import Callable

# So many chunks a second of all replies together are read as they come.
EASY_RATE = 2_500
# At so many the rests are the longest.
HEAVY_RATE = 7_500
LONGEST_REST_SECONDS = 0.2
MEASURED_SECONDS = 0.5


class Pace:
    """Shared by all replies of a process."""

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        self._now = now or time.monotonic
        self._since = self._now()
        self._chunks = 0
        self.rest_seconds = 0.0

    def passed(self, chunks: int) -> None:
        """So many more have come."""
        self._chunks += chunks
        passed = self._now() - self._since
        if passed >= MEASURED_SECONDS:
            rate = self._chunks / passed
            share = (rate - EASY_RATE) / (HEAVY_RATE - EASY_RATE)
            self.rest_seconds = LONGEST_REST_SECONDS * min(max(share, 0.0), 1.0)
            self._since, self._chunks = self._now(), 0
