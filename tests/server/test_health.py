"""/healthz and /readyz: for whatever monitors the process."""

import sqlite3
from typing import Any

import httpx
import psycopg
import pytest
from django.db import OperationalError

from chat.outages import database
from chat.outages.database import Kind, kind_of
from chat.replies.engine import engine
from tests.support.log_lines import lines_of
from tests.support.site import Site

PATHS = ("/healthz", "/readyz")


@pytest.mark.parametrize("path", PATHS)
def test_all_is_well(path: str, site: Site) -> None:
    response = httpx.get(f"{site.base_url}{path}")

    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


@pytest.mark.parametrize("path", PATHS)
def test_nobody_needs_a_login_or_leaves_a_trace(path: str, site: Site, caplog: pytest.LogCaptureFixture) -> None:
    response = httpx.get(f"{site.base_url}{path}")

    assert "set-cookie" not in response.headers
    assert response.headers["x-request-id"]
    assert lines_of(caplog) == []


def test_a_process_that_is_about_to_stop_is_up_but_not_ready(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "draining", True)

    assert httpx.get(f"{site.base_url}/healthz").status_code == 200
    response = httpx.get(f"{site.base_url}/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "draining"}


def test_it_tells_a_balancer_that_does_not_ask(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer of a process that is about to stop says so."""
    assert "x-draining" not in httpx.get(f"{site.base_url}/accounts/login/").headers

    monkeypatch.setattr(engine, "draining", True)

    assert httpx.get(f"{site.base_url}/accounts/login/").headers["x-draining"] == "1"


def test_without_its_database_it_is_up_but_not_ready(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def atomic(self) -> Any:
            raise OperationalError("connection refused")

    monkeypatch.setattr(database, "transaction", Away())

    assert httpx.get(f"{site.base_url}/healthz").status_code == 200
    response = httpx.get(f"{site.base_url}/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "database is away"}
    assert "refused" not in response.text


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.errors.DiskFull("could not extend file: No space left on device"), Kind.FULL),
        (psycopg.errors.LockNotAvailable("canceling statement due to lock timeout"), Kind.BUSY),
        (psycopg.errors.QueryCanceled("canceling statement due to statement timeout"), Kind.BUSY),
        (psycopg.OperationalError("connection failed: FATAL:  sorry, too many clients already"), Kind.BUSY),
        (psycopg.OperationalError("connection failed: could not receive data from server"), Kind.AWAY),
        (sqlite3.OperationalError("database or disk is full"), Kind.FULL),
        (sqlite3.OperationalError("database is locked"), Kind.AWAY),
    ],
)
def test_what_is_wrong_is_told_apart(error: Exception, kind: Kind) -> None:
    with pytest.raises(OperationalError) as caught:
        raise OperationalError(*error.args) from error

    assert kind_of(caught.value) == kind


def test_the_page_of_an_error_names_its_request(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError

    anna = site.sign_in("anna")
    monkeypatch.setattr("chat.views.pages.page", broken)
    answer = anna.http.get("/")

    assert answer.status_code == 500
    assert f"<code>{answer.headers['x-request-id']}</code>" in answer.text
