"""What the server really sends, for the eyes of a developer."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx

from chat.upstream.transport import transport


@dataclass(frozen=True, eq=False)
class Answer:
    """One answer to a question, however it turns out."""

    status: int
    headers: httpx.Headers

    def decoded(self, body: bytes) -> bytes:
        """The body without its compression, if it has one."""
        try:
            return httpx.Response(self.status, headers=self.headers, content=body).content
        except httpx.DecodingError:
            return body


Listener = Callable[[Answer, bytes], None]


class Wiretap(httpx.AsyncBaseTransport):
    """The usual connection, with a listener to every piece of an answer's body, unaltered, before anybody reads it.

    The listener hears of an answer first with no bytes, when its headers are there. The list of models is no answer.
    """

    def __init__(self, listener: Listener) -> None:
        self._connection = transport()
        self._listener = listener

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._connection.handle_async_request(request)
        if request.method == "POST":
            assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - of an async transport
            answer = Answer(response.status_code, response.headers)
            self._listener(answer, b"")
            tapped = _Tapped(response.stream, lambda piece: self._listener(answer, piece))
            response.extensions["body"] = response.stream = tapped
        return response

    async def aclose(self) -> None:
        await self._connection.aclose()


class _Tapped(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, hear: Callable[[bytes], None]) -> None:
        self._stream = stream
        self._hear = hear

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            self._hear(piece)
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
