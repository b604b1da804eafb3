"""A page while an answer is being written."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from chat.models import Generation, Message, Piece, User
from chat.replies.engine import engine
from chat.replies.writer import Writer
from tests.pages.page import html, path_of, path_of_message
from tests.support.factories import ask, finish, make_conversation

pytestmark = pytest.mark.django_db


def say(reply: Message, text: str, reasoning: str = "") -> None:
    """Save text as the writer's snapshot does every second."""
    Piece.objects.create(generation=reply.generation, text=text, reasoning=reasoning)


def let_die(reply: Message) -> None:
    Generation.objects.filter(pk=reply.pk).update(heartbeat_at=timezone.now() - timedelta(seconds=10))


def test_a_running_reply_shows_what_is_saved_and_its_cursor(client: Client, anna: User) -> None:
    conversation = make_conversation(anna, [])
    reply = ask(conversation, "q?")
    say(reply, "", "hm 👋🏽")
    say(reply, "an answer ")
    say(reply, "so far")
    page = html(client.get(path_of(conversation)))
    assert "an answer so far" in page
    assert "hm 👋🏽" in page
    # In code points, as the stream counts them.
    assert f'data-reply="{reply.pk}"' in page
    assert 'data-status="streaming" data-cursor="5.16"' in page


def test_while_it_runs_the_page_refreshes_and_has_a_stop_button(client: Client, anna: User) -> None:
    conversation = make_conversation(anna, [])
    reply = ask(conversation, "q?")
    page = html(client.get(path_of(conversation)))
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page
    assert re.search(rf'action="/chat/stop">.*?name="reply" value="{reply.pk}"', page, re.DOTALL)
    assert re.search(r'<form class="composer"[^>]* hidden>', page), "one would type into a page that goes away"
    finish(reply)
    page = html(client.get(path_of(conversation)))
    assert "http-equiv" not in page
    assert "stop-form" not in page
    assert not re.search(r'<form class="composer"[^>]* hidden>', page)


def test_looking_at_a_dead_reply_ends_it(client: Client, anna: User) -> None:
    conversation = make_conversation(anna, [])
    reply = ask(conversation, "q?")
    say(reply, "as far as it came")
    let_die(reply)
    page = html(client.get(path_of(conversation)))
    assert 'data-status="interrupted"' in page
    assert "as far as it came" in page


def test_looking_at_one_dead_message_ends_it(client: Client, anna: User) -> None:
    reply = ask(make_conversation(anna, []), "q?")
    let_die(reply)
    assert 'data-status="interrupted"' in html(client.get(path_of_message(reply)))


def test_what_is_written_right_here_is_not_taken_for_dead(
    client: Client, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = make_conversation(anna, [])
    reply = ask(conversation, "q?")
    let_die(reply)
    monkeypatch.setitem(engine._writers, reply.pk, Writer(None, None))  # type: ignore[arg-type]
    assert 'data-status="streaming"' in html(client.get(path_of(conversation)))
