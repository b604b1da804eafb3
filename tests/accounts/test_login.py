"""Log-in, its limits, and log-out."""

from collections.abc import Callable

import pytest
from django.test import Client

from tests.accounts.forms import PASSWORD, is_logged_in, log_in
from tests.support.factories import make_conversation, make_user

pytestmark = pytest.mark.django_db


def test_it_logs_in_and_goes_where_one_wanted_to(client: Client) -> None:
    conversation = make_conversation(make_user())
    page = client.get(f"/chat/{conversation.pk}/")
    assert page["Location"] == f"/accounts/login/?next=/chat/{conversation.pk}/"
    body = {"username": "anna", "password": PASSWORD, "next": f"/chat/{conversation.pk}/"}
    assert client.post("/accounts/login/", body)["Location"] == f"/chat/{conversation.pk}/"
    assert is_logged_in(client)


def test_it_does_not_send_one_to_another_site(client: Client) -> None:
    make_user()
    body = {"username": "anna", "password": PASSWORD, "next": "https://elsewhere.example/"}
    assert client.post("/accounts/login/", body)["Location"] == "/"


def test_it_logs_out(client: Client) -> None:
    client.force_login(make_user())
    assert client.post("/accounts/logout/")["Location"] == "/accounts/login/"
    assert not is_logged_in(client)


def test_a_wrong_password_and_a_name_that_nobody_has_look_the_same(client: Client) -> None:
    make_user()
    make_user("gone", is_active=False)
    pages = [log_in(client, "wrong"), log_in(client, "wrong", "nobody"), log_in(client, PASSWORD, "gone")]
    errors = {page.context["form"].non_field_errors()[0] for page in pages}
    assert len(errors) == 1
    assert not is_logged_in(client)


def test_repeated_failures_wait_longer_each_time(client: Client, wait: Callable[[float], None]) -> None:
    make_user()
    for _ in range(5):
        assert log_in(client, "wrong").status_code == 200
    for seconds in (2, 4, 8, 16, 32, 60, 60):
        refused = log_in(client)
        assert refused.status_code == 429, "even the right password"
        assert refused["Retry-After"] == str(seconds)
        assert f"Wait {seconds} seconds" in refused.content.decode()
        assert b'value="anna"' in refused.content
        wait(seconds)
        assert log_in(client, "wrong").status_code == 200
    assert not is_logged_in(client)


def test_after_the_wait_the_right_password_is_welcome_and_all_is_forgotten(
    client: Client, wait: Callable[[float], None]
) -> None:
    make_user()
    for _ in range(5):
        log_in(client, "wrong")
    wait(2)
    assert log_in(client).status_code == 302
    for _ in range(5):
        assert log_in(client, "wrong").status_code == 200


def test_failures_are_forgotten_after_a_quarter_of_an_hour(client: Client, wait: Callable[[float], None]) -> None:
    make_user()
    for _ in range(4):
        log_in(client, "wrong")
    wait(15 * 60 + 1)
    for _ in range(4):
        log_in(client, "wrong")
    assert log_in(client).status_code == 302


def test_waiting_does_not_make_the_wait_longer(client: Client, wait: Callable[[float], None]) -> None:
    make_user()
    for _ in range(5):
        log_in(client, "wrong")
    for _ in range(10):
        assert log_in(client)["Retry-After"] == "2"
    wait(2)
    assert log_in(client).status_code == 302


def test_somebody_elsewhere_does_not_wait_with_them(client: Client) -> None:
    make_user()
    for _ in range(6):
        log_in(client, "wrong", REMOTE_ADDR="192.0.2.1")
    assert log_in(client, REMOTE_ADDR="192.0.2.1").status_code == 429
    assert log_in(client, REMOTE_ADDR="192.0.2.2").status_code == 302


def test_guessing_with_many_names_waits_too_with_the_whole_network(client: Client) -> None:
    make_user()
    for number in range(20):
        assert log_in(client, "wrong", f"name{number}", REMOTE_ADDR=f"2001:db8::{number:x}").status_code == 200
    assert log_in(client, REMOTE_ADDR="2001:db8::ffff").status_code == 429
    assert log_in(client, REMOTE_ADDR="2001:db8:0:1::1").status_code == 302


@pytest.mark.parametrize("name", ["", "x" * 10_000, "a\0b", "ё " * 50])
def test_odd_names_fail_like_any_other(client: Client, name: str) -> None:
    make_user()
    assert log_in(client, "wrong", name).status_code == 200


def test_what_was_typed_waits_behind_the_login(client: Client) -> None:
    make_user()
    typed = "line one\nline <two>"
    page = client.post("/chat/", {"text": typed, "request_id": "x"})
    assert page.status_code == 401
    assert b"line &lt;two&gt;" in page.content
    failed = client.post("/accounts/login/", {"username": "anna", "password": "wrong", "next": "/", "kept": typed})
    assert b"line &lt;two&gt;" in failed.content
    client.post("/accounts/login/", {"username": "anna", "password": PASSWORD, "next": "/", "kept": typed})
    assert client.get("/").context["typed"] == typed
    assert client.get("/").context["typed"] == ""
