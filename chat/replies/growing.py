"""A reply while it grows: text that only gets longer, and its listeners."""

import asyncio
import io
from collections.abc import Callable

from chat.events import Cursor, End, Retrying, Start, Text


class GrowingText:
    """Text whose appends and reads, from any code point, cost what is appended or read, not what is there."""

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
    """One reply in the memory of a process: of the one that writes it, or of one that follows it."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self.reasoning = GrowingText()
        self.answer = GrowingText()
        self.retrying: Retrying | None = None
        self.end: End | None = None
        # Called on every change. They must not raise.
        self.listeners: set[Callable[[], None]] = set()

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.reasoning.length, self.answer.length, self.end is not None)

    @property
    def has_text(self) -> bool:
        return bool(self.reasoning.length or self.answer.length)

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
        for listener in tuple(self.listeners):
            listener()

    def text_after(self, after: Cursor) -> Text:
        return Text(self.reasoning.read(after.reasoning), self.answer.read(after.answer))

    async def wait_for_end(self, timeout: float) -> None:
        """Wait for the end, at most `timeout` seconds."""
        news = asyncio.Event()
        self.listeners.add(news.set)
        try:
            async with asyncio.timeout(timeout):
                while not self.end:
                    news.clear()
                    await news.wait()
        except TimeoutError:
            pass
        finally:
            self.listeners.discard(news.set)
