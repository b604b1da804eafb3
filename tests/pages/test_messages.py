"""Actions on a message with plain forms: another version, deleting, restoring; and its plain text."""

import re
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from chat.doorbell import doorbell
from chat.models import Conversation, Message, User
from chat.replies.writer import Job
from tests.pages.page import body, html, path_of, path_of_message, shown
from tests.support.factories import NO_ONES_ID, a_submission, ask, finish, make_conversation, make_user, retry

pytestmark = pytest.mark.django_db


def path_to(verb: str, message: Message) -> str:
    return reverse(verb, args=[message.conversation_id, message.pk])


def message(conversation: Conversation, text: str) -> Message:
    return conversation.messages.get(text=text)


def texts(client: Client, conversation: Conversation, query: str = "") -> list[str]:
    """Return the texts of the questions and answers on the page."""
    page = shown(client.get(path_of(conversation) + query))
    found = re.findall(r'data-part="(?:question|answer)">(.*?)</div>', page, re.DOTALL)
    return [re.sub(r"<[^>]*>", "", text).strip() for text in found]


def leaf_of(conversation: Conversation) -> Message | None:
    return Conversation.objects.get(pk=conversation.pk).leaf


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collect the conversations that the other tabs are told about."""
    told: list[Any] = []
    monkeypatch.setattr(doorbell, "ring", lambda owner, conversation, what, **_: told.append(conversation))
    return told


@pytest.fixture
def two(anna: User) -> Conversation:
    """A conversation with two answers to the first question; the one shown has a second question below it."""
    conversation = make_conversation(anna, [("one?", "One.")])
    finish(retry(conversation), "Uno.")
    finish(ask(conversation, "two?"), "Two.")
    return conversation


# --- Versions -------------------------------------------------------------------------------------------------------


def test_the_page_shows_which_version_it_is(client: Client, two: Conversation) -> None:
    assert texts(client, two) == ["one?", "Uno.", "two?", "Two."]
    page = shown(client.get(path_of(two)))
    assert "<span>2/2</span>" in page
    assert f'formaction="{path_to("show_message", message(two, "One."))}"' in page


def test_another_version_is_shown_and_stays(client: Client, two: Conversation, rung: list[Any]) -> None:
    change = two.owner.change
    answer = message(two, "One.")
    response = client.post(path_to("show_message", answer))
    assert response.status_code == 303
    assert response["Location"] == f"{path_of(two)}?message={answer.pk}#message-{answer.pk}"
    assert texts(client, two) == ["one?", "One."]
    assert rung == [two.pk]
    two.refresh_from_db()
    assert two.change > change


def test_going_back_shows_the_newest_of_what_came_after(client: Client, two: Conversation) -> None:
    client.post(path_to("show_message", message(two, "One.")))
    client.post(path_to("show_message", message(two, "Uno.")))
    assert texts(client, two) == ["one?", "Uno.", "two?", "Two."]


def test_what_is_asked_next_follows_the_version_that_is_shown(
    client: Client, two: Conversation, begun: list[Job]
) -> None:
    client.post(path_to("show_message", message(two, "One.")))
    client.post(path_of(two), body("three?"))
    assert [turn["content"] for turn in begun[0].turns] == ["one?", "One.", "three?"]


def test_an_edit_by_the_plain_form_is_a_version_too(client: Client, two: Conversation, begun: list[Job]) -> None:
    question = message(two, "one?")
    page = shown(client.get(path_of(two), {"edit": str(question.pk)}))
    field = rf'name="edit" value="{question.pk}".*?<textarea[^>]*autofocus>\s*one\?</textarea>'
    assert re.search(field, page, re.DOTALL)
    response = client.post(path_of(two), body("uno?", edit=str(question.pk)))
    assert response.status_code == 303
    assert [turn["content"] for turn in begun[0].turns] == ["uno?"]
    assert texts(client, two)[0] == "uno?"
    assert "<span>2/2</span>" in shown(client.get(path_of(two)))


def test_a_refused_edit_keeps_what_was_typed_in_its_own_field(client: Client, two: Conversation) -> None:
    question = message(two, "one?")
    response = client.post(path_of(two), body("x" * 100_001, edit=str(question.pk)))
    assert response.status_code == 413
    edit, composer = re.findall(r'<textarea[^>]* name="text"[^>]*>\s*(\w*)\s*</textarea>', html(response))
    assert (len(edit), composer) == (100_001, "")


def test_a_link_to_a_message_shows_the_branch_that_has_it_and_changes_nothing(
    client: Client, two: Conversation
) -> None:
    before = leaf_of(two)
    assert texts(client, two, f"?message={message(two, 'One.').pk}") == ["one?", "One."]
    assert texts(client, two, f"?message={message(two, 'two?').pk}") == ["one?", "Uno.", "two?", "Two."]
    assert leaf_of(two) == before


def test_a_question_asked_in_another_branch_goes_below_it(client: Client, two: Conversation, begun: list[Job]) -> None:
    answer = message(two, "One.")
    page = shown(client.get(path_of(two), {"message": str(answer.pk)}))
    assert f'name="parent" value="{answer.pk}"' in page
    client.post(path_of(two), body("three?", parent=str(answer.pk)))
    assert [turn["content"] for turn in begun[0].turns] == ["one?", "One.", "three?"]
    assert 'name="parent"' not in shown(client.get(path_of(two)))


@pytest.mark.parametrize("query", ["message=x", "earlier_than=x", "later_than=", "edit=5", f"message={NO_ONES_ID}"])
def test_a_link_to_no_message_is_not_found(client: Client, two: Conversation, query: str) -> None:
    assert client.get(f"{path_of(two)}?{query}").status_code == 404


# --- Continuations --------------------------------------------------------------------------------------------------


def test_a_continued_answer_is_shown_as_one(client: Client, anna: User) -> None:
    conversation = make_conversation(anna, [("q?", "```\nhalf a ")], status="truncated")
    cut = conversation.leaf
    assert cut
    finish(conversation.continue_from(cut, a_submission()).reply, "block\n```")
    page = shown(client.get(path_of(conversation)))
    assert page.count('class="message answer"') == 1
    assert "half a block" in page
    assert f'id="message-{cut.pk}"' in page, "a link to the first part leads there"
    assert "<span>1/2</span>" not in page
    assert texts(client, conversation, f"?message={cut.pk}") == texts(client, conversation)


def test_while_it_goes_on_the_text_so_far_is_shown(client: Client, anna: User) -> None:
    conversation = make_conversation(anna, [("q?", "so far")], status="truncated")
    assert conversation.leaf
    conversation.continue_from(conversation.leaf, a_submission())
    page = shown(client.get(path_of(conversation)))
    assert re.search(r'data-part="before"><p>so far</p>', page)
    assert 'data-status="streaming" data-cursor="0.0"' in page


def test_the_plain_form_continues(client: Client, anna: User, begun: list[Job]) -> None:
    conversation = make_conversation(anna, [("q?", "so far")], status="truncated")
    response = client.post(
        path_of(conversation), {"request_id": str(uuid.uuid4()), "continue": str(conversation.leaf_id)}
    )
    assert response.status_code == 303
    assert begun[0].turns[1] == {"role": "assistant", "content": "so far"}


# --- Deleting -------------------------------------------------------------------------------------------------------


@pytest.fixture
def three(anna: User) -> Conversation:
    return make_conversation(anna, [("one?", "One."), ("two?", "Two."), ("three?", "Three.")])


def test_without_scripts_one_is_asked_first(client: Client, three: Conversation) -> None:
    page = client.get(path_to("delete_message", message(three, "two?")))
    assert page.status_code == 200
    assert "two?" in html(page)
    assert three.messages.filter(deleted_at=None).count() == 6


def test_a_question_is_deleted_with_its_answer(client: Client, three: Conversation, rung: list[Any]) -> None:
    question = message(three, "two?")
    response = client.post(path_to("delete_message", question))
    assert response.status_code == 303
    assert texts(client, three) == ["one?", "One.", "three?", "Three."]
    assert rung == [three.pk]
    page = shown(client.get(response["Location"]))
    places = [page.index(part) for part in ("One.</p>", path_to("restore_message", question), "three?</div>")]
    assert places == sorted(places), "the way back is where it was"


def test_it_comes_back(client: Client, three: Conversation, rung: list[Any]) -> None:
    question = message(three, "two?")
    client.post(path_to("delete_message", question))
    assert client.post(path_to("restore_message", question)).status_code == 303
    assert texts(client, three) == ["one?", "One.", "two?", "Two.", "three?", "Three."]
    assert leaf_of(three) == message(three, "Three.")
    assert len(rung) == 2


def test_the_last_pair_is_deleted_and_comes_back(client: Client, three: Conversation) -> None:
    question = message(three, "three?")
    client.post(path_to("delete_message", question))
    assert texts(client, three) == ["one?", "One.", "two?", "Two."]
    assert leaf_of(three) == message(three, "Two.")
    client.post(path_to("restore_message", question))
    assert texts(client, three)[-1] == "Three."


def test_the_only_pair_is_deleted_and_comes_back(client: Client, anna: User) -> None:
    conversation = make_conversation(anna)
    question = message(conversation, "What is a fox?")
    response = client.post(path_to("delete_message", question))
    assert "Undo" in shown(client.get(response["Location"]))
    assert texts(client, conversation) == []
    assert leaf_of(conversation) is None
    client.post(path_to("restore_message", question))
    assert texts(client, conversation) == ["What is a fox?", "An animal."]


def test_the_model_does_not_read_what_was_deleted(client: Client, three: Conversation, begun: list[Job]) -> None:
    client.post(path_to("delete_message", message(three, "two?")))
    client.post(path_of(three), body("four?"))
    assert [turn["content"] for turn in begun[0].turns] == ["one?", "One.", "three?", "Three.", "four?"]


def test_a_question_after_the_deletion_of_the_last_one_has_a_number_of_its_own(
    client: Client, three: Conversation, begun: list[Job]
) -> None:
    client.post(path_to("delete_message", message(three, "three?")))
    assert client.post(path_of(three), body("four?")).status_code == 303
    assert [turn["content"] for turn in begun[0].turns] == ["one?", "One.", "two?", "Two.", "four?"]
    assert message(three, "four?").number == 7


def test_both_answers_go_with_their_question(client: Client, two: Conversation) -> None:
    client.post(path_to("delete_message", message(two, "one?")))
    assert texts(client, two) == ["two?", "Two."]
    assert two.messages.filter(deleted_at=None).count() == 2


def test_deleted_twice_is_not_there_and_restored_twice_is_the_same(client: Client, three: Conversation) -> None:
    question = message(three, "two?")
    client.post(path_to("delete_message", question))
    assert client.post(path_to("delete_message", question)).status_code == 404
    for _ in range(2):
        assert client.post(path_to("restore_message", question)).status_code == 303
    assert len(texts(client, three)) == 6


def test_an_answer_is_not_deleted_alone(client: Client, three: Conversation) -> None:
    assert client.post(path_to("delete_message", message(three, "Two."))).status_code == 404
    assert client.post(path_to("restore_message", message(three, "Two."))).status_code == 404


# --- All actions ----------------------------------------------------------------------------------------------------

VERBS = ["show_message", "delete_message", "restore_message"]


@pytest.mark.parametrize("verb", VERBS)
def test_while_an_answer_is_written_it_is_refused(client: Client, three: Conversation, verb: str) -> None:
    before = list(Message.objects.order_by("number").values())
    reply = ask(three, "four?")
    for query, kind in (("", "text/html"), ("?fragment=messages", "application/json")):
        response = client.post(path_to(verb, message(three, "two?")) + query)
        assert response.status_code == 409
        assert response["Content-Type"].startswith(kind)
    assert leaf_of(three) == reply
    assert list(Message.objects.order_by("number").values())[:6] == before


@pytest.mark.parametrize("verb", VERBS)
def test_a_stranger_finds_nothing(client: Client, anna: User, verb: str) -> None:
    User.objects.filter(pk=anna.pk).update(is_superuser=True, is_staff=True)
    theirs = make_conversation(make_user("boris"))
    mine = make_conversation(anna)
    for conversation, place in ((theirs, theirs), (mine, theirs), (theirs, mine)):
        question = place.messages.filter(role="user").get()
        assert client.post(reverse(verb, args=[conversation.pk, question.pk])).status_code == 404
    assert not Message.objects.exclude(deleted_at=None).exists()


@pytest.mark.parametrize("verb", VERBS)
def test_whose_login_has_expired_is_led_back_to_the_conversation(
    client: Client, three: Conversation, verb: str
) -> None:
    client.logout()
    response = client.post(path_to(verb, message(three, "two?")))
    assert response.status_code == 401
    assert f'name="next" value="{path_of(three)}"' in html(response)


def test_scripts_are_led_to_the_messages_alone(client: Client, three: Conversation) -> None:
    question = message(three, "two?")
    response = client.post(path_to("delete_message", question) + "?fragment=messages", follow=True)
    assert html(response).strip().startswith('<ol class="messages"')
    assert "Undo" in html(response)


def test_the_plain_text_is_what_was_written(client: Client, anna: User) -> None:
    conversation = make_conversation(anna, [("<q> & ä?", "**so** ")], status="truncated")
    assert conversation.leaf
    rest = conversation.continue_from(conversation.leaf, a_submission()).reply
    finish(rest, "far <b>")
    response = client.get(path_of_message(rest) + "text/")
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert html(response) == "**so** far <b>"
    assert html(client.get(path_of_message(message(conversation, "<q> & ä?")) + "text/")) == "<q> & ä?"


def test_the_plain_text_is_not_for_strangers(client: Client, anna: User) -> None:
    theirs = make_conversation(make_user("boris"))
    assert theirs.leaf
    assert client.get(path_of_message(theirs.leaf) + "text/").status_code == 404


def test_a_deleted_message_is_not_there(client: Client, three: Conversation) -> None:
    question = message(three, "two?")
    client.post(path_to("delete_message", question))
    for path in (
        path_of_message(question),
        path_of_message(question) + "text/",
        f"{path_of(three)}?message={question.pk}",
    ):
        assert client.get(path).status_code == 404
