"""Asking with the plain forms, as without JavaScript."""

import re
import uuid
from typing import Any

import pytest
from django.test import Client

from chat.models import User
from chat.replies.engine import engine
from chat.replies.writer import Job
from tests.pages.page import body, html, path_of, shown
from tests.support.factories import ask, make_conversation

pytestmark = pytest.mark.django_db

LONG = "x" * 100_001


def test_a_question_makes_a_conversation_and_leads_to_it(client: Client, anna: User, begun: list[Job]) -> None:
    response = client.post("/chat/", body("What is\r\na fox?"))
    conversation = anna.conversations.get()
    assert (response.status_code, response["Location"]) == (303, path_of(conversation))
    assert conversation.messages.get(role="user").text == "What is\na fox?"
    assert [job.start.reply for job in begun] == [conversation.leaf_id]


def test_a_further_question_stays_in_its_conversation(client: Client, anna: User, begun: list[Job]) -> None:
    conversation = make_conversation(anna)
    response = client.post(path_of(conversation), body("And a wolf?"))
    assert (response.status_code, response["Location"]) == (303, path_of(conversation))
    assert [turn["content"] for turn in begun[0].turns] == ["What is a fox?", "An animal.", "And a wolf?"]


def test_a_retry_asks_the_same_again(client: Client, anna: User, begun: list[Job]) -> None:
    conversation = make_conversation(anna, [("q?", "bad")], status="failed")
    fields = {"request_id": str(uuid.uuid4()), "retry": str(conversation.leaf_id)}
    response = client.post(path_of(conversation), fields)
    assert response.status_code == 303
    assert [turn["content"] for turn in begun[0].turns] == ["q?"]
    assert conversation.messages.count() == 3


def test_a_double_click_asks_once(client: Client, anna: User, begun: list[Job]) -> None:
    twice = body()
    assert client.post("/chat/", twice)["Location"] == client.post("/chat/", twice)["Location"]
    assert anna.conversations.count() == len(begun) == 1


def test_each_form_of_a_page_has_a_request_of_its_own(client: Client, anna: User) -> None:
    conversation = make_conversation(anna, status="failed")
    ids = re.findall(r'name="request_id" value="([^"]*)"', shown(client.get(path_of(conversation))))
    assert len(set(ids)) == len(ids) == 4
    assert all(uuid.UUID(one) for one in ids)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"text": "   "}, 400),
        ({"text": "a\0b"}, 400),
        ({"text": LONG}, 413),
        ({"request_id": "no uuid"}, 400),
        ({"model": "of nobody"}, 400),
        ({"retry": str(uuid.uuid4())}, 404),
    ],
)
def test_a_refusal_says_why_and_keeps_what_was_typed(
    client: Client, anna: User, begun: list[Job], fields: dict[str, str], status: int
) -> None:
    conversation = make_conversation(anna)
    for path in ("/chat/", path_of(conversation)):
        response = client.post(path, body("kept & <safe>") | fields)
        assert response.status_code == status
        assert response.context["typed"] == (body("kept & <safe>") | fields)["text"]
        assert re.search(r'role="alert">\s*<p data-part="message">\w', html(response))
    assert not begun
    assert conversation.messages.count() == 2


def test_a_question_while_an_answer_is_written_is_kept(client: Client, anna: User) -> None:
    conversation = make_conversation(anna, [])
    ask(conversation, "first?")
    response = client.post(path_of(conversation), body("second?"))
    assert response.status_code == 409
    assert "second?</textarea>" in html(response)
    assert "http-equiv" not in html(response), "it would go away under what was typed"
    assert not re.search(r'<form class="composer"[^>]* hidden>', html(response))
    assert conversation.messages.count() == 2


def test_the_same_request_with_another_question_is_refused(client: Client, anna: User) -> None:
    once = body()
    client.post("/chat/", once)
    response = client.post("/chat/", once | {"text": "another?"})
    assert response.status_code == 422
    assert "another?</textarea>" in html(response)


def test_too_many_at_once_is_told_with_when_to_come_again(client: Client, anna: User, settings: Any) -> None:
    settings.MAX_REPLIES_PER_USER = 1
    ask(make_conversation(anna, []), "q?")
    response = client.post("/chat/", body())
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0


def test_a_server_that_stops_takes_no_question(client: Client, anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "draining", True)
    response = client.post("/chat/", body("kept?"))
    assert response.status_code == 503
    assert "kept?</textarea>" in html(response)
