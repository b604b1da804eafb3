"""Recognises the whole message that some servers send once more at the end of its own stream. Pure."""

from zlib import crc32

MOST_PIECES = 100


class Said:
    """How much of a text has come, and its checksum: enough to recognise it, without keeping it."""

    def __init__(self) -> None:
        # Pieces that are not counted yet: many at once cost as much as one.
        self._pieces: list[str] = []
        self._length = self._checksum = 0
        # The same without white space at the end.
        self._trimmed = (0, 0)

    def add(self, text: str) -> None:
        self._pieces.append(text)
        if len(self._pieces) >= MOST_PIECES:
            self._count()

    def _count(self) -> None:
        """Count what was added. White space at the start is left out, because whole messages often come without it."""
        text = "".join(self._pieces)
        self._pieces.clear()
        if not self._length:
            text = text.lstrip()
        if text and not text[-1].isspace():
            self._trimmed = (0, 0)
        elif solid := text.rstrip():
            self._trimmed = (self._length + len(solid), crc32(_bytes(solid), self._checksum))
        elif not self._trimmed[0]:
            self._trimmed = (self._length, self._checksum)
        self._length += len(text)
        self._checksum = crc32(_bytes(text), self._checksum)

    def rest_of(self, whole: str) -> str:
        """Return what a message has beyond the text so far; all of it if it does not begin with that text."""
        self._count()
        start = whole.lstrip()
        if self._length and crc32(_bytes(start[: self._length])) == self._checksum:
            return start[self._length :]
        is_trimmed = self._trimmed == (len(start), crc32(_bytes(start)))
        return "" if start and is_trimmed else whole


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
