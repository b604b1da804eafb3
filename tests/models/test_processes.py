"""Whose replies are dead: judged by the heart of their process, or by their own in the version before."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chat.models import Evidence, Generation, Message, Process, User
from tests.support.factories import ask, make_conversation, make_user

pytestmark = pytest.mark.django_db

LONG = timedelta(hours=1)


def reply_of(writer: str, **fields: Any) -> Message:
    reply = ask(make_conversation(User.objects.first() or make_user(), ()), "Hello?")
    Generation.objects.filter(pk=reply.pk).update(writer=writer, **fields)
    return reply


def dead() -> list[str]:
    return [generation.writer for generation in Generation.objects.dead()]


def dead_for_the_version_before() -> list[str]:
    """What it looks at, to the letter."""
    long_silent = timezone.now() - timedelta(seconds=5)
    replies = Generation.objects.filter(status="streaming", heartbeat_at__lt=long_silent)
    return list(replies.values_list("writer", flat=True))


def test_it_lives_as_long_as_its_process() -> None:
    reply_of("ours", started_at=timezone.now() - LONG)
    Process.objects.beat("ours")
    assert dead() == dead_for_the_version_before() == []

    Process.objects.update(beat_at=timezone.now() - LONG)

    assert dead() == ["ours"]
    assert dead_for_the_version_before() == [], "it can't know"


def test_a_young_one_waits_for_the_first_beat() -> None:
    """Its process may have been idle, and silent, for hours."""
    reply_of("ours")
    Process.objects.create(name="ours", beat_at=timezone.now() - LONG)

    assert dead() == []


def test_a_reply_of_the_version_before_has_a_heart_of_its_own() -> None:
    reply_of("before", started_at=timezone.now() - LONG, heartbeat_at=timezone.now())
    assert dead() == []

    Generation.objects.update(heartbeat_at=timezone.now() - LONG)

    assert dead() == dead_for_the_version_before() == ["before"]


def test_a_process_that_never_beat_is_given_up_in_the_end() -> None:
    reply_of("ours", started_at=timezone.now() - LONG)
    assert dead() == []

    Generation.objects.update(heartbeat_at=timezone.now() - LONG)

    assert dead() == ["ours"]


def test_what_a_living_process_has_given_up_is_dead() -> None:
    born = timezone.now() - LONG
    given_up, written = (reply_of("ours", started_at=born) for _ in range(2))
    Process.objects.beat("ours")

    Generation.objects.disown("ours", but=[written.pk])

    assert [generation.pk for generation in Generation.objects.dead()] == [given_up.pk]


def test_a_beat_writes_no_row_of_a_reply() -> None:
    reply = reply_of("ours", started_at=timezone.now() - LONG)
    before = Generation.objects.filter(pk=reply.pk).values().get()

    Generation.objects.save_snapshot("ours", [])

    assert Generation.objects.filter(pk=reply.pk).values().get() == before
    assert Process.objects.silent().count() == 0
    assert Process.objects.get().name == "ours"


def test_whoever_settles_it_leaves_a_line_and_evidence(caplog: pytest.LogCaptureFixture) -> None:
    replies = [
        reply_of("the dead one", trace_id=f"trace-{number}", started_at=timezone.now() - LONG) for number in "12"
    ]
    Process.objects.create(name="the dead one", beat_at=timezone.now() - LONG)

    for reply in replies:
        Generation.objects.get(pk=reply.pk).end_if_dead()

    swept = [record for record in caplog.records if record.message == "reply swept"]
    assert [vars(record)["request_id"] for record in swept] == ["trace-1", "trace-2"]
    assert [vars(record)["owner"] for record in swept] == [replies[0].owner_id] * 2
    [warning] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert (vars(warning)["writer"], vars(warning)["replies"]) == ("the dead one", 2)
    assert list(Evidence.objects.order_by("trace_id").values_list("trace_id", flat=True)) == ["trace-1", "trace-2"]


def test_processes_that_ended_long_ago_are_forgotten() -> None:
    Process.objects.create(name="old", beat_at=timezone.now() - timedelta(days=3))
    Process.objects.create(name="new", beat_at=timezone.now() - timedelta(days=1))

    assert Process.objects.forget() == 1

    assert Process.objects.get().name == "new"
