"""What is finished of a growing answer, as HTML, for the readers who want it: found once, rendered beside the loop."""

import asyncio
from bisect import bisect_right
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from weakref import WeakKeyDictionary

from chat.events import Cursor, Retrying, Text, block_json
from chat.live import MOST_AT_ONCE, Growing, Grown
from chat.markdown import Span, Splitter, rendered

# They share the interpreter with the loop: more of them would not be faster.
THREADS = ThreadPoolExecutor(2, thread_name_prefix="markdown")
# So long a reader waits for a block before it looks for more text.
LOOK_SECONDS = 0.05


class GrowingBlocks:
    """Of one reply, shared by its readers."""

    def __init__(self, growing: Growing) -> None:
        self._answer, self._prefix = growing.answer, f"m{growing.start.reply}"
        self._splitter = Splitter()
        self._fed = 0
        self._spans: list[Span] = []
        self._events: dict[int, asyncio.Future[str]] = {}

    async def find(self, end: int) -> None:
        """Those that are finished in the text up to there."""
        end = min(end, self._answer.length)
        while self._fed < end:
            piece = self._answer.read(self._fed, min(MOST_AT_ONCE, end - self._fed))
            self._fed += len(piece)
            self._spans += self._splitter.feed(piece)
            if self._fed < end:
                # Much to catch up with: everybody else has a turn in between.
                await asyncio.sleep(0)

    def behind(self, position: int, end: int) -> Span | None:
        """The first that ends behind the position, if it is finished in the text up to `end`."""
        number = bisect_right(self._spans, position, key=attrgetter("end"))
        return self._spans[number] if number < len(self._spans) and self._spans[number].end <= end else None

    def event(self, span: Span) -> "asyncio.Future[str]":
        """Rendered when it is asked for first."""
        if span.start not in self._events:
            loop = asyncio.get_running_loop()
            self._events[span.start] = loop.run_in_executor(THREADS, _event, span, self._prefix)
        return self._events[span.start]


_shared: WeakKeyDictionary[Growing, GrowingBlocks] = WeakKeyDictionary()


class WithBlocks:
    """Reads a reply for somebody who wants its blocks too, each behind the text that it is made of."""

    def __init__(self, growing: Growing, position: int) -> None:
        """`position`: so much of the answer the reader has as blocks."""
        self.start = growing.start
        self._growing, self._position = growing, position
        self._blocks = _shared.setdefault(growing, GrowingBlocks(growing))

    async def read(self, after: Cursor, *, told: Retrying | None, timeout: float) -> Grown | None:
        """As `Growing.read`. Text does not wait for a block that takes long, only the end does."""
        await self._blocks.find(after.answer)
        while span := self._blocks.behind(self._position, after.answer):
            block = self._blocks.event(span)
            if block.done():
                self._position = span.end
                return Grown(Text(), after, block=block.result())
            grown = await self._growing.read(after, told=told, timeout=0)
            if grown and not grown.end:
                return grown
            await asyncio.wait([block], timeout=None if grown else LOOK_SECONDS)
        return await self._growing.read(after, told=told, timeout=timeout)


def _event(span: Span, prefix: str) -> str:
    return block_json(*rendered(span, prefix))
