"""The headers of every response: what protects it, and that nobody keeps what people wrote."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from chat.http import protecting
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.process import ROOT, ServerProcess, Servers
from tests.support.site import Person

pytestmark = pytest.mark.process

FOR_NOBODY_ELSE = ["/", "/settings/", "/chat/changes?since=0", "/chat/search?q=x", "/chat/archived/", "/nowhere"]
ACCOUNTS = ["/accounts/login/", "/accounts/signup/", "/accounts/password/", "/accounts/password/done/"]
PROTECTION = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, migrated: Path, upstream: FakeUpstream) -> Iterator[ServerProcess]:
    servers = Servers(tmp_path_factory.mktemp("headers"), migrated, upstream)
    yield servers.start()
    servers.stop()


@pytest.fixture
def anna(server: ServerProcess) -> Person:
    return server.person()


def is_protected(response: httpx.Response) -> bool:
    policies = response.headers["Content-Security-Policy"], response.headers["Permissions-Policy"]
    assert "default-src 'none'" in policies[0]
    assert "camera=()" in policies[1]
    return all(response.headers.get_list(name) == [value] for name, value in PROTECTION.items())


@pytest.mark.parametrize("path", [*FOR_NOBODY_ELSE, *ACCOUNTS, "/admin/", "/chat/stream", "/chat/00/"])
def test_what_is_for_one_person_is_kept_by_nobody(path: str, anna: Person) -> None:
    for response in (anna.http.get(path), httpx.get(str(anna.http.base_url) + path, verify=False)):
        assert {"private", "no-store"} <= set(re.split(", ?", response.headers["Cache-Control"])), response.status_code
        assert is_protected(response)


def test_conversations_and_streams_are_private(anna: Person) -> None:
    with anna.asking(model="echo") as response:
        assert "private" in response.headers["Cache-Control"]
        assert is_protected(response)
        response.read()
    conversation = re.search(r'"conversation": "([^"]+)"', response.text)
    assert conversation
    page = anna.http.get(f"/chat/{conversation[1]}/")
    assert page.headers["Cache-Control"] == "private, no-store"


def static_files(anna: Person) -> list[str]:
    return re.findall(r'(?:href|src)="(/static/[^"]+)"', anna.http.get("/").text)


def test_static_files_are_protected_and_kept_for_good(anna: Person) -> None:
    paths = static_files(anna)
    assert paths
    for path in paths:
        response = anna.http.get(path)
        assert response.status_code == 200
        assert is_protected(response)
        assert "immutable" in response.headers["Cache-Control"]
        assert "Access-Control-Allow-Origin" not in response.headers
        assert "Strict-Transport-Security" not in response.headers


def test_with_https_static_files_say_so_too(servers: Servers) -> None:
    server = servers.start(HTTPS="on", TRUSTED_PROXIES="127.0.0.1")
    path = next(Path(ROOT, "staticfiles").glob("css/base.*.css")).name
    response = httpx.get(f"{server.base_url}/static/css/{path}", verify=False)

    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_caddy_says_the_same_of_the_files_that_it_serves() -> None:
    caddyfile = (ROOT / "Caddyfile").read_text()
    for name, value in protecting().items():
        assert re.search(rf'{name} "?{re.escape(value)}"?\n', caddyfile), name
