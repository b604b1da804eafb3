"""Actions on a conversation in the list: rename, pin, archive, delete and restore."""

import json
import uuid
from typing import Any

import pytest

from chat.models import Conversation, Generation, Message
from tests.models.test_changes import changes
from tests.support.bell import Bell
from tests.support.factories import NO_ONES_ID, ask, make_conversation
from tests.support.site import Person, Site
from tests.support.waiting import until

ACTIONS: dict[str, dict[str, Any]] = {
    "rename": {"title": "Foxes"},
    "pin": {"pinned": "1"},
    "archive": {"archived": "1"},
    "delete": {},
    "restore": {},
}


def act(person: Person, conversation: Conversation | uuid.UUID, action: str, **fields: Any) -> Any:
    key = getattr(conversation, "pk", conversation)
    # As ASCII escapes: halves of surrogate pairs can't be sent in any other way.
    body = json.dumps(ACTIONS[action] | fields)
    return person.http.post(f"/chat/{key}/{action}", content=body, headers={"Content-Type": "application/json"})


def form(person: Person, conversation: Conversation, action: str, **fields: Any) -> Any:
    data = {"csrfmiddlewaretoken": "t" * 32} | ACTIONS[action] | fields
    return person.http.post(f"/chat/{conversation.pk}/{action}", data=data)


def fresh(conversation: Conversation) -> Conversation:
    return Conversation.objects.get(pk=conversation.pk)


def test_a_title_of_ones_own_stays(anna: Person) -> None:
    conversation = make_conversation(anna.user)
    response = act(anna, conversation, "rename", title="  All about\n foxes ")
    assert response.json() == {"conversation": str(conversation.pk), "title": "All about foxes"}
    assert (fresh(conversation).title, fresh(conversation).title_source) == ("All about foxes", "owner")


@pytest.mark.parametrize("title", ["", "  \n ", None, 7, ["x"], "\0", "\ud800"])
def test_a_title_needs_a_character(anna: Person, title: Any) -> None:
    conversation = make_conversation(anna.user)
    response = act(anna, conversation, "rename", title=title)
    assert (response.status_code, response.json()["error"]["field"]) == (400, "title")
    assert fresh(conversation).title == "What is a fox?"


def test_a_title_that_is_too_long_or_odd_is_made_to_fit(anna: Person) -> None:
    conversation = make_conversation(anna.user)
    act(anna, conversation, "rename", title="a\0b\ud800" + "c" * 500)
    assert fresh(conversation).title == "ab" + "c" * 198


def test_it_can_be_pinned_and_archived_and_back(anna: Person) -> None:
    conversation = make_conversation(anna.user)
    for action, name in (("pin", "pinned"), ("archive", "archived")):
        for value in ("1", "0"):
            assert act(anna, conversation, action, **{name: value}).status_code == 200
            assert bool(getattr(fresh(conversation), f"{name}_at")) is (value == "1")
        assert act(anna, conversation, action, **{name: "maybe"}).status_code == 400


def test_who_asks_in_what_is_archived_takes_it_out(anna: Person) -> None:
    conversation = make_conversation(anna.user)
    conversation.archive(True)
    anna.ask("And a wolf?", conversation=str(conversation.pk))
    assert fresh(conversation).archived_at is None


def test_what_is_deleted_is_gone_and_can_be_brought_back(anna: Person) -> None:
    conversation = make_conversation(anna.user)
    page = f"/chat/{conversation.pk}/"
    assert act(anna, conversation, "delete").status_code == 200
    assert anna.http.get(page).status_code == 404
    assert act(anna, conversation, "rename").status_code == 404
    assert changes(anna)["gone"] == [str(conversation.pk)]
    assert act(anna, conversation, "restore").status_code == 200
    assert anna.http.get(page).status_code == 200
    assert [found["id"] for found in changes(anna)["conversations"]] == [str(conversation.pk)]


def test_a_running_reply_is_stopped_and_its_end_brings_nothing_back(anna: Person) -> None:
    with anna.asking(model="hang"):
        reply = until(lambda: list(Generation.objects.running()))[0]
        conversation = reply.conversation
        act(anna, conversation, "delete")
        assert Generation.objects.get(pk=reply.pk).status == "stopped"
    assert fresh(conversation).deleted_at
    assert anna.http.get(f"/chat/{conversation.pk}/").status_code == 404


