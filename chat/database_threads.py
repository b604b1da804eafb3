"""The threads that work with the database."""

import asyncio
import traceback
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar
from weakref import WeakSet

from django.db import Error, connections

P = ParamSpec("P")
T = TypeVar("T")


class InDatabase(Protocol):
    """A function that runs a unit of sync work on a database thread."""

    async def __call__(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T: ...


class DatabaseThread(ThreadPoolExecutor):
    """A single thread, and therefore a single connection."""

    def __init__(self, name: str) -> None:
        super().__init__(max_workers=1, thread_name_prefix=name)
        self._is_over = False
        _threads.add(self)

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return super().submit(partial(self._run, partial(_leave_cursors_here, work, *args, **kwargs)))

    def _run(self, work: Callable[[], T]) -> T:
        if self._is_over:
            # Work that waits for an unreachable database would delay the exit.
            raise CancelledError
        return work()

    def close(self) -> Future[None]:
        """Close the thread and its connection, so that PostgreSQL sees a clean disconnect."""
        self._is_over = True
        closing = super().submit(connections.close_all)
        self.shutdown(wait=False)
        return closing


_threads: WeakSet[DatabaseThread] = WeakSet()


async def close_threads(timeout: float) -> None:
    """Close all threads, waiting at most `timeout` seconds for those that are busy."""
    await asyncio.wait([asyncio.wrap_future(thread.close()) for thread in _threads], timeout=timeout)
    _threads.clear()


def _leave_cursors_here(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return work(*args, **kwargs)
    except Error as error:
        # The frames of an error hold cursors. A thread that frees one has to wait for the connection: the event loop
        # would be blocked for as long as the next work here waits for SQLite's lock.
        traceback.clear_frames(error.__traceback__)
        raise
