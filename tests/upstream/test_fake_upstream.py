"""The fake upstream plays exactly what a script says: every byte, every cut, every silence."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.fake_upstream.absent import nobody_accepts, nobody_listens
from tests.support.fake_upstream.chunks import DONE, ROLE, ended, said, send, sse
from tests.support.fake_upstream.cuts import cut_named
from tests.support.fake_upstream.scripts import UNICODE_REASONING, UNICODE_TEXT, huge_text, paced_text
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.fake_upstream.steps import Close, CutChunk, Headers, Reset, Send, Status
from tests.support.wire_rows import ROWS, W_NUMBERS, body_of

WAYS = ["whole", "bytes", "split-3", "split-4"]
# Rows that only send: they neither wait nor break off, and answer all requests alike.
PURE = [name for name, row in ROWS.items() if all(isinstance(step, Send | Headers | Status) for step in row.steps)]


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


def asked(upstream: FakeUpstream, model: str, text: str = "Hi") -> socket.socket:
    """Return a connection on which the question has been sent."""
    body = json.dumps({"model": model, "stream": True, "messages": [{"role": "user", "content": text}]}).encode()
    address = urlsplit(upstream.base_url)
    client = socket.create_connection((address.hostname or "", address.port or 0), timeout=10)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    client.sendall(head.encode() + body)
    return client


def everything(client: socket.socket) -> bytes:
    pieces = []
    while piece := client.recv(1 << 20):
        pieces.append(piece)
    return b"".join(pieces)


def until(client: socket.socket, wanted: bytes) -> bytes:
    received = b""
    while wanted not in received:
        piece = client.recv(1 << 16)
        assert piece, f"ended before {wanted!r}: {received!r}"
        received += piece
    return received


def chunks_of(response: bytes) -> list[bytes]:
    """Return the HTTP chunks, read strictly: correct sizes, an empty last one, and nothing after it."""
    chunks: list[bytes] = []
    at = response.index(b"\r\n\r\n") + 4
    while at < len(response):
        line_end = response.index(b"\r\n", at)
        start, size = line_end + 2, int(response[at:line_end], 16)
        at = start + size + 2
        assert response[start + size : at] == b"\r\n"
        chunks.append(response[start : start + size])
    assert chunks.pop() == b""
    return chunks


def played(upstream: FakeUpstream, model: str) -> list[bytes]:
    with closing(asked(upstream, model)) as client:
        return chunks_of(everything(client))


def deltas(upstream: FakeUpstream, model: str, text: str = "Hi") -> list[dict[str, Any]]:
    """Return what a well-behaved client reads."""
    question = {"model": model, "messages": [{"role": "user", "content": text}]}
    answer = httpx.post(f"{upstream.base_url}/chat/completions", json=question, timeout=30)
    events = [event.removeprefix("data: ") for event in answer.text.split("\n\n") if event]
    assert events.pop() == "[DONE]"
    return [choice["delta"] for event in events for choice in json.loads(event)["choices"]]


def text_of(deltas: list[dict[str, Any]], key: str = "content") -> str:
    return "".join(delta.get(key, "") for delta in deltas)


def test_it_answers_and_remembers_what_it_was_asked(upstream: FakeUpstream) -> None:
    assert text_of(deltas(upstream, "echo", "How are you, 👋🏽?")) == "How are you, 👋🏽?"
    [request] = upstream.chats
    assert request.messages == [{"role": "user", "content": "How are you, 👋🏽?"}]
    assert request.wait_over()
    assert request.finished
    assert request.closed_by_peer_at is None


def test_it_lists_its_models(upstream: FakeUpstream) -> None:
    models = [model["id"] for model in httpx.get(f"{upstream.base_url}/models").json()["data"]]
    assert models[0] == "echo"
    assert set(ROWS) < set(models)


def test_every_number_of_the_wire_has_a_row() -> None:
    assert [number for number in W_NUMBERS if not any(name.rstrip("abcdef") == f"W{number}" for name in ROWS)] == []


@pytest.mark.parametrize("way", WAYS)
def test_it_sends_the_bytes_of_every_row(upstream: FakeUpstream, way: str) -> None:
    for name in PURE:
        # A failing test must not print a megabyte.
        assert (b"".join(played(upstream, f"{name}/{way}")) == body_of(ROWS[name])) is True, name


def test_whole_sends_the_pieces_of_the_script(upstream: FakeUpstream) -> None:
    upstream.add("mine", [Send(b"one"), Send(b"two and"), Send(b" three")])
    assert played(upstream, "mine") == [b"one", b"two and", b" three"]


def test_bytes_sends_every_byte_by_itself(upstream: FakeUpstream) -> None:
    pieces = played(upstream, "W1/bytes")
    assert {len(piece) for piece in pieces} == {1}


def test_bytes_sends_the_middle_of_a_large_body_in_large_pieces(upstream: FakeUpstream) -> None:
    pieces = played(upstream, "W17/bytes")
    assert {len(piece) for piece in pieces[:2048] + pieces[-2048:]} == {1}
    assert len(pieces) < 2 * 2048 + 100


def test_a_split_is_the_same_for_the_same_seed(upstream: FakeUpstream) -> None:
    assert played(upstream, "W3/split-3") == played(upstream, "W3/split-3") != played(upstream, "W3/split-4")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [0, 1, 2, 3, 20_000, 20_001, 50_000])
def test_a_cut_loses_nothing(way: str, size: int) -> None:
    data = bytes(number % 251 for number in range(size))
    assert b"".join(cut_named(way)(data)) == data


def test_a_reset_is_seen_as_a_reset(upstream: FakeUpstream) -> None:
    upstream.add("mine", [Send(b"begun"), Reset()])
    with closing(asked(upstream, "mine")) as client, pytest.raises(ConnectionResetError):
        everything(client)
    assert upstream.chats[0].finished


def test_a_cut_chunk_announces_more_than_it_sends(upstream: FakeUpstream) -> None:
    upstream.add("mine", [CutChunk(b"half", missing=6), Close()])
    with closing(asked(upstream, "mine")) as client:
        assert everything(client).endswith(b"\r\n\r\na\r\nhalf")


def test_http_1_0_ends_with_the_connection(upstream: FakeUpstream) -> None:
    with closing(asked(upstream, "W30a")) as client:
        head, _, body = everything(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 OK")
    assert b"chunked" not in head
    assert body == body_of(ROWS["W30a"])


def test_a_hang_hangs_and_the_client_leaving_is_noticed(upstream: FakeUpstream) -> None:
    with closing(asked(upstream, "W64")) as client:
        request = upstream.wait_for_request()
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)
        left_at = time.monotonic()
    assert request.wait_closed_by_peer() - left_at >= 0
    assert not request.finished


def test_the_client_leaving_is_noticed_while_it_reads_nothing(upstream: FakeUpstream) -> None:
    with closing(asked(upstream, "huge/mb=50")) as client:
        until(client, b"data:")
        left_at = time.monotonic()
    assert upstream.wait_for_request().wait_closed_by_peer() - left_at >= 0


def test_a_gate_waits_for_its_release(upstream: FakeUpstream) -> None:
    with closing(asked(upstream, "gated/tokens=2/gates=2")) as client:
        first = until(client, b"t1 ")
        upstream.release()
        second = until(client, b"t3 ")
        upstream.release()
        third = until(client, b"[DONE]")
    assert (b"t2" in first, b"t4" in second, b"t5" in third) == (False, False, True)


def test_a_connection_is_kept_for_the_next_question(upstream: FakeUpstream) -> None:
    with httpx.Client() as client:
        for _ in range(3):
            client.post(f"{upstream.base_url}/chat/completions", json={"model": "W1", "messages": []})
        assert upstream.connections_opened == upstream.connections_open == 1
    assert [request.number for request in upstream.chats] == [1, 2, 3]


def test_it_refuses_first_and_counts_each_name_by_itself(upstream: FakeUpstream) -> None:
    def statuses(model: str) -> list[int]:
        url = f"{upstream.base_url}/chat/completions"
        return [httpx.post(url, json={"model": model, "messages": []}).status_code for _ in range(3)]

    assert statuses("refuse-first/times=2/how=429") == [429, 429, 200]
    assert statuses("W63b#one") == statuses("W63b#two") == [503, 200, 200]
    with pytest.raises(httpx.ReadError):
        statuses("refuse-first/how=reset")


def test_it_rejects_stream_options_only_where_they_are(upstream: FakeUpstream) -> None:
    url, question = f"{upstream.base_url}/chat/completions", {"model": "W62", "messages": []}
    assert httpx.post(url, json=question | {"stream_options": {"include_usage": True}}).status_code == 400
    assert httpx.post(url, json=question).status_code == 200


@pytest.mark.parametrize(
    ("model", "status"),
    [
        ("nobody", 404),
        ("W1/sideways", 400),
        ("paced/tokens=many", 400),
        ("paced/colour=red", 400),
        ("error/status=401", 401),
    ],
)
def test_a_wrong_name_is_told(upstream: FakeUpstream, model: str, status: int) -> None:
    answer = httpx.post(f"{upstream.base_url}/chat/completions", json={"model": model})
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_the_long_texts_arrive_as_they_are_written_down(upstream: FakeUpstream) -> None:
    assert text_of(deltas(upstream, "paced/tokens=30/interval=0")) == paced_text(30)
    assert text_of(deltas(upstream, "unicode")) == UNICODE_TEXT
    assert text_of(deltas(upstream, "unicode/split-1"), "reasoning_content") == UNICODE_REASONING
    assert (text_of(deltas(upstream, "huge/mb=1")) == huge_text(1)) is True
    assert len(huge_text(1)) == 1_000_000


def test_a_script_of_ones_own_is_a_list_of_steps(upstream: FakeUpstream) -> None:
    model = upstream.add("mine", [Status(206), Headers({"x-mine": "yes"}), send(ROLE, *said("a", "b"), *ended(), DONE)])
    answer = httpx.post(f"{upstream.base_url}/chat/completions", json={"model": model})
    assert (answer.status_code, answer.headers["x-mine"]) == (206, "yes")
    assert answer.content.startswith(sse(ROLE))
    assert answer.headers["x-request-id"] == upstream.chats[0].request_id == "req-1"


def test_nobody_listens_and_nobody_accepts() -> None:
    with nobody_listens() as url, pytest.raises(httpx.ConnectError):
        httpx.get(url)
    with nobody_accepts() as url, pytest.raises(httpx.ConnectTimeout):
        httpx.get(url, timeout=0.3)


def test_a_port_that_is_taken_is_told() -> None:
    with FakeUpstream() as first, pytest.raises(OSError, match="in use"):
        FakeUpstream(urlsplit(first.base_url).port or 0).__enter__()


def test_it_stops_while_it_is_talking() -> None:
    with FakeUpstream() as upstream:
        client = asked(upstream, "paced/tokens=100000")
        until(client, b"t0 ")
    with closing(client):
        assert upstream.connections_open == 0
