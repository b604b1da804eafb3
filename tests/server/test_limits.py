"""What arrives too large, too slowly or too often is refused while it arrives, over real TCP, before anyone logs in."""

import contextlib
import json
import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest

from tests.support.fake_upstream.server import FakeUpstream
from tests.support.process import Reader, ServerProcess, Servers, wait_until
from tests.support.raw_answers import RawAnswer, Wire

pytestmark = pytest.mark.process

GATED = "gated/tokens=3"
LIMIT = 2_621_440
HEAD = "POST /chat/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
FORM = HEAD.replace("application/json", "application/x-www-form-urlencoded")
CHUNK = b"%x\r\n%b\r\n" % (65_536, b"x" * 65_536)
# What an error without a login or a token is, once somebody has looked.
LOOKED = {401, 403}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, migrated: Path, upstream: FakeUpstream) -> Iterator[ServerProcess]:
    """One for all of them: each must leave it as it was."""
    upstream.offer(GATED)
    servers = Servers(tmp_path_factory.mktemp("limits"), migrated, upstream)
    yield servers.start(REQUEST_HEADER_SECONDS="0.5", REQUEST_BODY_SECONDS="0.5", MAX_STREAMS_PER_USER="3")
    servers.stop()


def error_code(answer: RawAnswer) -> str:
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-length"] == str(len(answer.body.encode()))
    error = json.loads(answer.body)["error"]
    assert error["message"]
    return str(error["code"])


# --- Too large ------------------------------------------------------------------------------------------------------


def sent(server: ServerProcess, *pieces: bytes) -> RawAnswer:
    with Wire(server.base_url) as wire:
        for piece in pieces:
            if not wire.send(piece):
                break
        return wire.answer()


@pytest.mark.parametrize("length", [LIMIT + 1, 99_999_999_999, 10**30])
def test_a_length_that_is_too_large_is_refused_before_the_body(length: int, server: ServerProcess) -> None:
    answer = sent(server, f"{HEAD}Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n".encode())

    assert answer.status == 413
    assert error_code(answer) == "too_large"


def test_a_body_in_chunks_is_refused_at_the_limit_and_not_stored(server: ServerProcess) -> None:
    endless = repeat(CHUNK, 8_000)

    answer = sent(server, f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode(), *endless)

    assert answer.status == 413
    assert error_code(answer) == "too_large"
    assert largest_nameless_file(server) <= LIMIT + 2 * len(CHUNK)


def largest_nameless_file(server: ServerProcess) -> int:
    """What is open and has no name any more, in bytes."""
    sizes = [0]
    for entry in Path(f"/proc/{server.pid}/fd").iterdir():
        # The server opens and closes some meanwhile.
        with contextlib.suppress(FileNotFoundError):
            sizes.append(entry.stat().st_size if "(deleted)" in str(entry.readlink()) else 0)
    return max(sizes)


def test_a_body_of_just_the_limit_is_looked_at(server: ServerProcess) -> None:
    answer = sent(server, f"{HEAD}Connection: close\r\nContent-Length: {LIMIT}\r\n\r\n".encode(), b"x" * LIMIT)

    assert answer.status in LOOKED


def test_a_plain_form_that_is_too_large_gets_a_page_in_its_language(server: ServerProcess) -> None:
    answer = sent(server, f"{FORM}Accept-Language: ru\r\nContent-Length: {LIMIT + 1}\r\n\r\n".encode())

    assert answer.status == 413
    assert '<html lang="ru"' in answer.body
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "head",
    [
        f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: {'x' * 20_000}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Endless: {'x' * 40_000}",
        f"GET /?{'x' * 20_000} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + "".join(f"X-{n}: {'x' * 1000}\r\n" for n in range(20)) + "\r\n",
    ],
    ids=["line", "endless line", "address", "many lines"],
)
def test_headers_that_are_too_large_are_431(head: str, server: ServerProcess) -> None:
    answer = sent(server, head.encode())

    assert answer.status == 431
    assert error_code(answer) == "headers_too_large"


# --- Too slow -------------------------------------------------------------------------------------------------------


def drops(count: int, drop: bytes) -> Iterator[bytes]:
    return (drop for _ in range(count))


@pytest.mark.parametrize(
    ("beginning", "drop"),
    [
        ("", b"G"),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"X: y\r\n"),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ", b"y"),
        (f"{HEAD}Content-Length: 1000\r\n\r\n", b"x"),
        (f"{HEAD}Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (f"{HEAD}Transfer-Encoding: chunked\r\n\r\n", b"1"),
    ],
    ids=["request line", "header lines", "one header", "body", "chunks", "length of a chunk"],
)
def test_what_comes_in_drops_is_cut(beginning: str, drop: bytes, server: ServerProcess) -> None:
    with Wire(server.base_url) as wire:
        wire.send(beginning.encode())
        wire.drip(drops(1_000, drop), 0.05)
        answer = wire.answer()

    assert answer.status in (400, 408)
    if answer.status == 408:
        assert error_code(answer) == "too_slow"


def test_a_second_request_has_its_time_for_itself(server: ServerProcess) -> None:
    """The deadline is for a request, not for a connection that is kept, and not for the answer."""
    with Wire(server.base_url) as wire:
        for _ in range(3):
            wire.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert wire.has_answer(5)
            wire.socket.recv(65536)
            assert not wire.has_answer(0.7)
        wire.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert wire.answer().status == 200


def test_an_answer_may_take_longer_than_the_request(server: ServerProcess, upstream: FakeUpstream) -> None:
    reader = Reader(server.person(), GATED)
    reader.wait_for_text()
    time.sleep(1.5)
    upstream.release()
    reader.join(10)

    assert reader.last_word["status"] == "complete"


def test_a_refusal_is_told_in_the_log_and_nothing_is_left_open(server: ServerProcess) -> None:
    before = server.open_files()
    for _ in range(10):
        sent(server, f"{HEAD}Content-Length: {LIMIT + 1}\r\n\r\n".encode())

    assert [line["status"] for line in server.log("request refused")][-10:] == [413] * 10
    wait_until(lambda: server.open_files() <= before, 10)
    assert server.complaints() == []
