"""The bytes that the server really sends, for developers."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx

from chat.upstream.transport import transport


@dataclass(frozen=True, eq=False)
class Answer:
    """The status and headers of one answer, successful or not."""

    status: int
    headers: httpx.Headers

    def decoded(self, body: bytes) -> bytes:
        """Return the body decompressed, if it is compressed."""
        try:
            return httpx.Response(self.status, headers=self.headers, content=body).content
        except httpx.DecodingError:
            return body


Listener = Callable[[Answer, bytes], None]


class RecordingTransport(httpx.AsyncBaseTransport):
    """The usual transport, whose listener gets every piece of an answer's body, unaltered, before anyone else.

    It is first called without bytes, when the headers arrive. The list of models doesn't count as an answer.
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
    def __init__(self, stream: httpx.AsyncByteStream, on_bytes: Callable[[bytes], None]) -> None:
        self._stream = stream
        self._on_bytes = on_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            self._on_bytes(piece)
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
