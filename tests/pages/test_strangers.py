"""What belongs to others does not exist."""

import uuid

import pytest
from django.test import Client
from django.utils import timezone

from chat.models import Conversation, User
from chat.replies.writer import Job
from tests.pages.page import body, html, path_of, path_of_message
from tests.support.factories import make_conversation, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("is_admin", [False, True])
def test_a_stranger_cannot_tell_a_conversation_from_none(client: Client, anna: User, is_admin: bool) -> None:
    User.objects.filter(pk=anna.pk).update(is_superuser=is_admin, is_staff=is_admin)
    theirs = make_conversation(make_user("boris"))
    message = theirs.messages.first()
    assert message
    absent, nobody = uuid.uuid4(), uuid.uuid4()
    pairs = [(path_of(theirs), f"/chat/{absent}/"), (path_of_message(message), f"/chat/{absent}/messages/{nobody}/")]
    for there, nowhere in pairs:
        assert client.get(there).status_code == client.get(nowhere).status_code == 404
        assert html(client.get(there)) == html(client.get(nowhere))


def test_a_stranger_cannot_ask_in_it_and_keeps_the_text(client: Client, anna: User, begun: list[Job]) -> None:
    theirs = make_conversation(make_user("boris"), [("a secret", "of boris")])
    for path in (path_of(theirs), f"/chat/{uuid.uuid4()}/"):
        response = client.post(path, body("kept"))
        assert response.status_code == 404
        assert "kept</textarea>" in html(response)
        assert "secret" not in html(response)
    assert theirs.messages.count() == 2
    assert not begun


def test_a_message_is_found_in_its_own_conversation_only(client: Client, anna: User) -> None:
    one, other = make_conversation(anna), make_conversation(anna)
    assert client.get(f"/chat/{one.pk}/messages/{other.leaf_id}/").status_code == 404


def test_a_deleted_conversation_is_not_there(client: Client, anna: User) -> None:
    conversation = make_conversation(anna)
    Conversation.objects.update(deleted_at=timezone.now())
    assert client.get(path_of(conversation)).status_code == 404
    assert client.get(f"/chat/{conversation.pk}/messages/{conversation.leaf_id}/").status_code == 404
    assert client.post(path_of(conversation), body()).status_code == 404


def test_without_a_login_pages_lead_to_it(client: Client) -> None:
    conversation = make_conversation(make_user())
    for path in ("/", path_of(conversation), f"/chat/{conversation.pk}/messages/{conversation.leaf_id}/"):
        response = client.get(path)
        assert (response.status_code, response["Location"]) == (302, f"/accounts/login/?next={path}")


def test_a_form_without_its_token_gives_the_text_back(anna: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(anna)
    response = client.post("/chat/", body("kept & <safe>"))
    assert response.status_code == 403
    assert "kept &amp; &lt;safe&gt;</textarea>" in html(response)
    assert "csrfmiddlewaretoken" in html(response)


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(client: Client, anna: User, method: str) -> None:
    conversation = make_conversation(anna)
    for path in ("/", "/chat/", path_of(conversation)):
        assert getattr(client, method)(path).status_code == 405
