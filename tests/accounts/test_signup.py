"""Sign-up, as the setting allows."""

from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client

from chat.models import User
from tests.accounts.forms import sign_up
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


def test_sign_up_is_closed_unless_the_setting_opens_it(client: Client) -> None:
    make_user()
    assert client.get("/accounts/signup/").status_code == 403
    response = sign_up(client, "boris")
    assert response.status_code == 403
    assert b"administrator" in response.content
    assert User.objects.count() == 1


def test_an_open_sign_up_makes_ordinary_users(client: Client, settings: Any) -> None:
    make_user()
    settings.SIGNUP = "open"
    assert sign_up(client, "boris").status_code == 302
    boris = User.objects.get(username="boris")
    assert not boris.is_staff
    assert not boris.is_superuser


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"username": "ANNA"}, b"already exists"),
        ({"username": "a b\0"}, b"Null characters"),
        ({"email": "ANNA@example.com"}, b"Another account uses this email address."),
        ({"password2": "other"}, b"match"),
        ({"password1": "12345678", "password2": "12345678"}, b"entirely numeric"),
    ],
)
def test_sign_up_tells_what_is_wrong(client: Client, settings: Any, fields: dict[str, str], complaint: bytes) -> None:
    make_user(email="anna@example.com")
    settings.SIGNUP = "open"
    response = sign_up(client, **{"name": "boris", **fields})
    assert response.status_code == 200
    assert complaint in response.content
    assert User.objects.count() == 1


def test_a_name_that_is_taken_at_the_same_moment_is_told(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_user()
    settings.SIGNUP = "open"

    def too_late(*args: Any, **kwargs: Any) -> None:
        raise IntegrityError

    monkeypatch.setattr(User, "save", too_late)
    assert b"Someone else has just taken this name" in sign_up(client, "boris").content


def test_who_is_logged_in_needs_no_account(client: Client) -> None:
    client.force_login(make_user())
    assert client.get("/accounts/signup/")["Location"] == "/"
