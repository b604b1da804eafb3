"""Changing the password."""

import pytest
from django.test import Client

from tests.accounts.forms import NEW_PASSWORD, PASSWORD
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


def test_it_changes_the_password_and_keeps_one_logged_in(client: Client) -> None:
    anna = make_user()
    client.force_login(anna)
    assert client.get("/accounts/password/").status_code == 200
    body = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert client.post("/accounts/password/", body)["Location"] == "/accounts/password/done/"
    assert client.get("/accounts/password/done/").status_code == 200
    anna.refresh_from_db()
    assert anna.check_password(NEW_PASSWORD)


def test_it_wants_the_old_password_first(client: Client) -> None:
    anna = make_user()
    client.force_login(anna)
    body = {"old_password": "wrong", "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert client.post("/accounts/password/", body).status_code == 200
    anna.refresh_from_db()
    assert anna.check_password(PASSWORD)


@pytest.mark.parametrize("path", ["/accounts/password/", "/accounts/password/done/"])
def test_a_stranger_cannot_reach_the_password_pages(client: Client, path: str) -> None:
    make_user()
    assert client.get(path)["Location"].startswith("/accounts/login/")
