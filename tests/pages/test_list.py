"""The list of conversations in the sidebar."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat.models import Conversation, User
from chat.page import sidebar
from tests.pages.page import html, listed, path_of, shown
from tests.support.factories import ask, make_conversation, make_user

pytestmark = pytest.mark.django_db


def groups(response: Any) -> list[str]:
    return re.findall(r'<h2 class="group-name">(.*?)</h2>', html(response))


@contextmanager
def freeze(now: str) -> Iterator[None]:
    with patch("django.utils.timezone.now", lambda: datetime.fromisoformat(now).replace(tzinfo=UTC)):
        yield


def test_the_list_is_newest_first_thirty_at_a_time(client: Client, anna: User) -> None:
    for number in range(31):
        make_conversation(anna, [(f"question {number:02}", "a")])
    page = html(client.get("/"))
    older = re.findall(r'href="(\?before=[^"]+)"', page)
    assert listed(client.get("/")) == [f"question {number:02}" for number in range(30, 0, -1)]
    make_conversation(anna, [("asked meanwhile", "a")])
    assert listed(client.get("/" + older[0])) == ["question 00"], "nothing twice, nothing left out"
    assert "Newest first" in html(client.get("/" + older[0]))


def test_what_was_asked_in_the_same_moment_is_listed_once(client: Client, anna: User) -> None:
    for number in range(33):
        make_conversation(anna, [(f"{number}", "a")])
    Conversation.objects.update(last_message_at=timezone.now())
    [older] = re.findall(r'href="(\?before=[^"]+)"', html(client.get("/")))
    both = listed(client.get("/")) + listed(client.get("/" + older))
    assert sorted(both, key=int) == [str(number) for number in range(33)]


@pytest.mark.parametrize(
    "place", ["0", "-1", "x", "9" * 30, "1-x", "99999999999999999-" + "0" * 32, "٣-" + "0" * 32, "%00", "1-" + "f" * 32]
)
def test_a_place_that_nobody_gave_out_does_no_harm(client: Client, anna: User, place: str) -> None:
    make_conversation(anna)
    assert client.get("/", {"before": place}).status_code == 200


def test_a_page_that_has_loaded_more_gets_all_of_it_again(client: Client, anna: User) -> None:
    for number in range(40):
        make_conversation(anna, [(f"{number}", "a")])
    for count, rows in (("35", 35), ("1", 30), ("9999", 40), ("x", 30), ("-1", 30)):
        assert len(listed(client.get("/", {"fragment": "sidebar", "count": count}))) == rows
    assert sidebar.MOST < 9999


@pytest.mark.parametrize(
    ("days", "name"),
    [(0, "Today"), (1, "Yesterday"), (2, "Previous 7 days"), (7, "Previous 7 days"), (8, "Previous 30 days"),
     (30, "Previous 30 days"), (31, "October"), (200, "May"), (400, "2025"), (-1, "Today")],
)  # fmt: skip
def test_days_are_grouped_the_finer_the_nearer(days: int, name: str) -> None:
    today = date(2026, 11, 22)
    assert sidebar.name_of(today - timedelta(days), today) == name


def test_days_are_the_readers(client: Client, anna: User) -> None:
    """The days are those of the reader's time zone: the one they chose, or the browser's."""
    conversation = make_conversation(anna)

    def group(at: datetime, today: str) -> list[str]:
        Conversation.objects.filter(pk=conversation.pk).update(last_message_at=at)
        with freeze(today):
            return groups(client.get("/"))

    late = datetime(2026, 11, 21, 22, 30, tzinfo=UTC)
    assert group(late, "2026-11-22T08:00") == ["Yesterday"]
    client.cookies["timezone"] = "Europe/Moscow"
    assert group(late, "2026-11-22T08:00") == ["Today"], "the browser's"
    User.objects.update(timezone="America/New_York")
    assert group(late, "2026-11-22T08:00") == ["Yesterday"], "what was chosen wins"
    for odd in ("../../../etc/passwd", "Europe", "Nowhere/City", "\n", "é"):
        User.objects.update(timezone="")
        client.cookies["timezone"] = odd
        assert group(late, "2026-11-22T08:00") == ["Yesterday"], odd


def test_pinned_ones_come_first_and_archived_ones_not_at_all(client: Client, anna: User) -> None:
    old, middle, new = (make_conversation(anna, [(text, "a")]) for text in ("old", "middle", "new"))
    for item, act in ((old, Conversation.pin), (middle, Conversation.archive)):
        act(item, True)
    page = client.get("/")
    assert listed(page) == ["old", "new"]
    assert groups(page) == ["Pinned", "Today"]
    assert "middle" in html(client.get("/chat/archived/"))
    assert client.get(path_of(new)).status_code == 200
    assert "This chat is archived." in html(client.get(path_of(middle)))


def test_the_list_marks_what_is_being_written(client: Client, anna: User) -> None:
    conversation = make_conversation(anna)
    assert "An answer is being written" not in shown(client.get("/"))
    ask(conversation, "more?")
    assert shown(client.get("/")).count("An answer is being written") == 1


def test_the_list_has_nothing_deleted_and_nothing_of_others(client: Client, anna: User) -> None:
    make_conversation(make_user("boris"), [("a secret of boris", "a")])
    gone = make_conversation(anna, [("thrown away", "a")])
    Conversation.objects.filter(pk=gone.pk).update(deleted_at=timezone.now())
    assert listed(client.get("/")) == []


def test_scripts_get_the_list_alone(client: Client, anna: User) -> None:
    conversation = make_conversation(anna)
    fragment = html(client.get(path_of(conversation), {"fragment": "sidebar"}))
    assert fragment.strip().startswith("<aside")
    assert 'id="conversations"' in fragment
    assert 'aria-current="page"' in fragment


def test_more_conversations_and_messages_take_no_more_queries(client: Client, anna: User) -> None:
    def count(path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(path)
        return len(queries)

    short = make_conversation(anna, [("q?", "a")])
    few = count(path_of(short))
    for _ in range(5):
        long = make_conversation(anna, [("q?", "a")] * 6, status="failed")
    assert count(path_of(long)) == few
    assert few <= 8
