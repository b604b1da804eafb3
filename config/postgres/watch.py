"""Tells a PostgreSQL that is slow from one that hangs: after some waiting, it is asked on a new connection.

A server that is stopped, or behind a cut network, answers nothing and closes nothing, so only the client can end the
waiting. A server that answers may take as long as the statement's time-out allows.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Generic, TypeVar

import psycopg

# After this long without an answer, the server is suspected.
PATIENCE_SECONDS = 1.0
# How long it may take to answer a new connection; together with the patience, less than people wait for a page.
ANSWER_SECONDS = 1.4
PAUSE_SECONDS = 1.0

C = TypeVar("C", bound=psycopg.Connection[Any])


class Away(psycopg.OperationalError):
    """The server does not answer."""

    def __init__(self) -> None:
        super().__init__("the database server does not answer")


class Watch(Generic[C]):
    """One server. While it is away, one thread asks it once a second; nobody else does, and nobody waits."""

    def __init__(self, connect: Callable[[], C]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._suspected_at: float | None = None
        self._answered_at = float("-inf")
        self._is_unreachable = False

    @property
    def is_away(self) -> bool:
        since = self._suspected_at
        return since is not None and (self._is_unreachable or time.monotonic() - since > ANSWER_SECONDS)

    def suspect(self) -> None:
        """Ask the server in the background until it answers; not again right after it has."""
        now = time.monotonic()
        with self._lock:
            if self._suspected_at is not None or now - self._answered_at < PATIENCE_SECONDS:
                return
            self._suspected_at = now
        threading.Thread(target=self._ask_until_it_answers, daemon=True, name="database watch").start()

    def open(self, connect: Callable[[], C], patience: float) -> C:
        """Connect within `patience` seconds, looking up the server's name included. Raises OperationalError."""
        if self.is_away:
            raise Away
        opening = _in_thread(connect)
        try:
            return opening.result(patience)
        except TimeoutError:
            opening.add_done_callback(_close)
            self.suspect()
            raise Away from None

    def _ask_until_it_answers(self) -> None:
        while not self._answers():
            self._is_unreachable = True
            time.sleep(PAUSE_SECONDS)
        self._answered_at = time.monotonic()
        self._is_unreachable = False
        self._suspected_at = None

    def _answers(self) -> bool:
        """Tell whether it says anything in time: a refusal will do, since nobody has to wait for that either."""
        began = time.monotonic()
        with suppress(psycopg.OperationalError):
            self._connect().close()
        return time.monotonic() - began < ANSWER_SECONDS


def _in_thread(connect: Callable[[], C]) -> Future[C]:
    """Connect in a thread of its own, which nobody has to wait for: looking up a name can take long."""
    opening: Future[C] = Future()

    def run() -> None:
        try:
            opening.set_result(connect())
        except psycopg.Error as error:
            opening.set_exception(error)

    threading.Thread(target=run, daemon=True, name="database connection").start()
    return opening


def _close(opening: Future[C]) -> None:
    if not opening.exception():
        opening.result().close()
