"""Threads that work with the database."""

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
    """Runs a unit of sync work on such a thread."""

    async def __call__(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T: ...


class DatabaseThread(ThreadPoolExecutor):
    """One thread, and so one connection."""

    def __init__(self, name: str) -> None:
        super().__init__(max_workers=1, thread_name_prefix=name)
        self._is_over = False
        _threads.add(self)

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return super().submit(partial(self._run, partial(_leave_cursors_here, work, *args, **kwargs)))

    def _run(self, work: Callable[[], T]) -> T:
        if self._is_over:
            # What waits here for a database that is away would hold up the exit.
            raise CancelledError
        return work()

    def close(self) -> Future[None]:
        """The connection too: PostgreSQL is told goodbye."""
        self._is_over = True
        closing = super().submit(connections.close_all)
        self.shutdown(wait=False)
        return closing


_threads: WeakSet[DatabaseThread] = WeakSet()


async def close_threads(timeout: float) -> None:
    """Those that have nothing to wait for are gone then."""
    await asyncio.wait([asyncio.wrap_future(thread.close()) for thread in _threads], timeout=timeout)
    _threads.clear()


def _leave_cursors_here(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return work(*args, **kwargs)
    except Error as error:
        # The frames of an error hold cursors. Another thread that frees one waits for the connection: the event loop
        # would stand still for as long as the next work here waits for SQLite's lock.
        traceback.clear_frames(error.__traceback__)
        raise
