"""Finished Markdown in the stream: it depends only on the text, is sent on request, and nothing waits for it."""

import asyncio
import json
import threading
from typing import Any
from uuid import uuid4

import pytest

from chat import sse
from chat.events import Cursor, End, Start, Text, block_json
from chat.markdown import blocks, rendered
from chat.replies.blocks import LONG, BlocksOfReader
from chat.replies.growing import Growing
from chat.replies.reader import Reader
from tests.markdown.test_blocks import ANSWER
from tests.support.fake_upstream.chunks import DONE, ROLE, ended, said, send
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.site import Person, Told, stored

TEXT = ANSWER + "Ein Fuchs 🦊, and a tail"
PIECES = [TEXT[start : start + 7] for start in range(0, len(TEXT), 7)]


@pytest.fixture
def writer(upstream: FakeUpstream, settings: Any) -> None:
    settings.LLM_MODEL = upstream.add("markdown", [send(ROLE, *said(*PIECES), *ended(), DONE)])


def blocks_of(told: Told) -> list[dict[str, Any]]:
    return [event for event in told.events if event["type"] == "block"]


def expected(reply: str) -> list[dict[str, Any]]:
    return [
        {"type": "block", "from": block.start, "to": block.end, "html": block.html}
        for block in blocks(TEXT, prefix=f"m{reply}")
    ]


@pytest.mark.usefixtures("writer")
class TestTheStream:
    def test_it_brings_finished_blocks_to_who_asks_for_them(self, anna: Person) -> None:
        told = anna.ask(blocks_from=0)

        assert blocks_of(told) == expected(told.reply)
        assert blocks_of(told)[0]["html"] == "<h3>Solving it</h3>\n"
        assert told.text() == TEXT == stored(told.reply).text
        assert told.end["status"] == "complete"

    def test_nobody_else_gets_any(self, anna: Person) -> None:
        told = anna.ask()

        assert blocks_of(told) == []
        assert told.text() == TEXT

    def test_a_block_comes_behind_its_text_and_has_the_readers_cursor(self, anna: Person) -> None:
        told, have = anna.ask(blocks_from=0), 0
        for id_, event in zip(told.ids, told.events, strict=True):
            have += len(event["text"]) if event["type"] == "delta" else 0
            if event["type"] == "block":
                assert event["to"] <= have
                assert id_ == f"0.{have}"

    def test_from_any_cursor_the_reader_gets_what_ends_behind_its_last_block(self, anna: Person) -> None:
        reply = anna.ask().reply
        whole = expected(reply)
        for position in (0, 3, whole[3]["to"] - 1, whole[3]["to"], len(TEXT), 9_999):
            for after in {0, position, len(TEXT)}:
                told = anna.follow(reply, f"0.{after}", blocks_from=position)
                assert blocks_of(told) == [block for block in whole if block["to"] > position]
                assert told.text() == TEXT[after:]

    @pytest.mark.parametrize("wrong", ["", "-1", "x", "1.5", "٣", "1" * 13])
    def test_a_position_that_is_none_is_refused_and_nothing_is_asked(
        self, anna: Person, upstream: FakeUpstream, wrong: str
    ) -> None:
        for response in (
            anna.http.post(
                "/chat/stream", params={"blocks_from": wrong}, json={"request_id": str(uuid4()), "text": "?"}
            ),
            anna.http.get("/chat/stream", params={"blocks_from": wrong, "reply": anna.ask().reply}),
        ):
            assert response.status_code == 400
            assert response.json()["error"]["field"] == "blocks_from"
        assert anna.user.conversations.count() == 1


# --- Readers of one reply -------------------------------------------------------------------------------------------


def growing(text: str = "") -> Growing:
    reply = Growing(Start(uuid4(), uuid4(), uuid4(), "fox-1"))
    reply.append(Text(answer=text))
    return reply


async def read_all(reply: Growing) -> list[str]:
    """Return all that a new reader gets: blocks as JSON, and the text or type of other events."""
    told = []
    async for data in Reader(reply, Cursor(), "en", blocks=BlocksOfReader(reply, 0)).events():
        for event in sse.Decoder().feed(data):
            parsed = json.loads(event.data)
            told.append(event.data if parsed["type"] == "block" else parsed.get("text", parsed["type"]))
    return told


def test_readers_share_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[int] = []

    def counted(span: Any, prefix: str) -> Any:
        starts.append(span.start)
        return rendered(span, prefix)

    monkeypatch.setattr("chat.replies.blocks.rendered", counted)
    reply = growing()

    async def everybody() -> list[list[str]]:
        readers = [asyncio.create_task(read_all(reply)) for _ in range(5)]
        for piece in PIECES:
            reply.append(Text(answer=piece))
            await asyncio.sleep(0)
        reply.finish(End("complete"))
        return await asyncio.gather(*readers)

    whole = [block_json(*block) for block in blocks(TEXT, prefix=f"m{reply.start.reply}")]
    for told in asyncio.run(everybody()):
        assert [event for event in told if event.startswith('{"type"')] == whole
    assert sorted(starts) == [block.start for block in blocks(TEXT)]


def test_text_does_not_wait_for_a_block_that_takes_long_but_the_end_does(monkeypatch: pytest.MonkeyPatch) -> None:
    may_go_on = threading.Event()

    def slow(span: Any, prefix: str) -> Any:
        assert may_go_on.wait(10)
        return rendered(span, prefix)

    monkeypatch.setattr("chat.replies.blocks.rendered", slow)
    reply = growing("# slow\n")

    async def events() -> list[str]:
        reader = asyncio.create_task(read_all(reply))
        await asyncio.sleep(0.01)
        reply.append(Text(answer="more"))
        await asyncio.sleep(0.01)
        reply.finish(End("complete"))
        asyncio.get_running_loop().call_later(0.1, may_go_on.set)
        return await reader

    block = block_json(0, 7, "<h3>slow</h3>\n")
    assert asyncio.run(events()) == ["start", "# slow\n", "more", block, "end"]


def test_who_looks_in_late_reads_a_long_text_in_turns_with_the_others() -> None:
    reply = growing("word\n\n" * 50_000)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def late() -> list[bytes]:
        task = asyncio.create_task(others())
        reply.finish(End("complete"))
        blocks_of_reader = BlocksOfReader(reply, 299_994)
        told = [data async for data in Reader(reply, reply.cursor, "en", blocks=blocks_of_reader).events()]
        task.cancel()
        return told

    _, block, _ = asyncio.run(late())
    assert block_json(299_994, 300_000, "<p>word</p>\n").encode() in block
    assert turns > 50


def test_a_long_block_of_one_reply_does_not_hold_up_the_end_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    may_go_on = threading.Event()

    def slow(span: Any, prefix: str) -> Any:
        assert len(span.text) <= LONG or may_go_on.wait(10)
        return rendered(span, prefix)

    monkeypatch.setattr("chat.replies.blocks.rendered", slow)
    long, short = [growing("a" * (LONG + 1) + "\n\n") for _ in range(3)], growing("short\n\n")

    async def events() -> list[str]:
        waiting = [asyncio.create_task(read_all(reply)) for reply in long]
        await asyncio.sleep(0.01)
        for reply in (*long, short):
            reply.finish(End("complete"))
        told = await asyncio.wait_for(read_all(short), 10)
        assert not any(task.done() for task in waiting)
        may_go_on.set()
        await asyncio.gather(*waiting)
        return told

    assert asyncio.run(events())[-2:] == [block_json(0, 7, "<p>short</p>\n"), "end"]