def test_nothing_begins_in_what_is_deleted_in_the_same_moment(anna: Person) -> None:
    conversation = make_conversation(anna.user)
    fresh(conversation).soft_delete()
    with pytest.raises(Conversation.DoesNotExist):
        ask(conversation, "And a wolf?")
    assert Message.objects.count() == 2


def test_other_tabs_are_told(anna: Person) -> None:
    conversation = make_conversation(anna.user)
    with Bell(anna) as bell:
        for action in ("rename", "pin", "archive"):
            act(anna, conversation, action)
            assert bell.hear_of("changed")["conversation"] == str(conversation.pk)
        act(anna, conversation, "delete")
        assert bell.hear_of("gone")["conversation"] == str(conversation.pk)
        act(anna, conversation, "restore")
        assert bell.hear_of("changed")["conversation"] == str(conversation.pk)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("is_admin", [False, True])
def test_a_stranger_cannot(anna: Person, boris: Person, action: str, is_admin: bool) -> None:
    boris.user.is_superuser = boris.user.is_staff = is_admin
    boris.user.save()
    conversation = make_conversation(anna.user)
    if action == "restore":
        conversation.soft_delete()
    before = Conversation.objects.values().get()
    assert act(boris, conversation, action).json() == act(boris, uuid.uuid4(), action).json()
    assert act(boris, conversation, action).status_code == form(boris, conversation, action).status_code == 404
    assert boris.http.get(f"/chat/{conversation.pk}/title/").status_code == 404
    assert Conversation.objects.values().get() == before


@pytest.mark.parametrize("action", ACTIONS)
def test_it_wants_a_login_and_a_token(site: Site, anna: Person, action: str) -> None:
    conversation = make_conversation(anna.user)
    assert anna.http.get(f"/chat/{conversation.pk}/{action}").status_code == 405
    anna.http.headers["X-CSRFToken"] = ""
    assert act(anna, conversation, action).status_code == 403
    anna.http.headers["X-CSRFToken"] = "t" * 32
    anna.http.cookies.delete("sessionid")
    assert act(anna, conversation, action).status_code == 401
    assert form(anna, conversation, action).status_code == 302


# --- Plain forms ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ACTIONS)
def test_a_form_leads_back_to_where_it_was(anna: Person, action: str) -> None:
    conversation = make_conversation(anna.user)
    if action == "restore":
        conversation.soft_delete()
    for back, leads_to in (
        ("/chat/archived/?x=1", "/chat/archived/?x=1"),
        ("https://elsewhere.test/", None),
        ("//elsewhere.test/", None),
        ("/\\elsewhere.test", None),
        ("javascript:alert(1)", None),
    ):
        if action == "delete":
            fresh(conversation).restore()
        if action == "restore":
            fresh(conversation).soft_delete()
        response = form(anna, conversation, action, next=back)
        home = "/" if action == "delete" else f"/chat/{conversation.pk}/"
        undo = f"deleted={conversation.pk}" if action == "delete" else ""
        expected = leads_to or home
        joint = ("&" if "?" in expected else "?") if undo else ""
        assert (response.status_code, response.headers["Location"]) == (303, f"{expected}{joint}{undo}")


def test_deleting_the_open_one_leads_home_with_an_undo(anna: Person) -> None:
    conversation = make_conversation(anna.user, [("<b>fox</b>", "a")])
    response = form(anna, conversation, "delete", next=f"/chat/{conversation.pk}/?before=x")
    assert response.headers["Location"] == f"/?deleted={conversation.pk}"
    page = anna.http.get(response.headers["Location"]).text
    assert "“&lt;b&gt;fox&lt;/b&gt;” was deleted." in page
    assert f'action="/chat/{conversation.pk}/restore"' in page


@pytest.mark.parametrize("deleted", ["", "x", NO_ONES_ID])
def test_an_odd_notice_is_none(anna: Person, deleted: str) -> None:
    page = anna.http.get("/", params={"deleted": deleted})
    assert page.status_code == 200
    assert "/restore" not in page.text


def test_a_title_that_is_refused_is_asked_for_again(anna: Person) -> None:
    conversation = make_conversation(anna.user)
    assert 'value="What is a fox?"' in anna.http.get(f"/chat/{conversation.pk}/title/").text
    response = form(anna, conversation, "rename", title=" ", next="/chat/archived/")
    assert response.status_code == 400
    assert "A title needs at least one character." in response.text
    assert 'value="/chat/archived/"' in response.text
