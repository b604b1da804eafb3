"""Whether the model server works, as far as this process knows: replies that fail in a row are one warning."""

import logging
import time

logger = logging.getLogger(__name__)

# One reply may fail by itself, because of what was asked.
IN_A_ROW = 3
FAILED = {"failed", "timed_out"}
# What somebody's stop, or the end of the process, says about the model server: nothing.
SAYS_NOTHING = {"stopped", "interrupted"}


class ModelServerOutage:
    """The outage of a process's model server. Only the event loop uses it."""

    def __init__(self) -> None:
        self._failures = 0
        self._since = 0.0

    def note(self, status: str, reason: str) -> None:
        """Note how a reply ended; `reason` is a code or the name of a timer."""
        if status in SAYS_NOTHING:
            return
        if status in FAILED:
            self._failed(reason)
        else:
            self._worked()

    def _failed(self, reason: str) -> None:
        self._since = self._since or time.monotonic()
        self._failures += 1
        if self._failures == IN_A_ROW:
            logger.warning("model server fails: replies end in errors", extra={"reason": reason, "replies": IN_A_ROW})

    def _worked(self) -> None:
        if self._failures >= IN_A_ROW:
            seconds = round(time.monotonic() - self._since)
            logger.info("model server works again", extra={"replies": self._failures, "seconds": seconds})
        self._failures, self._since = 0, 0.0


model_server_outage = ModelServerOutage()
