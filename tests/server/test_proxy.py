"""Behind a proxy: who is trusted about the client's address and scheme."""

import asyncio
import socket
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from config.server.proxy import behind_proxies
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.process import ServerProcess, Servers, wait_until

PROXY, INNER_PROXY, CLIENT = "10.0.0.1", "10.0.0.2", "203.0.113.9"
TRUSTED = ["10.0.0.0/8", "fd00::/8"]
FORGED = [
    ("X-Forwarded-For", "198.51.100.1"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Port", "443"),
    ("Forwarded", "for=198.51.100.1;proto=https"),
]


def seen(
    *headers: tuple[str, str], peer: str | None = PROXY, trusted: list[str] = TRUSTED, kind: str = "http"
) -> dict[str, Any]:
    """Return the scope that the application gets."""
    scope = {
        "type": kind,
        "scheme": {"http": "http", "websocket": "ws"}[kind],
        "client": [peer, 4711] if peer is not None else None,
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
    }
    return through(scope, trusted)


def through(scope: dict[str, Any], trusted: list[str]) -> dict[str, Any]:
    seen = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.append(scope)

    async def run() -> None:
        await behind_proxies(application, [ip_network(network) for network in trusted])(scope, None, None)

    asyncio.run(run())
    return seen[0]


def client_of(*told: str, **options: Any) -> str:
    return str(seen(*(("X-Forwarded-For", value) for value in told), **options)["client"][0])


def test_a_trusted_proxy_tells_address_and_scheme() -> None:
    scope = seen(("Host", "chat.example.com"), ("X-Forwarded-For", CLIENT), ("X-Forwarded-Proto", "https"))

    assert scope["client"] == [CLIENT, 0]
    assert scope["scheme"] == "https"
    assert scope["headers"] == [(b"host", b"chat.example.com")]


def test_a_websocket_is_as_safe_as_a_page() -> None:
    assert seen(("X-Forwarded-Proto", "https"), kind="websocket")["scheme"] == "wss"
    assert seen(("X-Forwarded-Proto", "wss"), kind="websocket")["scheme"] == "wss"
    assert seen(("X-Forwarded-Proto", "http"), kind="websocket")["scheme"] == "ws"


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("trusted", [[], TRUSTED], ids=["nobody", "others"])
@pytest.mark.parametrize("peer", [CLIENT, "2001:db8::9", "", "/run/chat.sock", None])
def test_what_anybody_else_tells_is_dropped(peer: str | None, trusted: list[str], kind: str) -> None:
    honest = seen(peer=peer, trusted=trusted, kind=kind)

    # All that stays is that somebody forwarded it: whoever says so is trusted less, never more.
    assert seen(*FORGED, peer=peer, trusted=trusted, kind=kind) == {**honest, "forwarded": True}
    assert honest["client"] == ([peer, 4711] if peer is not None else None)


def test_nobody_is_trusted_unless_it_is_set() -> None:
    assert client_of("198.51.100.1", peer="127.0.0.1", trusted=[]) == "127.0.0.1"


@pytest.mark.parametrize(
    ("told", "client"),
    [
        # What the client made up is to the left of what the first trusted proxy saw.
        ([f"198.51.100.1, {CLIENT}"], CLIENT),
        ([f"10.0.0.77, {CLIENT}"], CLIENT),
        ([f"{CLIENT}, {INNER_PROXY}"], CLIENT),
        ([f"198.51.100.1,{CLIENT} ,{INNER_PROXY}"], CLIENT),
        # Several headers form one list.
        (["198.51.100.1", f"{CLIENT}, {INNER_PROXY}"], CLIENT),
        ([CLIENT, INNER_PROXY], CLIENT),
        # A client inside the trusted networks.
        ([INNER_PROXY], INNER_PROXY),
        (["10.1.2.3, 10.0.0.2"], "10.1.2.3"),
    ],
)
def test_of_a_chain_the_last_address_that_a_trusted_proxy_saw_counts(told: list[str], client: str) -> None:
    assert client_of(*told) == client


@pytest.mark.parametrize(
    ("told", "client"),
    [
        ("2001:db8::9", "2001:db8::9"),
        ("2001:DB8:0::9", "2001:db8::9"),
        ("[2001:db8::9]", "2001:db8::9"),
        ("[2001:db8::9]:4711", "2001:db8::9"),
        ("198.51.100.1, 2001:db8::9, fd00::2", "2001:db8::9"),
        (f"{CLIENT}:4711", CLIENT),
        (f"::ffff:{CLIENT}", CLIENT),
    ],
)
def test_addresses_come_in_many_shapes(told: str, client: str) -> None:
    assert client_of(told, peer="fd00::1") == client
    assert client_of(told, peer=f"::ffff:{PROXY}") == client


@pytest.mark.parametrize(
    "garbage", ["", " ", ",", "unknown", "_hidden", "1.2.3", "1.2.3.4.5", "[::1", "::1]", "é", "a:b"]
)
def test_what_is_no_address_ends_the_way(garbage: str) -> None:
    assert client_of(garbage) == PROXY
    assert client_of(f"{CLIENT}, {garbage}") == PROXY
    assert client_of(f"{garbage}, {CLIENT}") == CLIENT
    assert client_of(f"{garbage}, {INNER_PROXY}") == INNER_PROXY


@pytest.mark.parametrize(
    ("told", "scheme"),
    [
        (["https"], "https"),
        (["HTTPS "], "https"),
        (["http"], "http"),
        (["https, http"], "http"),
        (["https", "http"], "http"),
        (["http,https"], "https"),
        (["httpsx"], "http"),
        ([""], "http"),
        ([], "http"),
    ],
)
def test_of_several_schemes_the_nearest_proxys_counts(told: list[str], scheme: str) -> None:
    assert seen(*(("X-Forwarded-Proto", value) for value in told))["scheme"] == scheme


def test_other_messages_go_through_as_they_are() -> None:
    assert through({"type": "lifespan"}, TRUSTED) == {"type": "lifespan"}


# --- The server as production runs it -------------------------------------------------------------------------------


def public(servers: Servers, **settings: str) -> ServerProcess:
    return servers.start(HTTPS="on", ALLOWED_HOSTS="chat.example.com", **settings)


def login_page(server: ServerProcess, **headers: str) -> httpx.Response:
    headers = {"Host": "chat.example.com", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return httpx.get(f"{server.base_url}/accounts/login/", headers=headers)


def clients(server: ServerProcess) -> list[str]:
    return [line["client"] for line in server.log("request")]


@pytest.mark.process
def test_the_pages_behind_it_are_safe_and_the_log_knows_who_asked(servers: Servers) -> None:
    server = public(servers, TRUSTED_PROXIES="127.0.0.0/8")

    page = login_page(server, X_Forwarded_Proto="https", X_Forwarded_For=f"198.51.100.1, {CLIENT}")
    plain = login_page(server, X_Forwarded_Proto="http")

    assert page.status_code == 200
    assert "secure" in page.headers["set-cookie"].lower()
    assert plain.status_code == 301
    assert plain.headers["location"] == "https://chat.example.com/accounts/login/"
    wait_until(lambda: clients(server) == [CLIENT, "127.0.0.1"], 5, server.log_text)


@pytest.mark.process
def test_past_it_nothing_can_be_forged(servers: Servers) -> None:
    server = public(servers, TRUSTED_PROXIES="10.0.0.0/8")

    page = login_page(server, X_Forwarded_Proto="https", X_Forwarded_For=CLIENT, Forwarded="proto=https")

    assert page.status_code == 301
    wait_until(lambda: clients(server) == ["127.0.0.1"], 5, server.log_text)


@pytest.mark.process
def test_guesses_of_passwords_are_counted_by_the_clients_address(servers: Servers) -> None:
    server = servers.start(TRUSTED_PROXIES="127.0.0.1")

    def guess(told: str) -> int:
        headers = {"X-Forwarded-For": told, "Cookie": f"csrftoken={'t' * 32}", "X-CSRFToken": "t" * 32}
        body = {"username": "anna", "password": "wrong"}
        return httpx.post(f"{server.base_url}/accounts/login/", data=body, headers=headers).status_code

    # What a client claims about itself does not turn it into another one.
    assert [guess(f"198.51.100.{number}, {CLIENT}") for number in range(6)] == [200] * 5 + [429]
    assert guess("203.0.113.10") == 200


@pytest.fixture(scope="module")
def public_server(
    tmp_path_factory: pytest.TempPathFactory, migrated: Path, upstream: FakeUpstream
) -> Iterator[ServerProcess]:
    servers = Servers(tmp_path_factory.mktemp("public"), migrated, upstream)
    yield public(servers)
    servers.stop()


@pytest.mark.process
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("host", ["evil.example", "10.1.2.3:8000", "web:8000", "a b", "", None])
def test_the_health_pages_answer_whatever_they_are_called(
    path: str, host: str | None, public_server: ServerProcess
) -> None:
    address = urlsplit(public_server.base_url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        # By hand, because HTTP clients have their own ideas about host names.
        line = "" if host is None else f"Host: {host}\r\n"
        connection.sendall(f"GET {path} HTTP/1.0\r\n{line}\r\n".encode())
        answer = connection.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.0 200 "), answer
    assert b'{"status": "ok"}' in answer


@pytest.mark.process
def test_other_pages_do_not(public_server: ServerProcess) -> None:
    assert httpx.get(f"{public_server.base_url}/accounts/login/", headers={"Host": "evil.example"}).status_code == 400
