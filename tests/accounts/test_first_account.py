"""The first account of an empty database, which is the administrator's."""

import contextlib
import sqlite3
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.test import Client, RequestFactory

from chat.accounts import first_account
from chat.models import Installation, User
from tests.accounts.forms import NEW_PASSWORD, is_logged_in, sign_up
from tests.support.factories import make_user
from tests.support.process import Servers
from tests.support.site import Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def on_this_machine(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_account, "_on_loopback", True)
    client.defaults["HTTP_HOST"] = "localhost:8000"


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
    host: str, needed: bool, monkeypatch: pytest.MonkeyPatch, rf: RequestFactory
) -> None:
    monkeypatch.setattr(first_account, "_on_loopback", None)
    first_account.listen_on(host)
    assert first_account.token_needed(rf.get("/", HTTP_HOST="127.0.0.1:8000")) is needed


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
    # What a request saw that came a moment too late.
    monkeypatch.setattr(Installation, "is_new", lambda: True)
    response = sign_up(client)
    assert b"Someone else has just created the first account" in response.content
    assert [user.username for user in User.objects.all()] == ["boris"]
    assert not is_logged_in(client)


# --- Who is on this machine, over real TCP ----------------------------------------------------------------------------

DIRECT = {"Host": "127.0.0.1:8000"}
THROUGH_A_PROXY = [
    {"X-Forwarded-For": "203.0.113.66"},
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-Proto": "https"},
    {"X-Forwarded-Host": "chat.example.com"},
    {"Forwarded": "for=203.0.113.66"},
    {"X-Real-IP": "203.0.113.66"},
    {"Via": "1.1 proxy"},
    {"Host": "chat.example.com"},
    {"Host": "chat.localhost.example.com:8000"},
]


def asks_for_token(site: Site, headers: dict[str, str]) -> bool:
    page = httpx.get(f"{site.base_url}/accounts/signup/", headers={**DIRECT, **headers}, verify=False)
    assert page.status_code == 200
    return 'name="token"' in page.text


@pytest.mark.usefixtures("on_this_machine")
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:8000", "[::1]:8000"])
def test_somebody_on_this_machine_needs_no_token(site: Site, settings: Any, host: str) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert not asks_for_token(site, {"Host": host})


@pytest.mark.usefixtures("on_this_machine")
@pytest.mark.parametrize("headers", THROUGH_A_PROXY, ids=str)
def test_somebody_behind_a_proxy_on_this_machine_does(site: Site, settings: Any, headers: dict[str, str]) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert asks_for_token(site, headers)


@pytest.mark.usefixtures("on_this_machine")
@pytest.mark.parametrize(("name", "value"), [("HTTPS", True), ("TRUSTED_PROXIES", ["127.0.0.1"])])
def test_so_does_everybody_where_a_proxy_is_meant_to_stand(site: Site, settings: Any, name: str, value: Any) -> None:
    setattr(settings, name, value)
    assert asks_for_token(site, {})


@pytest.mark.process
def test_the_documented_setup_behind_a_proxy_gives_nobody_the_administration(servers: Servers) -> None:
    server = servers.new(HTTPS="on", TRUSTED_PROXIES="127.0.0.1", ALLOWED_HOSTS="chat.example.com")
    with contextlib.closing(sqlite3.connect(server.database)) as database, database:
        database.execute("DELETE FROM chat_user")
    server.start()
    headers = {"Host": "chat.example.com", "X-Forwarded-For": "203.0.113.66", "X-Forwarded-Proto": "https"}
    headers |= {"Cookie": "csrftoken=" + "t" * 32, "Referer": "https://chat.example.com/"}
    body = {"username": "mallory", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "email": ""}
    body["csrfmiddlewaretoken"] = "t" * 32
    signup = f"{server.base_url}/accounts/signup/"
    assert httpx.post(signup, data=body, headers=headers, verify=False).status_code == 403
    assert not server.rows("SELECT 1 FROM chat_user")
    [line] = [line for line in server.log() if "token" in line]
    made = httpx.post(signup, data={**body, "token": line["token"]}, headers=headers, verify=False)
    assert made.status_code == 302


# --- The token --------------------------------------------------------------------------------------------------------


def test_the_link_of_the_log_fills_the_token_in(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    first_account.announce("http://127.0.0.1:8000")
    link = caplog.records[0].__dict__["link"]
    assert link == f"http://127.0.0.1:8000/accounts/signup/?token={first_account.token()}"
    assert f'value="{first_account.token()}"' in client.get(link.removeprefix("http://127.0.0.1:8000")).content.decode()


def test_wrong_tokens_are_slowed(client: Client, wait: Callable[[float], None]) -> None:
    for _ in range(5):
        assert sign_up(client, token="wrong").status_code == 403
    refused = sign_up(client, token=first_account.token())
    assert (refused.status_code, refused["Retry-After"]) == (429, "2")
    assert b'value="anna"' in refused.content
    assert not User.objects.exists()
    wait(2)
    assert sign_up(client, token=first_account.token()).status_code == 302


def test_a_right_token_with_wrong_fields_is_not_slowed(client: Client) -> None:
    for _ in range(10):
        response = sign_up(client, token=first_account.token(), password2="other")
        assert response.status_code == 200


@pytest.mark.process
@pytest.mark.parametrize(("key", "is_weak"), [("short", True), ("ab" * 30, True), ("0123456789abcdef" * 4, False)])
def test_a_weak_secret_key_is_told_at_the_start(servers: Servers, key: str, is_weak: bool) -> None:
    log = servers.start(SECRET_KEY=key).log()
    assert is_weak is any("SECRET_KEY is short" in line["event"] for line in log)
