"""The WebSocket of a tab, over real TCP: what it sends, to whom, and when it is closed. With REDIS_URL, over Redis."""

import threading
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from chat import consumers
from chat.doorbell import doorbell
from chat.models import User
from tests.support.bell import Bell
from tests.support.site import Person, Site

PASSWORD = "a fresh password of anna"


def refused(person: Person, path: str = "/chat/doorbell", **headers: str) -> bool:
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        Bell(person, path=path, **headers)
    return error.value.status in (400, 403)


def test_a_second_tab_hears_of_a_question_and_of_the_end_of_its_answer(anna: Person) -> None:
    with Bell(anna) as bell:
        told = anna.ask()
        conversation = anna.user.conversations.get()
        asked, ended = bell.hear_of("running"), bell.hear_of("changed")
    assert asked == {"conversation": str(conversation.pk), "what": "running", "reply": told.reply, "change": None}
    assert ended == {"conversation": str(conversation.pk), "what": "changed", "reply": told.reply, "change": None}


def test_it_first_says_where_the_change_number_stands(anna: Person) -> None:
    anna.ask()
    anna.user.refresh_from_db()
    with Bell(anna) as bell:
        assert bell.hear() == {"conversation": None, "what": "changed", "reply": None, "change": anna.user.change}


def test_all_tabs_and_devices_of_a_user_hear_it(site: Site, anna: Person) -> None:
    elsewhere = site.sign_in("anna")
    with Bell(anna) as one, Bell(anna) as other, Bell(elsewhere) as third:
        told = anna.ask()
        assert {bell.hear_of("running")["reply"] for bell in (one, other, third)} == {told.reply}


def test_the_end_is_rung_when_the_stored_answer_can_be_read(anna: Person) -> None:
    with Bell(anna) as bell, anna.asking():
        reply = bell.hear_of("changed")["reply"]
        assert anna.user.messages.get(pk=reply).text


def test_the_same_request_again_rings_no_second_time(anna: Person) -> None:
    request_id = "7e0a3a39-54b7-4c52-ae0c-3f0e4ad44ea3"
    anna.ask(request_id=request_id)
    with Bell(anna) as bell:
        bell.hear()
        anna.ask(request_id=request_id)
        assert bell.hears_nothing()


def test_a_stranger_hears_nothing(anna: Person, boris: Person) -> None:
    with Bell(boris) as bell:
        bell.hear()
        anna.ask()
        assert bell.hears_nothing()


def test_whatever_a_client_says_is_ignored(anna: Person) -> None:
    with Bell(anna) as bell:
        for text in ("", "not JSON", '{"type": "doorbell.news", "news": 1}', "x" * 100_000):
            bell.say(text)
        anna.ask()
        assert bell.hear_of("running")


# --- Who may listen -------------------------------------------------------------------------------------------------


def test_who_is_not_logged_in_is_refused(site: Site, anna: Person) -> None:
    anna.http.cookies.set("sessionid", "x" * 32)
    assert refused(anna)
    anna.http.cookies.delete("sessionid")
    assert refused(anna)


@pytest.mark.parametrize(
    "origin", ["https://elsewhere.example", "http://127.0.0.1", "http://127.0.0.1:1", "null", "", "http://["]
)
def test_a_page_from_elsewhere_is_refused(anna: Person, origin: str) -> None:
    assert refused(anna, origin=origin)


def test_an_origin_that_is_trusted_may_listen(anna: Person, settings: Any) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://chat.example", "https://*.chat.example"]
    for origin in settings.CSRF_TRUSTED_ORIGINS:
        with Bell(anna, origin=origin.replace("*", "eu")) as bell:
            assert bell.hear()


def test_a_login_from_before_the_secret_key_was_changed_counts(anna: Person, settings: Any) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another long random text that only this test knows, of sixty"
    with Bell(anna) as bell:
        assert bell.hear()


def test_there_is_no_other_socket(anna: Person) -> None:
    assert refused(anna, path="/chat/elsewhere")


# --- When the login ends --------------------------------------------------------------------------------------------


def log_out(anna: Person) -> None:
    assert anna.http.post("/accounts/logout/").status_code == 302


def change_password(anna: Person) -> None:
    user = User.objects.get(pk=anna.user.pk)
    user.set_password(PASSWORD)
    user.save()


def deactivate(anna: Person) -> None:
    """Deactivate a user, as an administrator does."""
    User.objects.create_superuser("admin", password=PASSWORD)
    client = Client()
    client.login(username="admin", password=PASSWORD)
    client.post("/admin/chat/user/", {"action": "deactivate", "_selected_action": [str(anna.user.pk)]})


@pytest.mark.parametrize("end", [log_out, change_password, deactivate])
def test_it_is_closed_when_the_login_ends(anna: Person, end: Callable[[Person], None]) -> None:
    with Bell(anna) as bell:
        bell.hear()
        end(anna)
        assert bell.close_code() == 4401
    assert refused(anna)


def test_a_logout_closes_nobody_elses_socket(site: Site, anna: Person, boris: Person) -> None:
    elsewhere = site.sign_in("anna")
    with Bell(elsewhere) as mine, Bell(boris) as his:
        mine.hear()
        his.hear()
        log_out(anna)
        assert mine.hear()["what"] == "changed", "looked again, and stays"
        assert his.hears_nothing()


def test_a_login_that_nobody_ended_is_found_expired(anna: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "RECHECK_SECONDS", 0.2)
    with Bell(anna) as bell:
        bell.hear()
        Session.objects.update(expire_date=timezone.now())
        assert bell.close_code() == 4401


# --- What was missed ------------------------------------------------------------------------------------------------


def test_a_lost_message_does_no_harm(anna: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "RECHECK_SECONDS", 0.5)
    with Bell(anna) as bell:
        before = bell.hear()["change"]
        monkeypatch.setattr(doorbell, "ring", lambda *_, **__: None)
        anna.ask()
        while (now := bell.hear()["change"]) == before:
            pass
    missed = anna.http.get("/chat/changes", params={"since": before}).json()
    assert (missed["change"], len(missed["conversations"])) == (now, 1)


# --- What it costs --------------------------------------------------------------------------------------------------


def test_sockets_that_wait_hold_no_threads(anna: Person) -> None:
    with Bell(anna) as first:
        first.hear()
        before = threading.active_count()
        bells = [Bell(anna) for _ in range(30)]
        for bell in bells:
            bell.hear()
        # The shared threads are only started when they are needed.
        assert threading.active_count() <= before + 8
        anna.ask()
        for bell in bells:
            assert bell.hear_of("changed")
            bell.close()


def test_without_a_server_nothing_rings(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "_loop", None)
    doorbell.recheck(User.objects.create_user("anna").pk)
