"""The body of an answer: a stream of events, or one document from a server that does not stream. Pure."""

from collections.abc import Iterator

import msgspec

from chat import sse

_BLANK = b" \t\r\n" + sse.BOM
_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")


class Body:
    """Decodes a body. If it begins like JSON or HTML, it is the data of one event, whatever its Content-Type."""

    def __init__(self) -> None:
        # Servers do forget the blank line between two events.
        self._decoder = sse.Decoder(is_whole=_is_whole_object)
        self._is_document: bool | None = None

    def feed(self, data: bytes) -> Iterator[sse.Event]:
        """Return the events that this data completes. Raises LineTooLong."""
        if self._is_document is None:
            data = self._begin(data)
        if self._is_document:
            data = data.translate(_ONE_LINE)
        return self._decoder.feed(data)

    def _begin(self, data: bytes) -> bytes:
        data = data.lstrip(_BLANK)
        if data:
            self._is_document = data.startswith((b"{", b"[", b"<"))
        return b"data:" + data if self._is_document else data

    def flush(self) -> Iterator[sse.Event]:
        return self._decoder.flush()


def _is_whole_object(data: str) -> bool:
    if not (data.startswith("{") and data.endswith("}")):
        return False
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
