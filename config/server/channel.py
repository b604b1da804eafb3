"""One HTTP connection: refuse what is too large or too slow while it arrives, before anyone asks who sends it."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from twisted.internet import reactor as installed
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

from chat.http import Refusal, too_large
from config.server import refusals
from config.server.connections import has_too_many

# Twisted's types know only what all reactors have.
reactor: Any = installed
# After a refusal, what still arrives is read and dropped for this long: closing at once would reset the connection, and
# the client would never read the answer.
LINGER_SECONDS = 2.0


class Channel(HTTPChannel):
    """Twisted's own, with a deadline for each head and each body, and with a limit for the body."""

    # Twisted's types leave out what its own connections have.
    transport: Any
    _deadline: Any = None
    _is_refused = False

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's names, here and below
        super().connectionMade()
        if has_too_many(self.transport):
            self._refuse(refusals.too_many_connections)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        if not (self._handlingRequest or self._deadline):
            self._set_deadline(settings.REQUEST_HEADER_SECONDS, self._refuse_slow)
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:  # noqa: N802
        if self._receivedHeaderSize + len(line) > self.totalHeadersSize:
            self.lineLengthExceeded(line)
        else:
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802
        self._refuse(refusals.headers_too_large)

    def allHeadersReceived(self) -> None:  # noqa: N802
        if not self._is_too_large(self.length or 0):
            self._set_deadline(settings.REQUEST_BODY_SECONDS, self._refuse_slow)
            super().allHeadersReceived()

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802
        if self._is_refused:
            return
        super().rawDataReceived(data)
        # A body in chunks does not tell its length before.
        if self.length is None and not self._handlingRequest:
            self._is_too_large(self.requests[-1].content.tell())

    def allContentReceived(self) -> None:  # noqa: N802
        self._clear_deadline()
        super().allContentReceived()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        self._clear_deadline()
        super().connectionLost(reason)

    def _is_too_large(self, size: int) -> bool:
        is_too_large = size > settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if is_too_large:
            self._refuse(too_large)
        return is_too_large

    def _refuse_slow(self) -> None:
        self._refuse(refusals.too_slow)

    def _refuse(self, refusal: Callable[[], Refusal]) -> None:
        self._is_refused = True
        self.setTimeout(None)
        self.setRawMode()
        headers = self.requests[-1].requestHeaders if self.requests else None
        self.transport.write(refusals.answer(refusal, headers, self.transport.getPeer().host))
        self.transport.loseWriteConnection()
        self._set_deadline(LINGER_SECONDS, self.transport.abortConnection)

    def _set_deadline(self, seconds: float, then: Callable[[], None]) -> None:
        self._clear_deadline()
        self._deadline = reactor.callLater(seconds, then)

    def _clear_deadline(self) -> None:
        if self._deadline and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None
