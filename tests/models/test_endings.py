"""How a reply may end: the database, the events and the sentences use the same words."""

from typing import get_args

from chat.events import EndStatus
from chat.models import Status
from chat.models.endings import ENDINGS


def test_events_and_tables_know_the_same_ends() -> None:
    assert {*get_args(EndStatus), Status.STREAMING} == set(Status.values)


def test_every_status_has_its_sentence() -> None:
    assert set(ENDINGS) == set(Status.values)
