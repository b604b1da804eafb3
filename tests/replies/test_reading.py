"""A reader of a growing reply: its events from any cursor, pushed if possible, otherwise yielded."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any
from uuid import uuid4

import pytest

from chat import sse
from chat.events import Cursor, End, Retrying, Start, Text
from chat.replies import reader as reader_module
from chat.replies.growing import Growing
from chat.replies.reader import MOST_AT_ONCE, Push, Reader

FIRST, SECOND = Retrying(2, 0.5, "overloaded"), Retrying(3, 1.0, "overloaded")


class Client:
    """A client, with what was yielded and pushed to it, in order."""

    def __init__(self, reply: Growing, after: Cursor = Cursor(), *, push: Push | None = None) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.pushed = 0
        self.takes = 10**9
        self.task = asyncio.create_task(self._read(Reader(reply, after, "en", push)))

    async def _read(self, reader: Reader) -> None:
        async for data in reader.events():
            self._hear(data)

    def push(self, data: bytes) -> bool:
        if self.takes <= 0:
            return False
        self.takes -= 1
        self.pushed += 1
        self._hear(data)
        return True

    def _hear(self, data: bytes) -> None:
        self.heard += [(event.id, json.loads(event.data)) for event in sse.Decoder().feed(data)]

    async def until_ping(self) -> None:
        await turns()
        while self.types[-1] != "ping":  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)

    @property
    def types(self) -> list[str]:
        return [event["type"] for _, event in self.heard]

    def text(self, type_: str = "delta") -> str:
        return "".join(event["text"] for _, event in self.heard if event["type"] == type_)


class PushedTo(Client):
    def __init__(self, reply: Growing, after: Cursor = Cursor()) -> None:
        super().__init__(reply, after, push=self.push)


BOTH = pytest.mark.parametrize("client", [Client, PushedTo])


def growing(*texts: Text) -> Growing:
    reply = Growing(Start(uuid4(), uuid4(), uuid4(), "fox-1"))
    for text in texts:
        reply.append(text)
    return reply


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 10))


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@BOTH
@pytest.mark.parametrize(
    ("after", "reasoning", "answer"),
    [(Cursor(), "Hm.", "A fox"), (Cursor(1, 2), "m.", "fox"), (Cursor(3, 0), "", "A fox"), (Cursor(3, 5), "", "")],
)
def test_it_gets_what_it_does_not_have(client: type[Client], after: Cursor, reasoning: str, answer: str) -> None:
    async def test() -> None:
        reply = growing(Text("Hm.", ""), Text("", "A fox"))
        reader = client(reply, after)
        await turns()
        assert (reader.text("reasoning"), reader.text()) == (reasoning, answer)
        assert reader.heard[0][0] == str(after)
        assert reader.heard[-1][0] == "3.5"
        reader.task.cancel()

    run(test())


@BOTH
def test_it_waits_for_what_is_not_there_yet(client: type[Client]) -> None:
    async def test() -> None:
        reply = growing()
        readers = [client(reply) for _ in range(50)]
        await turns()
        for word in ("A", " fox", " is"):
            reply.append(Text("", word))
            await turns()
        reply.finish(End("complete"))
        await asyncio.gather(*(one.task for one in readers))
        for one in readers:
            assert one.types == ["start", "delta", "delta", "delta", "end"]
            assert [id_ for id_, _ in one.heard] == ["0.0", "0.1", "0.5", "0.8", "0.8.end"]
        assert not reply.listeners

    run(test())


def test_what_a_socket_takes_needs_nobody_to_wake_up() -> None:
    async def test() -> None:
        reply = growing()
        reader = PushedTo(reply)
        await turns()
        reply.append(Text("Hm", ""))
        reply.append(Text("", "A"))
        assert reader.types == ["start", "reasoning", "delta"]
        assert reader.pushed == 2
        reader.task.cancel()

    run(test())


def test_what_it_does_not_take_is_yielded_and_nothing_is_lost() -> None:
    async def test() -> None:
        reply = growing()
        reader = PushedTo(reply)
        await turns()
        for number in range(100):
            reader.takes = number % 3
            reply.append(Text("", f"{number} "))
            reply.append(Text("", f"{number}! "))
            if number % 2:
                await turns()
        reply.finish(End("complete"))
        await reader.task
        assert reader.text() == "".join(f"{number} {number}! " for number in range(100))
        assert 0 < reader.pushed < 100

    run(test())


@BOTH
def test_it_gets_so_much_at_once_and_then_the_rest(client: type[Client]) -> None:
    async def test() -> None:
        reply = growing()
        early = client(reply)
        await turns()
        reply.append(Text("🤔" * (MOST_AT_ONCE + 1), "🦊" * (MOST_AT_ONCE * 2 + 1)))
        late = client(reply)
        reply.finish(End("complete"))
        for reader in (early, late):
            await reader.task
            parts = [event["text"] for _, event in reader.heard if event["type"] in {"delta", "reasoning"}]
            assert [len(part) for part in parts] == [MOST_AT_ONCE, MOST_AT_ONCE, 1, MOST_AT_ONCE, 1]
            assert max(len(part.encode()) for part in parts) <= 16 * 1024
            assert reader.types[-1] == "end"

    run(test())


@BOTH
def test_a_cursor_beyond_the_text_waits_for_the_text_to_pass_it(client: type[Client]) -> None:
    async def test() -> None:
        reply = growing(Text("", "A fox"))
        reader = client(reply, Cursor(0, 7))
        await turns()
        reply.append(Text("", " "))
        await turns()
        assert reader.types == ["start"]
        reply.append(Text("", "is"))
        await turns()
        assert reader.heard[1:] == [("0.8", {"type": "delta", "text": "s"})]
        reader.task.cancel()

    run(test())


@BOTH
def test_or_for_the_end(client: type[Client]) -> None:
    async def test() -> None:
        reply = growing(Text("", "A fox"))
        reader = client(reply, Cursor(9, 9))
        await turns()
        reply.finish(End("interrupted"))
        await reader.task
        assert [id_ for id_, _ in reader.heard] == ["9.9", "0.5.end"]

    run(test())


@BOTH
def test_each_try_is_told_once_and_none_after_the_first_token(client: type[Client]) -> None:
    async def test() -> None:
        reply = growing()
        reader = client(reply)
        await turns()
        reply.retry(FIRST)
        await turns()
        reply.retry(SECOND)
        await turns()
        late = client(reply)
        await turns()
        reply.append(Text("", "A"))
        too_late = client(reply)
        await turns()
        assert [event["attempt"] for _, event in reader.heard if event["type"] == "retrying"] == [2, 3]
        assert late.types == ["start", "retrying", "delta"]
        assert too_late.types == ["start", "delta"]
        for each in (reader, late, too_late):
            each.task.cancel()

    run(test())


@BOTH
def test_it_says_that_it_lives_when_nothing_comes(client: type[Client], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "PING_SECONDS", 0.05)

    async def test() -> None:
        reply = growing()
        reader = client(reply)
        await reader.until_ping()
        reply.append(Text("", "A"))
        await reader.until_ping()
        assert reader.heard[-1][0] == "0.1"
        reader.task.cancel()

    run(test())
