"""The rest of a cut answer, as a message of its own: both are shown, sent and exported as one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from chat.models import Message
from tests.support import factories
from tests.support.fake_upstream.chunks import DONE, ROLE, chunk, ended, error, said, send, sse
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.fake_upstream.steps import Script, Send
from tests.support.site import Person, Told, stored, told

Speak = Callable[[Script], None]

CUT: Script = (send(ROLE, *said("A fo", "x is"), *ended("length"), DONE),)
GOES_ON: Script = (send(ROLE, *said(" an ani", "mal."), *ended(), DONE),)
CUT_AGAIN: Script = (send(ROLE, *said(" an"), *ended("length"), DONE),)
FAILS: Script = (send(ROLE, error("Broken.")),)
THINKS: Script = (
    Send(sse(ROLE)),
    send(chunk(reasoning_content="Hm. "), chunk(reasoning_content="Oh."), *said("A fox"), *ended("length"), DONE),
)


def continue_(person: Person, reply: str) -> Told:
    """Continue a reply, and read the stream to its end."""
    response = person.post(request_id=str(uuid4()), **{"continue": reply})
    assert response.status_code == 200, response.text
    return told(response)


@pytest.fixture
def speak(upstream: FakeUpstream, settings: Any) -> Speak:
    """Set what the model answers from now on."""

    def speak(script: Script) -> None:
        settings.LLM_MODEL = upstream.add(f"script-{uuid4()}", script)

    return speak


@pytest.fixture
def cut(anna: Person, speak: Speak) -> Told:
    """An answer that was cut off at its limit; the next one will continue it."""
    speak(CUT)
    heard = anna.ask("What is a fox?")
    speak(GOES_ON)
    assert heard.end["status"] == "truncated"
    return heard


def test_it_goes_on_where_the_answer_stopped(anna: Person, cut: Told) -> None:
    rest = continue_(anna, cut.reply)

    assert rest.end["status"] == "complete"
    assert rest.text() == " an animal."
    assert rest.events[0]["question"] == cut.events[0]["question"]
    assert stored(rest.reply).whole_text == "A fox is an animal."


def test_what_it_repeats_of_the_answer_is_dropped(anna: Person, speak: Speak, cut: Told) -> None:
    speak((send(ROLE, *said("A fo", "x is an", " animal."), *ended(), DONE),))
    rest = continue_(anna, cut.reply)
    assert (rest.text(), rest.end["status"]) == (" an animal.", "complete")
    assert stored(rest.reply).whole_text == "A fox is an animal."


def test_one_that_only_repeats_has_failed_and_can_be_tried_again(anna: Person, speak: Speak, cut: Told) -> None:
    speak((send(ROLE, *said("A fo", "x is"), *ended(), DONE),))
    rest = continue_(anna, cut.reply)
    assert (rest.text(), rest.end["status"], rest.end["code"]) == ("", "failed", "empty_reply")
    assert stored(rest.reply).whole_text == "A fox is"


@pytest.mark.parametrize(
    "script",
    [
        (send(ROLE, *said("A fo"), *ended(), DONE),),
        (send(ROLE, *said("A fo")),),
        (send(ROLE, *said("A fo"), error("Broken.")),),
    ],
    ids=["ends", "is cut", "fails"],
)
def test_what_may_be_a_repetition_is_kept_if_it_ends_before_it_is_one(
    anna: Person, speak: Speak, cut: Told, script: Script
) -> None:
    speak(script)
    rest = continue_(anna, cut.reply)
    assert rest.text() == stored(rest.reply).text == "A fo"


def test_the_model_reads_what_it_said_so_far_and_is_told_to_go_on(
    anna: Person, upstream: FakeUpstream, cut: Told
) -> None:
    continue_(anna, cut.reply)

    question, answer, go_on = upstream.chats[-1].messages
    assert question == {"role": "user", "content": "What is a fox?"}
    assert answer == {"role": "assistant", "content": "A fox is"}
    assert go_on["role"] == "user"
    assert "Continue" in go_on["content"]


def test_nothing_of_the_cut_answer_is_changed(anna: Person, cut: Told) -> None:
    before = Message.objects.filter(pk=cut.reply).values().get()

    rest = continue_(anna, cut.reply)

    assert Message.objects.filter(pk=cut.reply).values().get() == before
    assert str(stored(rest.reply).continues_id) == cut.reply
    assert stored(rest.reply).text == " an animal."


def test_what_is_asked_next_comes_after_one_answer(anna: Person, upstream: FakeUpstream, cut: Told) -> None:
    rest = continue_(anna, cut.reply)

    anna.ask("Why?", conversation=rest.events[0]["conversation"])

    assert upstream.chats[-1].messages == [
        {"role": "user", "content": "What is a fox?"},
        {"role": "assistant", "content": "A fox is an animal."},
        {"role": "user", "content": "Why?"},
    ]


def test_a_chain_of_several_is_one_answer(anna: Person, upstream: FakeUpstream, speak: Speak, cut: Told) -> None:
    speak(CUT_AGAIN)
    second = continue_(anna, cut.reply)
    speak(FAILS)
    third = continue_(anna, second.reply)
    assert third.end["status"] == "failed"
    speak((send(ROLE, *said(" ox."), *ended(), DONE),))
    fourth = continue_(anna, third.reply)

    assert upstream.chats[-1].messages[1] == {"role": "assistant", "content": "A fox is an"}
    assert stored(fourth.reply).whole_text == "A fox is an ox."
    assert [str(part.pk) for part in stored(fourth.reply).parts] == [
        cut.reply, second.reply, third.reply, fourth.reply,
    ]  # fmt: skip


def test_a_continuation_can_be_followed_and_read_again(anna: Person, cut: Told) -> None:
    rest = continue_(anna, cut.reply)

    assert anna.follow(rest.reply).text() == " an animal."
    assert anna.follow(rest.reply, after="0.3").text() == " animal."


def test_the_whole_answer_can_be_asked_for_anew(anna: Person, upstream: FakeUpstream, cut: Told) -> None:
    rest = continue_(anna, cut.reply)

    again = told(anna.post(request_id=str(uuid4()), retry=rest.reply, model="echo"))

    assert stored(again.reply).continues is None
    assert upstream.chats[-1].messages == [{"role": "user", "content": "What is a fox?"}]


@pytest.mark.parametrize("status", ["stopped", "timed_out", "failed", "interrupted", "truncated"])
def test_whatever_was_cut_can_be_continued(anna: Person, status: str) -> None:
    conversation = factories.make_conversation(anna.user, [("q?", "so far")], status=status)

    assert continue_(anna, str(conversation.leaf_id)).end["status"] == "complete"


@pytest.mark.parametrize(("status", "answer"), [("complete", "All."), ("filtered", "No."), ("stopped", "")])
def test_what_is_whole_or_has_no_text_can_not(anna: Person, upstream: FakeUpstream, status: str, answer: str) -> None:
    conversation = factories.make_conversation(anna.user, [("q?", answer)], status=status)

    response = anna.post(request_id=str(uuid4()), **{"continue": str(conversation.leaf_id)})

    assert response.status_code == 400
    assert response.json()["error"]["field"] == "continue"
    assert Message.objects.count() == 2
    assert not upstream.chats


def test_a_double_click_continues_once(anna: Person, upstream: FakeUpstream, cut: Told) -> None:
    fields = {"request_id": str(uuid4()), "continue": cut.reply}

    with ThreadPoolExecutor(2) as pool:
        heard = [told(response) for response in pool.map(lambda _: anna.post(**fields), range(2))]

    assert heard[0].reply == heard[1].reply
    assert Message.objects.count() == 3
    assert len(upstream.chats) == 2


def test_two_tabs_one_after_the_other_make_two_versions(anna: Person, speak: Speak, cut: Told) -> None:
    one = continue_(anna, cut.reply)
    speak(CUT_AGAIN)
    other = continue_(anna, cut.reply)

    assert stored(one.reply).whole_text == "A fox is an animal."
    assert stored(other.reply).whole_text == "A fox is an"


def test_while_an_answer_is_written_it_is_refused(anna: Person, upstream: FakeUpstream, cut: Told) -> None:
    with anna.asking("Why?", conversation=cut.events[0]["conversation"], model="gated") as response:
        upstream.wait_for_request()
        refused = anna.post(request_id=str(uuid4()), **{"continue": cut.reply})
        upstream.release()
        reply = told(response).reply

    assert refused.status_code == 409
    assert refused.json()["error"]["reply"] == reply


def test_a_stranger_can_not_continue_it(boris: Person, cut: Told) -> None:
    for reply in (cut.reply, str(uuid4())):
        assert boris.post(request_id=str(uuid4()), **{"continue": reply}).status_code == 404
    assert Message.objects.count() == 2


def test_a_question_can_not_be_continued(anna: Person, cut: Told) -> None:
    question = cut.events[0]["question"]

    assert anna.post(request_id=str(uuid4()), **{"continue": question}).status_code == 404


def test_how_long_it_thought_is_measured(anna: Person, speak: Speak) -> None:
    speak(THINKS)
    thought = anna.ask()
    speak(CUT)
    spoke = anna.ask()

    assert stored(thought.reply).evidence.reasoning_ms is not None
    assert stored(spoke.reply).evidence.reasoning_ms is None
