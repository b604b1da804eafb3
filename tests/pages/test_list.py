"""The list of conversations beside the page."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat.models import Conversation, User
from tests.factories import ask, make_conversation, make_user
from tests.pages.page import html, listed, path_of, shown

pytestmark = pytest.mark.django_db


def test_the_list_is_newest_first_thirty_at_a_time(client: Client, anna: User) -> None:
    for number in range(31):
        make_conversation(anna, [(f"question {number:02}", "a")])
    first, second = listed(client.get("/")), listed(client.get("/?page=2"))
    assert first == [f"question {number:02}" for number in range(30, 0, -1)]
    assert second == ["question 00"]
    assert 'href="?page=2"' in html(client.get("/"))
    assert "?page=2" in re.findall(r'href="(/chat/[^"]*)"', html(client.get("/?page=2")))[0]


@pytest.mark.parametrize("page", ["0", "-1", "99", "x", "9" * 30])
def test_a_page_that_is_not_there_is_the_nearest(client: Client, anna: User, page: str) -> None:
    make_conversation(anna)
    assert listed(client.get("/", {"page": page})) == ["What is a fox?"]


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
    assert few <= 7
