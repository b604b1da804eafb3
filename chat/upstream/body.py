"""The bytes of an answer: a stream of events, or one document from a server that does not stream. Pure."""

from collections.abc import Iterator

from chat import sse

_BLANK = b" \t\r\n" + sse.BOM
_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")


class Body:
    """Whatever it is called in the headers: what begins like JSON or HTML is read as the data of one event."""

    def __init__(self) -> None:
        self._decoder = sse.Decoder()
        self._is_document: bool | None = None

    def feed(self, data: bytes) -> Iterator[sse.Event]:
        """Raises LineTooLong."""
        if self._is_document is None:
            data = data.lstrip(_BLANK)
            if not data:
                return
            self._is_document = data.startswith((b"{", b"[", b"<"))
            if self._is_document:
                data = b"data:" + data
        if self._is_document:
            data = data.translate(_ONE_LINE)
        yield from self._decoder.feed(data)

    def flush(self) -> Iterator[sse.Event]:
        yield from self._decoder.flush()
