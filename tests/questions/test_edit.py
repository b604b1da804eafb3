"""An edited question: a sibling of the original, which is kept with everything that came after it."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any
from uuid import uuid4

import pytest

from chat.models import Conversation, Message
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.site import Person, Told, told


def edit(person: Person, question: str, text: str, **fields: Any) -> Told:
    response = person.post(request_id=str(uuid4()), edit=question, text=text, **fields)
    assert response.status_code == 200, response.text
    return told(response)


@pytest.fixture
def first(anna: Person) -> Told:
    """The first of two questions."""
    first = anna.ask("one")
    anna.ask("two", conversation=first.events[0]["conversation"])
    return first


def test_it_answers_the_edited_question(anna: Person, upstream: FakeUpstream, first: Told) -> None:
    again = edit(anna, first.events[0]["question"], "uno")

    assert again.end["status"] == "complete"
    assert again.text() == "uno"
    assert again.events[0]["conversation"] == first.events[0]["conversation"]
    assert upstream.chats[-1].messages == [{"role": "user", "content": "uno"}]


def test_what_was_asked_before_stays_and_is_a_sibling(anna: Person, first: Told) -> None:
    before = list(Message.objects.order_by("number").values())

    again = edit(anna, first.events[0]["question"], "uno")

    assert list(Message.objects.order_by("number").values())[:4] == before
    old = Message.objects.get(pk=first.events[0]["question"])
    new = Message.objects.get(pk=again.events[0]["question"])
    assert (old.parent_id, new.parent_id) == (None, None)
    assert str(Conversation.objects.get().leaf_id) == again.reply


def test_a_later_question_is_edited_with_what_stood_before_it(anna: Person, upstream: FakeUpstream) -> None:
    conversation = anna.ask("one").events[0]["conversation"]
    second = anna.ask("two", conversation=conversation)
    anna.ask("three", conversation=conversation)

    again = edit(anna, second.events[0]["question"], "zwei")

    assert [turn["content"] for turn in upstream.chats[-1].messages] == ["one", "one", "zwei"]
    questions = Message.objects.filter(pk__in=[heard.events[0]["question"] for heard in (second, again)])
    assert len({question.parent_id for question in questions}) == 1


def test_what_is_asked_next_follows_the_edited_one(anna: Person, upstream: FakeUpstream, first: Told) -> None:
    again = edit(anna, first.events[0]["question"], "uno")

    anna.ask("due", conversation=again.events[0]["conversation"])

    assert [turn["content"] for turn in upstream.chats[-1].messages] == ["uno", "uno", "due"]


def test_the_same_edit_twice_is_one_question(anna: Person, upstream: FakeUpstream, first: Told) -> None:
    fields = {"request_id": str(uuid4()), "edit": first.events[0]["question"], "text": "uno"}

    with ThreadPoolExecutor(2) as pool:
        heard = [told(response) for response in pool.map(lambda _: anna.post(**fields), range(2))]

    assert heard[0].reply == heard[1].reply
    assert Message.objects.count() == 6
    assert len(upstream.chats) == 3


def test_the_same_request_with_another_text_is_refused(anna: Person, first: Told) -> None:
    fields = {"request_id": str(uuid4()), "edit": first.events[0]["question"], "text": "uno"}
    anna.post(**fields)

    assert anna.post(**fields | {"text": "due"}).status_code == 422
    assert Message.objects.count() == 6


def test_while_an_answer_is_written_it_is_refused(anna: Person, upstream: FakeUpstream, first: Told) -> None:
    conversation = first.events[0]["conversation"]
    with anna.asking("three", conversation=conversation, model="gated") as response:
        upstream.wait_for_request()
        refused = anna.post(request_id=str(uuid4()), edit=first.events[0]["question"], text="uno")
        upstream.release()
        reply = told(response).reply

    assert refused.status_code == 409
    assert refused.json()["error"]["reply"] == reply
    assert Message.objects.count() == 6


def test_of_two_tabs_that_edit_at_once_one_waits(anna: Person, upstream: FakeUpstream, first: Told) -> None:
    def post(text: str) -> int:
        fields = {"request_id": str(uuid4()), "edit": first.events[0]["question"], "text": text, "model": "gated"}
        return anna.post(**fields).status_code

    with ThreadPoolExecutor(2) as pool:
        posts = [pool.submit(post, "uno"), pool.submit(post, "un")]
        # The answer to the other one waits until it is released.
        refused = next(as_completed(posts))
        assert refused.result() == 409
        upstream.release()
        assert sorted(post.result() for post in posts) == [200, 409]
    assert Message.objects.count() == 6


def test_an_answer_or_a_deleted_question_can_not_be_edited(anna: Person, first: Told) -> None:
    Message.objects.get(pk=first.events[0]["question"]).delete_pair()
    for message in (first.reply, first.events[0]["question"], str(uuid4())):
        assert anna.post(request_id=str(uuid4()), edit=message, text="uno").status_code == 404
    assert Message.objects.count() == 4


def test_a_stranger_can_not_edit_it(boris: Person, first: Told) -> None:
    response = boris.post(request_id=str(uuid4()), edit=first.events[0]["question"], text="uno")

    assert response.status_code == 404
    assert Message.objects.count() == 4
