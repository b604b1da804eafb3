"""/healthz and /readyz: for whoever watches the process."""

from typing import Any

import httpx
import pytest
from django.db import OperationalError

from chat.replies.engine import engine
from chat.views import health
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
        def cursor(self) -> Any:
            raise OperationalError("connection refused")

    monkeypatch.setattr(health, "connection", Away())

    assert httpx.get(f"{site.base_url}/healthz").status_code == 200
    response = httpx.get(f"{site.base_url}/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "database is away"}
    assert "refused" not in response.text
