"""The connection below the client: aiohttp under httpx, with their many errors mapped to our few."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager, suppress
from typing import cast
from urllib.parse import unquote, urlsplit

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from chat import sse
from chat.upstream import errors

KEEPALIVE_SECONDS = 60.0
LAST_BYTES_SECONDS = 0.05
MOST_ERROR_BYTES = 64 * 1024
ERROR_BODY_SECONDS = 5.0


def transport() -> httpx.AsyncBaseTransport:
    """Make httpx use aiohttp, which reads a stream with a third of the CPU.

    The number of connections is not limited, and cookies are dropped, so that users don't share them.
    """
    context = httpx.create_ssl_context()

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS, ssl=context)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    return Transport(client=session)


class Transport(AiohttpTransport):
    """aiohttp's transport, whose responses lose no bytes of their body and give access to the connection."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        answer = response.stream._aiohttp_response  # type: ignore[union-attr]
        response.extensions["body"] = response.stream = _Whole(answer)
        response.extensions["answer"] = answer
        return response


class _Whole(httpx.AsyncByteStream):
    """A body up to the last byte received: when a connection breaks, aiohttp would drop what has not been read yet."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        content = self._answer.content
        try:
            while piece := await content.readany():
                yield piece
        except aiohttp.ClientError:
            if rest := content._read_nowait(-1):
                yield rest
            raise

    async def aclose(self) -> None:
        # This keeps the connection for the next question if the body was read to its end, and closes it otherwise.
        self._answer.release()


async def rest(response: httpx.Response, seconds: float) -> None:
    """Stop reading for some seconds: whatever arrives waits in the kernel and is then read in one go."""
    answer = response.extensions.get("answer")
    connection = answer.connection if answer else None
    transport = connection.transport if connection else None
    if transport is None or not transport.is_reading():
        return
    transport.pause_reading()
    try:
        await asyncio.sleep(seconds)
    finally:
        if not transport.is_closing():
            transport.resume_reading()


def without_credentials(base_url: str) -> tuple[str, httpx.BasicAuth | None]:
    """Split name and password from a URL: aiohttp refuses them there, and they don't belong in errors and logs."""
    parts = urlsplit(base_url)
    credentials, _, host = parts.netloc.rpartition("@")
    name, _, password = map(unquote, credentials.partition(":"))
    return parts._replace(netloc=host).geturl(), httpx.BasicAuth(name, password) if credentials else None


@contextmanager
def plain_errors(*, broken: type[errors.UpstreamError], key: str) -> Iterator[None]:
    """Turn errors of the transport into ours, `broken` if the connection broke, and keep the API key out of them."""
    try:
        yield
    except httpx.DecodingError:
        raise errors.Unreadable from None
    except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError) as error:
        if _is_connect_timeout(error):
            raise errors.TimedOut("connect") from None
        raise broken(_reason(error)) from None
    except UnicodeError:
        # The host name is invalid: part of it is empty or too long.
        raise broken from None
    except sse.LineTooLong:
        raise errors.Unreadable from None
    except errors.ReportedError as error:
        # Use the whole text and not the detail, where a truncated key would not be recognised.
        raise errors.ReportedError(errors.without_secrets(str(error), key)) from None


def pieces_of(response: httpx.Response) -> aclosing[AsyncGenerator[bytes, None]]:
    """Return the body as it arrives, decompressed."""
    is_plain = response.headers.get("content-encoding", "identity") == "identity"
    # Uncompressed, take it straight from the transport: httpx would wrap it in two generators.
    body = response.extensions.get("body") if is_plain else None
    pieces = aiter(body) if body else response.aiter_bytes()
    return aclosing(cast("AsyncGenerator[bytes, None]", pieces))


async def to_the_end(pieces: AsyncIterator[bytes]) -> None:
    """Read the end of the body, which is all that can follow [DONE], so that the connection can be reused."""
    with suppress(httpx.HTTPError, aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(LAST_BYTES_SECONDS):
            async for _ in pieces:
                pass


async def read_error_body(response: httpx.Response) -> bytes:
    """Return the beginning of an error's body, which may contain a message.

    The status is known already, so failures here are ignored.
    """
    body = b""
    with suppress(httpx.HTTPError, aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(ERROR_BODY_SECONDS), pieces_of(response) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > MOST_ERROR_BYTES:
                    break
    return body[:MOST_ERROR_BYTES]


def _is_connect_timeout(error: Exception) -> bool:
    """Tell a time-out from a refused or reset connection, which the transport also reports as ConnectTimeout."""
    if error.__cause__ is None:
        return isinstance(error, httpx.ConnectTimeout)
    return isinstance(error.__cause__, aiohttp.ServerTimeoutError)


def _reason(error: Exception) -> str:
    """Describe an error in words, without the URL."""
    number = getattr(error.__cause__ or error, "errno", None)
    return os.strerror(number) if isinstance(number, int) and number > 0 else ""
