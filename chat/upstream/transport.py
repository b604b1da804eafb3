"""The connection below: aiohttp under httpx, and its many errors as our few."""

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
    """aiohttp reads a stream at a third of the CPU. No limit of connections; cookies are not shared among users."""
    context = httpx.create_ssl_context()

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS, ssl=context)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    return Transport(client=session)


class Transport(AiohttpTransport):
    """Its answers have a body that loses nothing, and the connection at hand."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        answer = response.stream._aiohttp_response  # type: ignore[union-attr]
        response.extensions["body"] = response.stream = _Whole(answer)
        response.extensions["answer"] = answer
        return response


class _Whole(httpx.AsyncByteStream):
    """To the last byte that was received: where a connection breaks, aiohttp would drop what nobody has read yet."""

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
        # Read to its end, the connection is kept for the next question; else this closes it.
        self._answer.release()


async def rest(response: httpx.Response, seconds: float) -> None:
    """Meanwhile what comes waits in the kernel, and is then read at once."""
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
    """aiohttp refuses a name and a password in an address, and in errors and logs nobody needs them."""
    parts = urlsplit(base_url)
    credentials, _, host = parts.netloc.rpartition("@")
    name, _, password = map(unquote, credentials.partition(":"))
    return parts._replace(netloc=host).geturl(), httpx.BasicAuth(name, password) if credentials else None


@contextmanager
def plain_errors(*, broken: type[errors.UpstreamError], key: str) -> Iterator[None]:
    """Errors of the transport become ours, `broken` where the connection broke, and none carries the key."""
    try:
        yield
    except httpx.DecodingError:
        raise errors.Unreadable from None
    except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError) as error:
        if _is_connect_timeout(error):
            raise errors.TimedOut("connect") from None
        raise broken(_reason(error)) from None
    except UnicodeError:
        # Of a host name that can't be one: an empty part, or one that is too long.
        raise broken from None
    except sse.LineTooLong:
        raise errors.Unreadable from None
    except errors.ReportedError as error:
        # The whole text, and not the detail: a key that is cut in two would not be found.
        raise errors.ReportedError(errors.without_secrets(str(error), key)) from None


def pieces_of(response: httpx.Response) -> aclosing[AsyncGenerator[bytes, None]]:
    """The body as it comes, without its compression."""
    is_plain = response.headers.get("content-encoding", "identity") == "identity"
    # Without compression as the transport has it: httpx would put two generators around it.
    body = response.extensions.get("body") if is_plain else None
    pieces = aiter(body) if body else response.aiter_bytes()
    return aclosing(cast("AsyncGenerator[bytes, None]", pieces))


async def to_the_end(pieces: AsyncIterator[bytes]) -> None:
    """After [DONE] only the end of the body is missing; with it the connection can be used again."""
    with suppress(httpx.HTTPError, aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(LAST_BYTES_SECONDS):
            async for _ in pieces:
                pass


async def beginning_of(response: httpx.Response) -> bytes:
    """Of an error's body, what may hold a message. The status is known: nothing that happens here changes it."""
    body = b""
    with suppress(httpx.HTTPError, aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(ERROR_BODY_SECONDS), pieces_of(response) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > MOST_ERROR_BYTES:
                    break
    return body[:MOST_ERROR_BYTES]


def _is_connect_timeout(error: Exception) -> bool:
    """The transport reports refused and reset as ConnectTimeout too: only its cause tells them apart."""
    if error.__cause__ is None:
        return isinstance(error, httpx.ConnectTimeout)
    return isinstance(error.__cause__, aiohttp.ServerTimeoutError)


def _reason(error: Exception) -> str:
    """In words, without the address."""
    number = getattr(error.__cause__ or error, "errno", None)
    return os.strerror(number) if isinstance(number, int) and number > 0 else ""
