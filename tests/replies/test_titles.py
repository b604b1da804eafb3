"""A title from the model after the first answer: in the background, without disturbing anything."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chat.models import Conversation
from chat.models.conversation import first_words
from chat.replies.engine import engine
from chat.replies.titles import tidied
from tests.support import factories
from tests.support.fake_upstream.chunks import DONE, ROLE, ended, error, json_answer, said, send
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.fake_upstream.steps import Gate, Hang, Script
from tests.support.site import Person, told
from tests.support.waiting import until

TITLER = "titler"


@pytest.fixture(autouse=True)
def titles(settings: Any) -> None:
    settings.LLM_TITLES = True
    settings.LLM_TITLE_MODEL = TITLER


@pytest.fixture
def title_is(upstream: FakeUpstream) -> Iterator[Callable[..., None]]:
    """Set what the model answers when it is asked for a title."""

    def script(*texts: str) -> None:
        upstream.add(TITLER, [send(ROLE, *said(*texts), *ended(), DONE)])

    yield script
    upstream.scripts.pop(TITLER, None)


def titled(conversation: str, title: str) -> bool:
    return Conversation.objects.filter(pk=conversation, title=title).exists()


def conversation_of(heard: Any) -> str:
    return str(heard.events[0]["conversation"])


def test_the_first_answer_brings_a_title(anna: Person, upstream: FakeUpstream, title_is: Callable[..., None]) -> None:
    title_is('"Foxes ', 'and hens"')
    here = conversation_of(anna.ask("What does a fox want from a hen?"))
    until(lambda: titled(here, "Foxes and hens"))
    found = Conversation.objects.get(pk=here)
    assert found.title_source == "model"
    anna.user.refresh_from_db()
    assert found.change == anna.user.change, "other tabs hear of it"
    assert "What does a fox want from a hen?" in upstream.chats[-1].messages[0]["content"]
    assert upstream.chats[-1].json["stream"] is True


def test_the_second_answer_asks_for_none(anna: Person, upstream: FakeUpstream, title_is: Callable[..., None]) -> None:
    title_is("Foxes")
    here = conversation_of(anna.ask("one?"))
    until(lambda: titled(here, "Foxes"))
    anna.ask("two?", conversation=here)
    anna.ask("three?", conversation=here)
    assert [chat.model for chat in upstream.chats].count(TITLER) == 1


@pytest.mark.parametrize(
    "script",
    [
        [send(ROLE, *said(""), *ended(), DONE)],
        [send(ROLE, *said("x" * 81), *ended(), DONE)],
        [send(ROLE, *said("?!"), *ended(), DONE)],
        json_answer(error("No."), 500),
        json_answer(error("Too many."), 429),
    ],
)
def test_without_a_usable_one_the_first_words_stay(anna: Person, upstream: FakeUpstream, script: Script) -> None:
    upstream.add(TITLER, script)
    here = conversation_of(anna.ask("What is a fox?"))
    upstream.wait_for_request(number=2).wait_over()
    anna.ask("And a hen?", conversation=here, model="echo")
    # It tries once more; wait, so that this does not happen in the middle of the next test.
    upstream.wait_for_request(number=4).wait_over()
    assert Conversation.objects.get(pk=here).title == "What is a fox?"
    assert Conversation.objects.get(pk=here).title_source == "question"


def test_a_server_with_too_much_to_do_is_not_asked_twice(anna: Person, upstream: FakeUpstream) -> None:
    upstream.add(TITLER, json_answer(error("Too many."), 429))
    anna.ask("What is a fox?")
    upstream.wait_for_request(number=2).wait_over()
    # Longer than the client would wait before it asked again.
    time.sleep(1)
    assert [chat.model for chat in upstream.chats].count(TITLER) == 1


def test_what_its_owner_calls_it_meanwhile_stays(anna: Person, upstream: FakeUpstream) -> None:
    upstream.add(TITLER, [Gate(), send(ROLE, *said("Foxes"), *ended(), DONE)])
    here = conversation_of(anna.ask("What is a fox?"))
    asked = upstream.wait_for_request(number=2)
    Conversation.objects.get(pk=here).rename("Mine")
    upstream.release()
    assert asked.wait_over()
    anna.ask("And a hen?", conversation=here)
    assert titled(here, "Mine")


def test_a_deleted_conversation_gets_none(anna: Person) -> None:
    conversation = factories.make_conversation(anna.user)
    conversation.soft_delete()
    assert not Conversation.objects.take_title(conversation.pk, "Foxes")


def test_nobody_waits_for_it(anna: Person, upstream: FakeUpstream, settings: Any) -> None:
    """Neither the answer nor the next question waits for it, and it does not count as a running reply."""
    settings.MAX_REPLIES_PER_USER = 1
    upstream.add(TITLER, [Hang()])
    first = anna.ask("What is a fox?")
    assert first.end["status"] == "complete"
    upstream.wait_for_request(number=2)
    assert anna.ask("And a hen?", conversation=conversation_of(first)).end["status"] == "complete"
    # The title is asked for again; wait, so that this does not happen in the middle of the next test.
    upstream.wait_for_request(number=4)


def test_an_answer_that_did_not_come_to_its_end_brings_none(
    anna: Person, upstream: FakeUpstream, settings: Any
) -> None:
    settings.LLM_MODEL = upstream.add("broken", json_answer(error("No."), 400))
    here = conversation_of(anna.ask("one?"))
    assert Conversation.objects.get(pk=here).title == "one?"
    assert [chat.model for chat in upstream.chats] == ["broken"]


def test_a_process_that_ends_begins_none(
    anna: Person, upstream: FakeUpstream, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LLM_MODEL = "gated/tokens=3"
    with anna.asking("What is a fox?") as response:
        upstream.wait_for_request()
        monkeypatch.setattr(engine, "draining", True)
        upstream.release()
        assert told(response).end["status"] == "complete"
    assert [chat.model for chat in upstream.chats] == ["gated/tokens=3"]


def test_it_can_be_switched_off(anna: Person, upstream: FakeUpstream, settings: Any) -> None:
    settings.LLM_TITLES = False
    anna.ask("one?")
    anna.ask("two?")
    assert [chat.model for chat in upstream.chats] == ["echo", "echo"]


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ("Foxes and hens", "Foxes and hens"),
        ("  \n\n“Foxes and hens”\nThis title says…", "Foxes and hens"),
        ("**Title:** Foxes & hens.", "Foxes & hens"),
        ("# Лисы и куры", "Лисы и куры"),
        ("Заголовок: «Лисы и куры»", "Лисы и куры"),
        ("<think>Hm, foxes.</think>\nFoxes", "Foxes"),
        ("<think>Hm, foxes", ""),
        ("- C# and my_func", "C# and my_func"),
        ("Fox\u202egnp.exe\u0007 \u2066hen", "Foxgnp.exe hen"),
        ("Families 👩‍👩‍👧", "Families 👩‍👩‍👧"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("x" * 81, ""),
        ("a " * 16, ""),
        ("```python\nprint(1)\n```", ""),
        ("", ""),
        ("…", ""),
        ('""', ""),
    ],
)
def test_a_title_is_one_plain_line(answer: str, title: str) -> None:
    assert tidied(answer) == title


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("What is\n a fox?", "What is a fox?"),
        ("a" * 80, "a" * 80),
        ("a" * 81, "a" * 79 + "…"),
        ("word " * 20, ("word " * 15) + "word…"),
        ("Tell me, " + "x" * 80, "Tell me,…"),
        ("", ""),
    ],
)
def test_the_first_words_are_cut_between_two(question: str, title: str) -> None:
    assert first_words(question) == title
    assert len(first_words(question)) <= 80
