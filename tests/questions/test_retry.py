"""A new answer to the same question, and which part of a conversation is sent to the model."""

from typing import Any
from uuid import uuid4

import pytest

from chat.models import Conversation, Message, Piece
from chat.replies.engine import engine
from tests.support import factories
from tests.support.fake_upstream.chunks import ROLE, error, said, send
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.fake_upstream.steps import Script
from tests.support.site import Person, Told, stored, told

HALF_AN_ANSWER: Script = (send(ROLE, *said("A fox", " is"), error("Broken.")),)


def retry(person: Person, reply: str, **fields: Any) -> Told:
    """Retry a reply, and read the stream to its end."""
    response = person.post(request_id=str(uuid4()), retry=reply, **fields)
    assert response.status_code == 200, response.text
    return told(response)


def contents(turns: list[dict[str, Any]]) -> list[str]:
    return [turn["content"] for turn in turns]


@pytest.fixture
def failed(anna: Person, upstream: FakeUpstream, settings: Any) -> Told:
    """An answer that broke off; later ones will not."""
    settings.LLM_MODEL = upstream.add("half-an-answer", HALF_AN_ANSWER)
    heard = anna.ask("What is a fox?")
    assert heard.end["status"] == "failed"
    settings.LLM_MODEL = "echo"
    return heard


def test_it_gives_another_answer_to_the_same_question(anna: Person, failed: Told) -> None:
    again = retry(anna, failed.reply)

    assert again.end["status"] == "complete"
    assert again.text() == "What is a fox?"
    assert again.events[0]["question"] == failed.events[0]["question"]
    assert again.events[0]["conversation"] == failed.events[0]["conversation"]
    assert again.reply != failed.reply


def test_the_answer_before_stays_as_it_was(anna: Person, failed: Told) -> None:
    before = Message.objects.filter(pk=failed.reply).values(), stored(failed.reply).evidence
    old, evidence = list(before[0]), before[1]

    again = retry(anna, failed.reply)

    assert list(Message.objects.filter(pk=failed.reply).values()) == old
    assert stored(failed.reply).generation.status == "failed"
    assert stored(failed.reply).evidence.error_detail == evidence.error_detail == "Broken."
    assert anna.follow(failed.reply).text() == "A fox is"
    siblings = Message.objects.filter(parent=failed.events[0]["question"]).order_by("number")
    assert [str(sibling.pk) for sibling in siblings] == [failed.reply, again.reply]
    assert Message.objects.count() == 3


def test_the_model_reads_the_question_once_and_not_the_failed_answer(
    anna: Person, upstream: FakeUpstream, failed: Told
) -> None:
    retry(anna, failed.reply)

    assert upstream.chats[-1].messages == [{"role": "user", "content": "What is a fox?"}]


def test_what_is_asked_next_follows_the_new_answer(anna: Person, upstream: FakeUpstream, failed: Told) -> None:
    again = retry(anna, failed.reply)

    anna.ask("And a hen?", conversation=again.events[0]["conversation"])

    assert contents(upstream.chats[-1].messages) == ["What is a fox?", "What is a fox?", "And a hen?"]


def test_a_good_answer_can_be_asked_for_anew_as_often_as_one_likes(anna: Person) -> None:
    first = anna.ask("hello")
    second = retry(anna, first.reply)
    third = retry(anna, second.reply)

    assert len({first.reply, second.reply, third.reply}) == 3
    assert {heard.events[0]["question"] for heard in (first, second, third)} == {first.events[0]["question"]}
    assert Message.objects.count() == 4


def test_an_older_answer_is_asked_for_with_what_stood_before_it(anna: Person, upstream: FakeUpstream) -> None:
    first = anna.ask("one")
    conversation = first.events[0]["conversation"]
    second = anna.ask("two", conversation=conversation)
    anna.ask("three", conversation=conversation)

    retry(anna, second.reply)

    assert contents(upstream.chats[-1].messages) == ["one", "one", "two"]
    leaf = Conversation.objects.get().leaf
    assert leaf
    assert str(leaf.parent_id) == second.events[0]["question"]


def test_another_model_can_be_asked(anna: Person) -> None:
    first = anna.ask("hello", model="echo")

    again = retry(anna, first.reply, model="unicode")

    assert again.events[0]["model"] == "unicode"
    assert stored(first.reply).generation.model == "echo"


def test_the_same_retry_twice_is_one_answer(anna: Person, upstream: FakeUpstream, failed: Told) -> None:
    fields = {"request_id": str(uuid4()), "retry": failed.reply}

    answers = [told(anna.post(**fields)) for _ in range(2)]

    assert answers[0].reply == answers[1].reply
    assert Message.objects.count() == 3
    assert len(upstream.chats) == 2


# --- What the model reads -------------------------------------------------------------------------------------------


def sent(anna: Person, upstream: FakeUpstream, conversation: Conversation, text: str = "Why?") -> list[dict[str, Any]]:
    anna.ask(text, conversation=str(conversation.pk))
    return upstream.chats[-1].messages


def test_the_model_reads_all_turns_in_their_order(anna: Person, upstream: FakeUpstream) -> None:
    conversation = factories.make_conversation(anna.user, [("one?", "One."), ("two?", "Two.")])

    assert sent(anna, upstream, conversation) == [
        {"role": "user", "content": "one?"},
        {"role": "assistant", "content": "One."},
        {"role": "user", "content": "two?"},
        {"role": "assistant", "content": "Two."},
        {"role": "user", "content": "Why?"},
    ]


