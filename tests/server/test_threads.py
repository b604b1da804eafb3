"""Threads that work with the database, and what may leave them."""

import weakref

from django.db import OperationalError

from chat.database_threads import DatabaseThread


class Cursor:
    """It is freed in the thread that drops its last reference; a real one would wait there for its connection."""


def test_an_error_leaves_its_cursors_in_the_thread() -> None:
    cursors = []

    def work() -> None:
        cursor = Cursor()
        cursors.append(weakref.ref(cursor))
        raise OperationalError("database is locked")

    thread = DatabaseThread("test")
    error = thread.submit(work).exception()
    thread.shutdown()

    assert isinstance(error, OperationalError)
    assert error.__traceback__
    assert [cursor() for cursor in cursors] == [None]
