"""Whether the database can be used, as far as this process knows: one warning when it can't, one line when it can."""

import logging
import shutil
import threading
import time
import uuid
from enum import StrEnum
from pathlib import Path

from django.contrib.sessions.models import Session
from django.db import DatabaseError, Error, connection, transaction
from django.utils import timezone

logger = logging.getLogger(__name__)

# An outage is over when nothing has failed for this long: on a full disk, some small things can still be saved.
QUIET_SECONDS = 2.0
# Less free space than this, and SQLite's next checkpoint may fail.
LEAST_FREE_BYTES = 1_000_000
# SQLSTATEs of statements that gave up waiting for others, or found no free connection.
BUSY_STATES = {"40001", "40P01", "55P03", "57014", "53300"}
BUSY_WORDS = ("too many clients", "remaining connection slots", "too many connections")
FULL_STATES = {"53100"}
FULL_WORDS = ("No space left on device", "disk is full")


class Kind(StrEnum):
    """What is wrong with a database."""

    AWAY = "away"
    BUSY = "busy"
    FULL = "full"


def kind_of(error: BaseException) -> Kind:
    """Tell what an error of the database means for everybody else who needs it."""
    state, text = getattr(error.__cause__, "sqlstate", None), str(error)
    if state in FULL_STATES or any(words in text for words in FULL_WORDS):
        return Kind.FULL
    if state in BUSY_STATES or any(words in text for words in BUSY_WORDS):
        return Kind.BUSY
    return Kind.AWAY


class DatabaseOutage:
    """The outage of a process's database. All threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kind: Kind | None = None
        self._failed_at = float("-inf")

    @property
    def kind(self) -> Kind | None:
        """What is wrong now; None while all is well."""
        return self._kind

    def was_within(self, seconds: float) -> bool:
        """Tell whether something has failed this recently."""
        return time.monotonic() - self._failed_at < seconds

    def failed(self, error: BaseException) -> None:
        """Note that something could not be read or saved."""
        kind = kind_of(error)
        with self._lock:
            is_new, self._kind, self._failed_at = self._kind is None, kind, time.monotonic()
        if is_new:
            logger.warning("database is %s: replies go on in memory", kind, extra={"reason": str(error)})

    def worked(self) -> None:
        """Note that something was saved."""
        if self._kind is None:
            return
        with self._lock:
            is_over = self._kind is not None and time.monotonic() - self._failed_at >= QUIET_SECONDS
            if is_over:
                self._kind = None
        if is_over:
            logger.info("database is back")


database_outage = DatabaseOutage()


def check_database() -> None:
    """Write something and take it back. Raises DatabaseError if that can't be done, and notes how it went."""
    try:
        _check_space()
        with transaction.atomic():
            Session.objects.create(session_key=uuid.uuid4().hex, session_data="", expire_date=timezone.now())
            transaction.set_rollback(True)
    except Error as error:
        database_outage.failed(error)
        raise
    database_outage.worked()


def _check_space() -> None:
    """Look at the disk of an SQLite file: what is taken back again is never written there."""
    file = Path(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite" and file.is_file() and shutil.disk_usage(file.parent).free < LEAST_FREE_BYTES:
        raise DatabaseError("database or disk is full")
