"""Growing replies: a text that only gets longer, and its listeners."""

import asyncio
import time
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from chat.events import End, Retrying, Start, Text
from chat.replies.growing import Growing, GrowingText

FIRST = Retrying(2, 0.5, "overloaded")
SOON = 0.01


def growing(*texts: Text) -> Growing:
    reply = Growing(Start(uuid4(), uuid4(), uuid4(), "fox-1"))
    for text in texts:
        reply.append(text)
    return reply


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
    """With line ends of every kind, and reads between appends."""
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

    # Copying the text each time would take 10 s or more.
    assert time.perf_counter() - began < 2
    assert text.length == 5_010_000


def test_the_cursor_says_how_much_there_is() -> None:
    reply = growing(Text("Hm", "A 🦊"))
    assert str(reply.cursor) == "2.3"
    reply.finish(End("complete"))
    assert str(reply.cursor) == "2.3.end"


def test_who_listens_hears_of_everything_until_it_has_enough() -> None:
    reply, heard = growing(), []
    listener = lambda: heard.append(str(reply.cursor))  # noqa: E731 - the same one is taken away again
    reply.listeners.add(listener)

    reply.retry(FIRST)
    reply.append(Text("Hm", ""))
    reply.finish(End("complete"))
    reply.listeners.discard(listener)
    reply.append(Text("", "!"))

    assert heard == ["0.0", "2.0", "2.0.end"]


def test_the_end_is_waited_for_but_not_for_ever() -> None:
    async def test() -> None:
        reply = growing()
        await reply.wait_for_end(SOON)
        assert not reply.end
        waiting = asyncio.create_task(reply.wait_for_end(5))
        await asyncio.sleep(0)
        reply.append(Text("", "A"))
        await asyncio.sleep(0)
        assert not waiting.done()
        reply.finish(End("complete"))
        await waiting
        await reply.wait_for_end(5)
        assert not reply.listeners

    asyncio.run(asyncio.wait_for(test(), 10))
