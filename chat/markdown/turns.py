"""Turns: the texts of one person are rendered one after the other, however many pages ask for them at once.

A rendering holds the interpreter, so several at once would not be faster, only slower for everyone else.
"""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from weakref import WeakValueDictionary

# For whom this request or task renders; None takes no turns.
person: ContextVar[Hashable] = ContextVar("person", default=None)

_locks: WeakValueDictionary[Hashable, Lock] = WeakValueDictionary()
_guard = Lock()


@contextmanager
def turn() -> Iterator[None]:
    who = person.get()
    if who is None:
        yield
        return
    with _guard:
        lock = _locks.setdefault(who, Lock())
    with lock:
        yield
