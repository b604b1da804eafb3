"""Connections to the database: only the threads that manage their own have one."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.backends.signals import connection_created

from tests.support.site import Person


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """Collect the threads that open a connection in the meantime."""
    names: list[str] = []

    def note(**_: Any) -> None:
        names.append(threading.current_thread().name.partition("_")[0])

    connection_created.connect(note)
    yield names
    connection_created.disconnect(note)


def test_a_page_that_is_not_there_is_made_without_one_of_its_own(anna: Person, opened: list[str]) -> None:
    for _ in range(20):
        assert anna.http.get("/nowhere").status_code == 404

    assert set(opened) <= {"request"}
