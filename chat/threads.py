"""Threads that work with the database."""

import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar

from django.db import Error

P = ParamSpec("P")
T = TypeVar("T")


class InDatabase(Protocol):
    """Runs a unit of sync work on such a thread."""

    async def __call__(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T: ...


class DatabaseThread(ThreadPoolExecutor):
    """One thread, and so one connection."""

    def __init__(self, name: str) -> None:
        super().__init__(max_workers=1, thread_name_prefix=name)

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return super().submit(partial(_leave_cursors_here, work, *args, **kwargs))


def _leave_cursors_here(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return work(*args, **kwargs)
    except Error as error:
        # The frames of an error hold cursors. Another thread that frees one waits for the connection: the event loop
        # would stand still for as long as the next work here waits for SQLite's lock.
        traceback.clear_frames(error.__traceback__)
        raise
