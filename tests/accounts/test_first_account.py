"""The first account of an empty database, which is the administrator's."""

import pytest
from django.test import Client

from chat.accounts import first_account
from chat.models import Installation, User
from tests.accounts.forms import is_logged_in, sign_up
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_account, "_on_loopback", True)


@pytest.mark.usefixtures("on_this_machine")
def test_the_first_account_is_the_administrator(client: Client) -> None:
    assert b"administrator" in client.get("/accounts/signup/").content
    response = sign_up(client)
    assert (response.status_code, response["Location"]) == (302, "/")
    anna = User.objects.get()
    assert anna.is_superuser
    assert anna.is_staff
    assert Installation.objects.get().first_user == anna
    assert is_logged_in(client)


def test_the_login_page_of_an_empty_database_leads_to_the_first_account(client: Client) -> None:
    assert client.get("/accounts/login/")["Location"] == "/accounts/signup/"


def test_from_elsewhere_the_first_account_needs_the_token_of_the_log(client: Client) -> None:
    assert b'name="token"' in client.get("/accounts/signup/").content
    assert sign_up(client, token=f" {first_account.token()} ").status_code == 302
    assert User.objects.get().is_superuser


@pytest.mark.parametrize("token", ["", "0" * 20, "ё", "x" * 200])
def test_a_wrong_token_makes_no_account(client: Client, token: str) -> None:
    response = sign_up(client, token=token)
    assert response.status_code == 403
    assert b'value="anna"' in response.content
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("host", "needed"),
    [("127.0.0.1", False), ("localhost", False), ("::1", False), ("[::1]", False), ("0.0.0.0", True), ("::", True),
     ("192.168.1.7", True), ("chat.example.com", True)],
)  # fmt: skip
def test_only_who_is_reached_from_elsewhere_needs_a_token(
    host: str, needed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_account, "_on_loopback", None)
    first_account.listen_on(host)
    assert first_account.token_needed() is needed


def test_the_token_is_announced_while_nobody_has_an_account(caplog: pytest.LogCaptureFixture) -> None:
    first_account.announce()
    assert caplog.records[0].__dict__["path"] == "/accounts/signup/"
    assert caplog.records[0].__dict__["token"] == first_account.token()
    caplog.clear()
    make_user()
    first_account.announce()
    assert not caplog.records


@pytest.mark.usefixtures("on_this_machine")
def test_only_one_of_two_who_try_at_once_is_the_administrator(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    Installation.make_administrator(User(username="boris"))
    # As the request saw it that came a moment too late.
    monkeypatch.setattr(Installation, "is_new", lambda: True)
    response = sign_up(client)
    assert b"Someone else has just created the first account" in response.content
    assert [user.username for user in User.objects.all()] == ["boris"]
    assert not is_logged_in(client)