def test_instructions_come_first(anna: Person, upstream: FakeUpstream) -> None:
    conversation = factories.make_conversation(anna.user, [("one?", "One.")])
    Conversation.objects.update(instructions="Be brief.")

    turns = sent(anna, upstream, conversation)

    assert turns[0] == {"role": "system", "content": "Be brief."}
    assert contents(turns[1:]) == ["one?", "One.", "Why?"]


def test_parameters_of_the_conversation_are_sent_and_kept_as_evidence(anna: Person, upstream: FakeUpstream) -> None:
    conversation = factories.make_conversation(anna.user)
    Conversation.objects.update(parameters={"temperature": 0.25, "stop": ["\n\n"]})

    reply = anna.ask(conversation=str(conversation.pk)).reply

    assert upstream.chats[-1].json["temperature"] == 0.25
    assert upstream.chats[-1].json["stop"] == ["\n\n"]
    assert stored(reply).evidence.parameters["temperature"] == 0.25


def test_an_empty_answer_is_left_out_together_with_its_question(anna: Person, upstream: FakeUpstream) -> None:
    conversation = factories.make_conversation(anna.user, [("one?", "One."), ("two?", ""), ("three?", "Three.")])

    assert contents(sent(anna, upstream, conversation)) == ["one?", "One.", "three?", "Three.", "Why?"]


def test_half_an_answer_is_an_answer(anna: Person, upstream: FakeUpstream, failed: Told) -> None:
    anna.ask("Why?", conversation=failed.events[0]["conversation"])

    assert contents(upstream.chats[-1].messages) == ["What is a fox?", "A fox is", "Why?"]


def test_an_answer_that_died_with_its_server_is_an_answer(anna: Person, upstream: FakeUpstream) -> None:
    conversation = factories.make_conversation(anna.user, ())
    dead = factories.ask(conversation, "What is a fox?")
    Piece.objects.create(generation=dead.generation, text="A fox ")
    type(dead.generation).objects.update(heartbeat_at="2020-01-01T00:00:00Z")

    assert contents(sent(anna, upstream, conversation)) == ["What is a fox?", "A fox ", "Why?"]


def test_thoughts_are_not_sent_unless_they_are_all_there_is(anna: Person, upstream: FakeUpstream) -> None:
    conversation = factories.make_conversation(anna.user, ())
    factories.finish(factories.ask(conversation, "one?"), "One.", reasoning="Hm.")
    factories.finish(factories.ask(conversation, "two?"), "", reasoning="Two, I think.")

    assert contents(sent(anna, upstream, conversation)) == ["one?", "One.", "two?", "Two, I think.", "Why?"]


def test_what_does_not_fit_the_model_is_left_out_and_counted(
    anna: Person, upstream: FakeUpstream, settings: Any
) -> None:
    settings.LLM_CONTEXT_TOKENS = {"": 400}
    turns = [(f"question {number} {'x' * 100}", f"answer {number} {'y' * 100}") for number in range(10)]
    conversation = factories.make_conversation(anna.user, turns)
    Conversation.objects.update(instructions="Be brief.")

    reply = anna.ask("Why?", conversation=str(conversation.pk)).reply

    turns_sent = upstream.chats[-1].messages
    kept = contents(turns_sent)[1:-1]
    assert turns_sent[0]["role"] == "system"
    assert contents(turns_sent)[-1] == "Why?"
    assert 0 < len(kept) < 20
    assert kept == [text for turn in turns for text in turn][-len(kept) :]
    assert turns_sent[1]["role"] == "user"
    generation = stored(reply).generation
    assert generation.omitted == 20 - len(kept)
    assert Message.objects.get(text=kept[0]).pk == generation.first_sent


def test_one_models_window_is_not_anothers(anna: Person, upstream: FakeUpstream, settings: Any) -> None:
    settings.LLM_CONTEXT_TOKENS = {"": 100_000, "unicode": 400}
    for model, turns in (("echo", 7), ("unicode", 1)):
        conversation = factories.make_conversation(anna.user, [("x" * 500, "y" * 500)] * 3)
        anna.ask("Why?", conversation=str(conversation.pk), model=model)
        assert len(upstream.chats[-1].messages) == turns


def test_without_a_limit_everything_is_sent(anna: Person, upstream: FakeUpstream) -> None:
    conversation = factories.make_conversation(anna.user, [("x" * 50_000, "y" * 50_000)] * 3)

    reply = anna.ask("Why?", conversation=str(conversation.pk)).reply

    assert len(upstream.chats[-1].messages) == 7
    assert stored(reply).generation.omitted == 0


def test_what_the_servers_list_says_is_the_limit_if_no_setting_is(
    anna: Person, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine._upstream.catalogue, "window_of", lambda model: 400)
    conversation = factories.make_conversation(anna.user, [("x" * 500, "y" * 500)] * 3)

    reply = anna.ask("Why?", conversation=str(conversation.pk)).reply

    assert contents(upstream.chats[-1].messages) == ["Why?"]
    assert stored(reply).generation.omitted == 6
