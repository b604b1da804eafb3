"""Replies that grow: a text that only gets longer, and readers with their cursors."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from chat.events import Cursor, End, Retrying, Start, Text
from chat.live import MOST_AT_ONCE, Growing, GrowingText, Grown, Replies

FIRST, SECOND = Retrying(2, 0.5, "overloaded"), Retrying(3, 1.0, "overloaded")
SOON = 0.01


def growing(*texts: Text) -> Growing:
    reply = Growing(Start(uuid4(), uuid4(), uuid4(), "fox-1"))
    for text in texts:
        reply.append(text)
    return reply


def read(reply: Growing, after: Cursor = Cursor(), *, told: Retrying | None = None) -> Grown | None:
    """What is there already."""
    return asyncio.run(reply.read(after, told=told, timeout=SOON))


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 10))


def test_what_was_appended_is_read_from_any_place() -> None:
    text = GrowingText()
    text.append("Hello")
    text.append(", fox 🦊!")

    assert text.length == 13
    assert [text.read(place) for place in range(14)] == ["Hello, fox 🦊!"[place:] for place in range(14)]
    assert text.read(99) == ""
    assert text.read(2, 3) == "llo"


@given(st.lists(st.text()), st.integers(0, 50), st.integers(0, 50))
def test_it_is_like_one_long_text_whatever_is_in_it(pieces: list[str], after: int, most: int) -> None:
    """Line ends of every kind, and reading between two appends."""
    text = GrowingText()
    for piece in pieces:
        text.append(piece)
        text.read(after, most)

    whole = "".join(pieces)
    assert text.length == len(whole)
    assert text.read(after) == whole[after:]
    assert text.read(after, most) == whole[after : after + most]


def test_a_token_costs_the_same_in_a_text_of_five_megabytes() -> None:
    text = GrowingText()
    text.append("x" * 5_000_000)

    began = time.perf_counter()
    for _ in range(10_000):
        text.append("y")
        text.read(text.length - 1)

    # Copying the text each time would take 10 s and more.
    assert time.perf_counter() - began < 2
    assert text.length == 5_010_000


def test_a_reader_gets_what_it_does_not_have() -> None:
    reply = growing(Text("Hm.", ""), Text("", "A fox"))

    assert read(reply) == Grown(Text("Hm.", "A fox"), Cursor(3, 5))
    assert read(reply, Cursor(1, 2)) == Grown(Text("m.", "fox"), Cursor(3, 5))
    assert read(reply, Cursor(3, 0)) == Grown(Text("", "A fox"), Cursor(3, 5))
    assert read(reply, Cursor(3, 5)) is None


def test_a_reader_waits_for_what_is_not_there_yet() -> None:
    async def test() -> None:
        reply = growing()
        reader = asyncio.create_task(reply.read(Cursor(), told=None, timeout=5))
        await asyncio.sleep(0)
        reply.append(Text("", "A"))
        assert await reader == Grown(Text("", "A"), Cursor(0, 1))

    run(test())


def test_every_waiting_reader_is_woken() -> None:
    async def test() -> None:
        reply = growing(Text("", "A fox"))
        readers = [asyncio.create_task(reply.read(Cursor(0, 5), told=None, timeout=5)) for _ in range(50)]
        await asyncio.sleep(0)
        reply.append(Text("", " is"))
        assert await asyncio.gather(*readers) == [Grown(Text("", " is"), Cursor(0, 8))] * 50

    run(test())


def test_it_gives_so_much_at_once_and_then_the_rest() -> None:
    reply = growing(Text("🤔" * (MOST_AT_ONCE + 1), "🦊" * (MOST_AT_ONCE * 2 + 1)))
    cursor, parts = Cursor(), []
    while grown := read(reply, cursor):
        parts.append(grown.text)
        cursor = grown.cursor

    assert [len(part.answer) for part in parts] == [MOST_AT_ONCE, MOST_AT_ONCE, 1]
    assert [len(part.reasoning) for part in parts] == [MOST_AT_ONCE, 1, 0]
    assert max(len(part.answer.encode()) for part in parts) <= 16 * 1024


def test_the_end_comes_after_all_of_the_text() -> None:
    reply = growing(Text("", "x" * (MOST_AT_ONCE + 1)))
    reply.finish(End("complete"))

    first = read(reply)
    assert first
    second = read(reply, first.cursor)
    assert second
    third = read(reply, second.cursor)
    assert third
    assert [first.end, second.end, third.end] == [None, None, End("complete")]
    assert third.text == Text()
    assert third.cursor == Cursor(0, MOST_AT_ONCE + 1, ended=True)


def test_a_cursor_beyond_the_text_waits_for_the_text_to_pass_it() -> None:
    reply = growing(Text("", "A fox"))
    assert read(reply, Cursor(0, 7)) is None
    reply.append(Text("", " is"))
    assert read(reply, Cursor(0, 7)) == Grown(Text("", "s"), Cursor(0, 8))


def test_or_for_the_end() -> None:
    reply = growing(Text("", "A fox"))
    reply.finish(End("interrupted"))

    assert read(reply, Cursor(9, 9)) == Grown(Text(), Cursor(0, 5, ended=True), end=End("interrupted"))


def test_the_cursor_says_how_much_there_is() -> None:
    reply = growing(Text("Hm", "A 🦊"))
    assert str(reply.cursor) == "2.3"
    reply.finish(End("complete"))
    assert str(reply.cursor) == "2.3.end"


def test_each_try_is_told_once() -> None:
    async def test() -> None:
        reply = growing()
        reply.retry(FIRST)
        assert await reply.read(Cursor(), told=None, timeout=5) == Grown(Text(), Cursor(), retrying=FIRST)
        assert await reply.read(Cursor(), told=FIRST, timeout=SOON) is None
        reply.retry(SECOND)
        assert await reply.read(Cursor(), told=FIRST, timeout=5) == Grown(Text(), Cursor(), retrying=SECOND)
        assert await reply.read(Cursor(), told=SECOND, timeout=SOON) is None

    run(test())


def test_who_comes_late_is_told_of_the_last_try_only() -> None:
    reply = growing()
    reply.retry(FIRST)
    reply.retry(SECOND)

    assert read(reply) == Grown(Text(), Cursor(), retrying=SECOND)


def test_after_the_first_token_no_try_is_told() -> None:
    reply = growing()
    reply.retry(FIRST)
    reply.append(Text("Hm", ""))

    assert read(reply) == Grown(Text("Hm", ""), Cursor(2, 0))
    assert read(reply, Cursor(2, 0)) is None


def test_it_does_not_wait_longer_than_it_may() -> None:
    assert read(growing()) is None


def test_replies_are_found_by_their_ids_while_they_grow() -> None:
    replies = Replies()
    start = Start(uuid4(), uuid4(), uuid4(), "fox-1")
    reply = replies.open(start)

    assert replies.get(start.reply) is reply
    assert replies.ids() == [start.reply]
    assert len(replies) == 1
    replies.close(start.reply)
    assert replies.get(start.reply) is None
    assert len(replies) == 0
    # Closed twice is closed.
    replies.close(start.reply)
