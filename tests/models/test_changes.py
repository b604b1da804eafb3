"""What has changed since a change number, for tabs that missed a message."""

from typing import Any

import pytest
from django.utils import timezone

from chat.models import Conversation, User
from tests.support.factories import make_conversation
from tests.support.site import Person
from tests.support.waiting import until


def changes(person: Person, since: int | str = 0) -> dict[str, Any]:
    response = person.http.get("/chat/changes", params={"since": since})
    assert response.status_code == 200, response.text
    return dict(response.json())


def test_changes_are_those_since_a_number(anna: Person) -> None:
    first = changes(anna)
    assert first == {"user": str(anna.user.pk), "change": 0, "conversations": [], "gone": [], "reload": False}
    told = anna.ask("one")
    one = changes(anna, first["change"])
    conversation = anna.user.conversations.get()
    assert one["conversations"] == [
        {
            "id": str(conversation.pk),
            "title": "one",
            "change": one["change"],
            "leaf": told.reply,
            "running": None,
            "last_message_at": one["conversations"][0]["last_message_at"],
        }
    ]
    assert changes(anna, one["change"])["conversations"] == []
    anna.ask("two")
    assert [found["title"] for found in changes(anna, one["change"])["conversations"]] == ["two"]


def test_changes_name_the_reply_that_is_being_written(anna: Person) -> None:
    with anna.asking(model="hang"):
        (found,) = until(lambda: changes(anna)["conversations"])
        assert found["running"] == found["leaf"] == str(anna.user.conversations.get().leaf_id)


def test_changes_tell_of_what_is_gone(anna: Person) -> None:
    conversation = make_conversation(anna.user)
    since = changes(anna)["change"]
    anna.user.next_change()
    Conversation.objects.update(deleted_at=timezone.now(), change=anna.user.change)
    found = changes(anna, since)
    assert (found["gone"], found["conversations"]) == ([str(conversation.pk)], [])


def test_changes_are_not_a_strangers(anna: Person, boris: Person) -> None:
    anna.ask()
    boris.ask("his own")
    assert [found["title"] for found in changes(boris)["conversations"]] == ["his own"]


@pytest.mark.parametrize(("count", "reload"), [(200, False), (201, True)])
def test_who_missed_too_much_is_told_to_load_anew(anna: Person, count: int, reload: bool) -> None:
    User.objects.update(change=count)
    Conversation.objects.bulk_create(
        Conversation(owner=anna.user, title=str(number), change=number + 1) for number in range(count)
    )
    found = changes(anna)
    assert (found["reload"], found["change"]) == (reload, count)
    assert len(found["conversations"]) == (0 if reload else count)


def test_a_number_from_the_future_means_to_load_anew(anna: Person) -> None:
    assert changes(anna, "9" * 19)["reload"]


@pytest.mark.parametrize("since", ["", "x", "-1", "1.5", "٣", "9" * 20])
def test_an_odd_number_is_refused(anna: Person, since: str) -> None:
    response = anna.http.get("/chat/changes", params={"since": since})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "bad_field")


def test_changes_want_a_login(anna: Person) -> None:
    anna.http.cookies.delete("sessionid")
    response = anna.http.get("/chat/changes", params={"since": 0})
    assert (response.status_code, response.json()["error"]["code"]) == (401, "login_required")
