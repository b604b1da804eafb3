"""The finished blocks of a growing answer as HTML: found once for all readers, rendered in threads."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from weakref import WeakKeyDictionary

from chat.events import block_json
from chat.markdown import Span, Splitter, rendered
from chat.replies.growing import Growing

# They share the interpreter with the loop: more threads would not be faster.
THREADS = ThreadPoolExecutor(2, thread_name_prefix="markdown")
# Blocks longer than LONG, which take seconds if they were made to be slow, have one of their own: the end of every
# other reply waits only for its short blocks.
THREAD_FOR_LONG = ThreadPoolExecutor(1, thread_name_prefix="markdown-long")
LONG = 20_000
# How much text is scanned before everyone else has a turn, in code points.
PIECE = 4096


class GrowingBlocks:
    """The blocks of one reply, shared by its readers."""

    def __init__(self, growing: Growing) -> None:
        self._answer, self._prefix = growing.answer, f"m{growing.start.reply}"
        self._splitter = Splitter()
        self._fed = 0
        self._spans: list[Span] = []
        self._events: dict[int, asyncio.Future[str]] = {}

    async def find(self, end: int) -> None:
        """Find the blocks that are finished in the text up to `end`, yielding the loop in between."""
        while self._fed < min(end, self._answer.length):
            self.feed(self._fed + PIECE)
            await asyncio.sleep(0)

    def feed(self, end: int) -> None:
        if piece := self._answer.read(self._fed, max(0, end - self._fed)):
            self._fed += len(piece)
            self._spans += self._splitter.feed(piece)

    def behind(self, position: int, end: int) -> Span | None:
        """Return the first block that ends after the position, if it is finished in the text up to `end`."""
        number = bisect_right(self._spans, position, key=attrgetter("end"))
        return self._spans[number] if number < len(self._spans) and self._spans[number].end <= end else None

    def event(self, span: Span) -> "asyncio.Future[str]":
        """Return the block's event, which is rendered at the first request."""
        if span.start not in self._events:
            threads = THREAD_FOR_LONG if len(span.text) > LONG else THREADS
            loop = asyncio.get_running_loop()
            self._events[span.start] = loop.run_in_executor(threads, _event, span, self._prefix)
        return self._events[span.start]


_shared: WeakKeyDictionary[Growing, GrowingBlocks] = WeakKeyDictionary()


class BlocksOfReader:
    """Which blocks one reader has. A block is sent after the text that it is made of."""

    def __init__(self, growing: Growing, position: int) -> None:
        """`position`: how much of the answer the reader has as blocks, in code points."""
        self._position = position
        self._blocks = _shared.setdefault(growing, GrowingBlocks(growing))
        self._awaited: asyncio.Future[str] | None = None

    async def catch_up(self, end: int) -> None:
        """Find the blocks before a reader's start in the middle of a text."""
        await self._blocks.find(end)

    def is_due(self, end: int) -> bool:
        """Tell whether a block is finished in the text up to `end`, rendered or not."""
        self._blocks.feed(end)
        return self._blocks.behind(self._position, end) is not None

    def take(self, end: int, wake: Callable[[], None]) -> str | None:
        """Return the next block as JSON. None if there is none, or while it is rendered: then call `wake` later."""
        self._blocks.feed(end)
        span = self._blocks.behind(self._position, end)
        if span is None:
            return None
        block = self._blocks.event(span)
        if block.done():
            self._position = span.end
            return block.result()
        if block is not self._awaited:
            self._awaited = block
            block.add_done_callback(lambda _: wake())
        return None


def _event(span: Span, prefix: str) -> str:
    return block_json(*rendered(span, prefix))
