"""Server-Sent Events, pure: bytes to events and back (WHATWG HTML 9.2).

The decoder tolerates what servers are known to get wrong: a last event without its blank line, an `error:` field
(llama.cpp b5966), JSON on the line after an empty `data:` (rig #534).
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

BOM = b"\xef\xbb\xbf"
# A number with more digits isn't a time, and Python refuses to parse one with thousands of digits.
MOST_DIGITS = 18


class LineTooLong(Exception):
    """A line, or the data of an event, exceeds the limit."""


class Event(NamedTuple):
    data: str
    type: str = "message"
    id: str = ""


class Decoder:
    """Decodes the bytes of one stream, which may be split anywhere."""

    def __init__(self, *, max_line: int = 8 * 1024 * 1024, is_whole: Callable[[str], bool] | None = None) -> None:
        """`is_whole` tells of a data line that it is an event by itself, although no blank line follows it.

        With it, a byte order mark may stand before any line: proxies glue streams together.
        """
        self._is_whole = is_whole
        self.retry: int | None = None
        self._max_line = max_line
        self._begun: list[bytes] = []  # pieces of the unfinished line
        self._begun_size = 0
        self._at_start = True
        self._after_cr = False
        self._data: list[str] = []
        self._data_size = 0
        self._type = ""
        self._id = ""

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield the events that this data completes. Raises LineTooLong, after the events before it."""
        for line in self._lines(data):
            if line:
                if self._begins_anew(line) and (whole := self._dispatch()):
                    yield whole
                self._field(line)
            elif event := self._dispatch():
                yield event

    def flush(self) -> Iterator[Event]:
        """Yield what is left at the end of the body: servers do omit the blank line, which the standard requires."""
        if self._begun:
            yield from self.feed(b"\n")
        if event := self._dispatch():
            yield event

    def _lines(self, data: bytes) -> Iterator[bytes]:
        if self._after_cr and data:
            # The second half of a CRLF that arrived in two reads.
            data = data.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = b"".join((*self._begun, lines[0]))
            self._begun, self._begun_size = [], 0
        if rest:
            self._begun.append(rest)
            self._begun_size += len(rest)
        for line in lines:
            self._check(len(line))
            yield line.removeprefix(BOM) if self._at_start else line
            self._at_start = False
        self._check(self._begun_size)

    def _check(self, size: int) -> None:
        if size > self._max_line:
            raise LineTooLong

    def _begins_anew(self, line: bytes) -> bool:
        """Tell whether a line begins another event, whatever the standard says: the one before is whole."""
        if not self._is_whole or len(self._data) != 1 or not line.startswith((b"data:", b"event:")):
            return False
        return self._is_whole(self._data[0])

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._append(value)
        elif name == b"event":
            self._type = value.decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) <= MOST_DIGITS:
            self.retry = int(value)
        elif name == b"error":
            self._type = "error"
            self._append(value)
        elif self._data == [""] and line.lstrip().startswith(b"{"):
            self._append(line)
        elif self._is_whole and line.startswith(BOM):
            self._field(line.removeprefix(BOM))

    def _append(self, value: bytes) -> None:
        self._data_size += len(value)
        self._check(self._data_size)
        self._data.append(value.decode("utf-8", "replace"))

    def _dispatch(self) -> Event | None:
        data, self._data, self._data_size = self._data, [], 0
        type_, self._type = self._type, ""
        return Event("\n".join(data), type_ or "message", self._id) if data else None


def encode(data: str, *, id: str) -> bytes:
    """Encode an event without a type, for a browser's `onmessage`. `data` is one line: JSON has no raw line breaks."""
    return f"id: {id}\ndata: {data}\n\n".encode()


def encode_retry(milliseconds: int) -> bytes:
    """Tell the browser how long to wait before it reconnects: the beginning of an event.

    Some clients take a block of its own for an event without data.
    """
    return b"retry: %d\n" % milliseconds
