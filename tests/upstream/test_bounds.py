"""What the model server sends is read within bounds: bytes after decompression, time, items, turns of the loop."""

import asyncio
import gzip
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import brotli  # type: ignore[import-untyped]
import pytest

from chat.upstream import Upstream, UpstreamError, catalogue, client
from chat.upstream.model_list import MOST_MODELS, MOST_NAME_CHARS
from tests.support.fake_upstream.chunks import ROLE, chunk, joined, said, sse
from tests.support.upstream_alone import Outcome, asked

MB = 2**20
OK = b"HTTP/1.1 200 OK\r\n"
# In memory of Python: the bodies of these tests would take hundreds.
MOST_MEMORY = 40 * MB


@dataclass
class Sent:
    bytes: int = 0


Body = Callable[[], AsyncIterator[bytes]]


@asynccontextmanager
async def serving(head: bytes, body: Body, sent: Sent) -> AsyncIterator[str]:
    """A server that answers everything with this, for as long as somebody reads it."""
    answering: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())
        try:
            with suppress(ConnectionError, asyncio.CancelledError):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(head + b"\r\n")
                async for piece in body():
                    writer.write(piece)
                    await writer.drain()
                    sent.bytes += len(piece)
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        for task in filter(None, answering):
            task.cancel()
        await asyncio.gather(*filter(None, answering), return_exceptions=True)


def meeting(body: Body, what: Callable[[Upstream], Awaitable[Outcome]], *, head: bytes = OK) -> tuple[Outcome, Sent]:
    async def run() -> tuple[Outcome, Sent]:
        sent = Sent()
        async with serving(head + b"connection: close\r\n", body, sent) as base_url:
            upstream = Upstream(base_url)
            try:
                async with asyncio.timeout(60):
                    return await what(upstream), sent
            finally:
                await upstream.aclose()

    return asyncio.run(run())


async def listed(upstream: Upstream) -> Outcome:
    outcome = Outcome()
    try:
        await upstream.catalogue.models()
    except UpstreamError as error:
        outcome.error = error
    return outcome


def endless(piece: bytes, start: bytes = b"") -> Body:
    async def body() -> AsyncIterator[bytes]:
        yield start
        while True:
            yield piece * (16_384 // len(piece) + 1)

    return body


def once(whole: bytes) -> Body:
    async def body() -> AsyncIterator[bytes]:
        yield whole

    return body


async def dripping() -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(0.05)


@pytest.fixture
def _small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MOST_WITHOUT_TEXT", MB)
    monkeypatch.setattr(client, "FLOOD_REST_SECONDS", 0.001)
    monkeypatch.setattr(client, "_back_off", lambda attempt: 0.0)


FLOODS = {
    "comments": b": ping\n\n",
    "empty events": b"data: {}\n\n",
    "blank lines": b"\n",
    "null": b"data: null\n\n",
    "ids": b"id: 1\n\n",
    "half a line": b"x",
    "empty deltas": sse(chunk(content="")),
    "tool calls": sse(chunk(tool_calls=[{"index": 0, "function": {"arguments": "x"}}])),
    "another choice": sse(chunk() | {"choices": [{"index": 1, "delta": {"content": "no"}}]}),
}


@pytest.mark.usefixtures("_small_bounds")
@pytest.mark.parametrize("begun", [joined(ROLE), joined(ROLE, *said("Hello"))], ids=["at-once", "after-text"])
@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_ends_as_unreadable_and_leaves_the_loop_to_others(flood: str, begun: bytes) -> None:
    turns = 0

    async def others(upstream: Upstream) -> Outcome:
        async def tick() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0.001)
                turns += 1

        ticking = asyncio.create_task(tick())
        try:
            return await asked(upstream)
        finally:
            ticking.cancel()

    outcome, _ = meeting(endless(FLOODS[flood], begun), others)

    assert outcome.error
    assert outcome.error.code == "unreadable"
    assert outcome.facts.bytes < 3 * MB
    # One turn for each rest at the least: nobody waits for all of the flood.
    assert turns >= MB // client.MOST_AT_ONCE // 2


def bomb(compress: Callable[[bytes], bytes], text: bytes) -> bytes:
    return compress(text * (200 * MB // len(text)))


BOMBS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda body: gzip.compress(body, 1),
    "deflate": lambda body: zlib.compress(body, 1),
    "br": lambda body: bytes(brotli.compress(body, quality=1)),
}


@pytest.mark.usefixtures("_small_bounds")
@pytest.mark.parametrize("encoding", BOMBS)
@pytest.mark.parametrize("what", [asked, listed], ids=["question", "list"])
def test_a_small_body_does_not_become_a_huge_one(encoding: str, what: Callable[[Upstream], Awaitable[Outcome]]) -> None:
    packed = bomb(BOMBS[encoding], b": ping\n\n")
    assert len(packed) < 10 * MB
    head = OK + f"content-encoding: {encoding}\r\n".encode()

    tracemalloc.start()
    try:
        outcome, _ = meeting(once(packed), what, head=head)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert outcome.error
    assert outcome.error.code == "unreadable"
    assert most < MOST_MEMORY


@pytest.mark.parametrize("status", [b"500 Broken", b"400 Bad"])
def test_the_body_of_a_refusal_does_not_become_a_huge_one(status: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_back_off", lambda attempt: 0.0)
    packed = bomb(BOMBS["gzip"], b"No. ")
    head = b"HTTP/1.1 " + status + b"\r\ncontent-encoding: gzip\r\n"

    tracemalloc.start()
    try:
        outcome, _ = meeting(once(packed), asked, head=head)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert outcome.error
    assert outcome.error.detail.startswith("No. No. ")
    assert most < MOST_MEMORY


def test_a_list_of_models_without_end_is_read_to_its_bound() -> None:
    outcome, sent = meeting(endless(b'{"id":"m"},', b'{"data":['), listed)

    assert outcome.error
    assert outcome.error.code == "unreadable"
    assert sent.bytes < 3 * catalogue.MOST_LIST_BYTES


def test_a_list_of_models_that_drips_is_waited_for_in_all_and_not_for_each_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catalogue, "PATIENCE_SECONDS", 0.3)

    outcome, _ = meeting(dripping, listed)
    assert outcome.error
    assert outcome.error.code == "timed_out"


def test_of_many_models_and_long_names_so_many_are_kept() -> None:
    rows = [{"id": f"{number}-{'n' * 300}"} for number in range(100)] + [{"id": f"m{n}"} for n in range(100_000)]

    async def names(upstream: Upstream) -> Outcome:
        outcome = await listed(upstream)
        known = upstream.catalogue.known
        assert len(known) == MOST_MODELS
        assert max(len(model.id) for model in known) == MOST_NAME_CHARS
        assert len({model.id for model in known}) == MOST_MODELS
        return outcome

    assert meeting(once(json.dumps({"data": rows}).encode()), names)[0].error is None
