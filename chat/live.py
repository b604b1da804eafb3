"""Replies that are growing: a text that only gets longer, and readers who each know how much of it they have."""

import asyncio
import io
from dataclasses import dataclass
from uuid import UUID

from chat.events import Cursor, End, Retrying, Start, Text

# Of each text, at most this much at once: 16 KB in UTF-8, whatever the script.
MOST_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Grown:
    """What a reader did not have yet. `end` only when there is nothing left to read before it; `block` as JSON."""

    text: Text
    cursor: Cursor
    retrying: Retrying | None = None
    end: End | None = None
    block: str = ""


class GrowingText:
    """Appending and reading from any code point cost what is appended or read, not what is there."""

    def __init__(self) -> None:
        # newline="": no translation of line ends.
        self._buffer = io.StringIO(newline="")
        self.length = 0

    def append(self, text: str) -> None:
        self._buffer.seek(self.length)
        self._buffer.write(text)
        self.length += len(text)

    def read(self, after: int, most: int = -1) -> str:
        if after >= self.length:
            return ""
        self._buffer.seek(after)
        return self._buffer.read(most)


class Growing:
    """One reply while it is written, in the memory of the process that writes it."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self.reasoning = GrowingText()
        self.answer = GrowingText()
        self.retrying: Retrying | None = None
        self.end: End | None = None
        self._waiters: set[asyncio.Future[bool]] = set()

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.reasoning.length, self.answer.length, self.end is not None)

    def append(self, text: Text) -> None:
        if text.reasoning:
            self.reasoning.append(text.reasoning)
        if text.answer:
            self.answer.append(text.answer)
        self._tell()

    def retry(self, retrying: Retrying) -> None:
        self.retrying = retrying
        self._tell()

    def finish(self, end: End) -> None:
        self.end = end
        self._tell()

    def _tell(self) -> None:
        for waiter in self._waiters:
            _wake(waiter, True)

    def text_after(self, after: Cursor, most: int = -1) -> Text:
        return Text(self.reasoning.read(after.reasoning, most), self.answer.read(after.answer, most))

    async def read(self, after: Cursor, *, told: Retrying | None, timeout: float) -> Grown | None:
        """What has grown beyond `after`, waiting for it at most `timeout` seconds (then None)."""
        until = asyncio.get_running_loop().time() + timeout
        while not (grown := self._grown(after, told)):
            if not await self._news(until):
                return None
        if MOST_AT_ONCE in {len(grown.text.reasoning), len(grown.text.answer)}:
            # Much to catch up with: everybody else has a turn in between.
            await asyncio.sleep(0)
        return grown

    async def _news(self, until: float) -> bool:
        """Wait to be told; False if the time is over. A third of the price of asyncio.timeout and an Event."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        timer = loop.call_at(until, _wake, waiter, False)
        self._waiters.add(waiter)
        try:
            return await waiter
        finally:
            self._waiters.discard(waiter)
            timer.cancel()

    def _grown(self, after: Cursor, told: Retrying | None) -> Grown | None:
        text = self.text_after(after, MOST_AT_ONCE)
        reached = Cursor(after.reasoning + len(text.reasoning), after.answer + len(text.answer))
        if text:
            return Grown(text, reached)
        if self.end:
            return Grown(text, self.cursor, end=self.end)
        if self.retrying and self.retrying != told and not self.cursor.answer and not self.cursor.reasoning:
            return Grown(text, reached, retrying=self.retrying)
        return None


def _wake(waiter: asyncio.Future[bool], is_news: bool) -> None:
    if not waiter.done():
        waiter.set_result(is_news)


class Replies:
    """The replies that grow in this process, by their ids."""

    def __init__(self) -> None:
        self._growing: dict[UUID, Growing] = {}

    def open(self, start: Start) -> Growing:
        growing = self._growing[start.reply] = Growing(start)
        return growing

    def get(self, reply: UUID) -> Growing | None:
        return self._growing.get(reply)

    def close(self, reply: UUID) -> None:
        """Who reads it keeps it; for everybody else it is in the database now."""
        self._growing.pop(reply, None)

    def ids(self) -> list[UUID]:
        return list(self._growing)

    def __len__(self) -> int:
        return len(self._growing)
