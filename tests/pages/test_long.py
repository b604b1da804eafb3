"""A conversation of 1,000 messages: a page shows a part of it, and reads no more than that."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chat.models import Conversation, Generation, Message, User
from tests.pages.page import path_of, shown

pytestmark = pytest.mark.django_db

COUNT = 1000
WINDOW = 40


@pytest.fixture
def long(anna: User) -> Conversation:
    return make_long(anna, COUNT)


def make_long(owner: User, count: int) -> Conversation:
    conversation = Conversation.objects.create(owner=owner, title="A long one")
    messages: list[Message] = []
    for number in range(count):
        role = Message.Role.ASSISTANT if number % 2 else Message.Role.USER
        parent = messages[-1] if messages else None
        text = f"text {number} "
        messages.append(
            Message(conversation=conversation, owner=owner, number=number + 1, role=role, parent=parent, text=text)
        )
    Message.objects.bulk_create(messages)
    Generation.objects.bulk_create(
        Generation(message=message, conversation=conversation, status="complete", heartbeat_at=message.created_at)
        for message in messages
        if message.is_reply
    )
    conversation.leaf = messages[-1]
    conversation.save()
    return conversation


def at(conversation: Conversation, number: int) -> Message:
    return conversation.messages.get(text=f"text {number} ")


def numbers(response: Any) -> list[int]:
    """Return the numbers of the messages that are shown."""
    return [int(number) for number in re.findall(r"text (\d+)(?= ?<)", shown(response))]


def links(response: Any) -> dict[str, str]:
    return {side: query for query, side in re.findall(r'href="([^"]*)" data-more="(\w+)"', shown(response))}


def test_the_newest_are_shown_with_a_way_to_the_earlier(client: Client, long: Conversation) -> None:
    response = client.get(path_of(long))
    assert numbers(response) == list(range(COUNT - WINDOW, COUNT))
    assert links(response) == {"before": f"?earlier_than={at(long, COUNT - WINDOW).pk}"}


def test_no_other_texts_are_read(client: Client, long: Conversation) -> None:
    with CaptureQueriesContext(connection) as queries:
        client.get(path_of(long))
    assert len(queries) <= 8
    reads = [query["sql"] for query in queries if re.search(r'"chat_message"."text"', query["sql"])]
    assert len(reads) == 1
    listed = re.search(r'"chat_message"."id" IN \(([^)]*)\)', reads[0])
    assert listed
    assert listed[1].count(",") == WINDOW - 1


def test_one_walks_to_the_beginning_and_back(client: Client, long: Conversation) -> None:
    seen, query = numbers(client.get(path_of(long))), links(client.get(path_of(long)))["before"]
    while query:
        response = client.get(path_of(long) + query)
        seen = numbers(response) + seen
        assert "after" in links(response)
        query = links(response).get("before", "")
    assert seen == list(range(COUNT))

    query = links(client.get(f"{path_of(long)}?message={at(long, 0).pk}"))["after"]
    seen = numbers(client.get(f"{path_of(long)}?message={at(long, 0).pk}"))
    while query:
        response = client.get(path_of(long) + query)
        seen += numbers(response)
        query = links(response).get("after", "")
    assert seen == list(range(COUNT))


@pytest.mark.parametrize("number", [0, 5, 500, 501, 995, 999])
def test_a_link_opens_where_the_message_is(client: Client, long: Conversation, number: int) -> None:
    found = numbers(client.get(f"{path_of(long)}?message={at(long, number).pk}"))
    assert number in found
    assert len(found) == WINDOW


def test_a_deleted_pair_in_the_middle_leaves_the_reader_there(client: Client, long: Conversation) -> None:
    question = at(long, 500)
    response = client.post(f"{path_of(long)}messages/{question.pk}/delete/", follow=True)
    assert {499, 502} <= set(numbers(response))
    assert "Undo" in shown(response)


def test_what_is_asked_where_the_end_is_not_shown_goes_below_the_end(
    client: Client, long: Conversation, begun: list[Any]
) -> None:
    page = shown(client.get(f"{path_of(long)}?message={at(long, 5).pk}"))
    assert 'name="parent"' not in page


def test_a_short_one_is_shown_whole(client: Client, anna: User) -> None:
    response = client.get(path_of(make_long(anna, WINDOW)))
    assert numbers(response) == list(range(WINDOW))
    assert not links(response)
