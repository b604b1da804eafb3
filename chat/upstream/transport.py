"""The connection below the client: aiohttp under httpx, with their many errors mapped to our few."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from ipaddress import ip_address, ip_network
from typing import cast
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from chat import sse
from chat.upstream import errors
from chat.upstream.compression import decompressed
from chat.upstream.reported import message_of

KEEPALIVE_SECONDS = 60.0
LAST_BYTES_SECONDS, MOST_LAST_BYTES = 0.05, 64 * 1024
MOST_ERROR_BYTES = 64 * 1024
MOST_REDIRECTS = 3
SAME_METHOD, ANY_REDIRECT = {307, 308}, {301, 302, 303, 307, 308}
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
    """aiohttp's transport, whose responses lose no bytes of their body and give access to the connection.

    All its requests go to one server, through the proxy that the environment names for it.
    """

    _knows_proxy = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self._knows_proxy:
            self.proxy, self._knows_proxy = proxy_for(request.url), True
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


def proxy_for(url: httpx.URL) -> httpx.Proxy | None:
    """Return the proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name for a URL. This machine needs none."""
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all", "")
    if not proxy.startswith(("http://", "https://")) or _is_here(url.host):
        return None
    host = f"{url.host}:{url.port}" if url.port else url.host
    if proxy_bypass(host) or _is_in_networks(url.host, proxies.get("no", "")):
        return None
    return httpx.Proxy(proxy)


def _is_here(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost") or _is_in_networks(host, "127.0.0.0/8,::1/128")


def _is_in_networks(host: str, networks: str) -> bool:
    """Tell whether a host is an address in one of the networks of a list, in which names may stand too."""
    with suppress(ValueError):
        address = ip_address(host)
        return any(address in ip_network(word.strip(), strict=False) for word in networks.split(",") if "/" in word)
    return False


def address(base_url: str, path: str) -> str:
    """Return the URL of a part of the API. `base_url` may be that of its chat completions, and have a query."""
    parts = urlsplit(base_url)
    base = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    return parts._replace(path=base + path).geturl()


def without_credentials(base_url: str) -> tuple[str, httpx.BasicAuth | None]:
    """Split name and password from a URL: aiohttp refuses them there, and they don't belong in errors and logs."""
    parts = urlsplit(base_url)
    credentials, _, host = parts.netloc.rpartition("@")
    name, _, password = map(unquote, credentials.partition(":"))
    return parts._replace(netloc=host).geturl(), httpx.BasicAuth(name, password) if credentials else None


@contextmanager
def plain_errors(*, broken: type[errors.UpstreamError], secrets: Sequence[str]) -> Iterator[None]:
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
        raise errors.ReportedError(errors.without_secrets(str(error), *secrets)) from None


def pieces_of(response: httpx.Response) -> aclosing[AsyncGenerator[bytes, None]]:
    """Return the body as it arrives, decompressed. Reading it raises Unreadable or Cut if it can't be."""
    # Take it straight from the transport: httpx would wrap it in two generators.
    body = response.extensions.get("body") or cast("httpx.AsyncByteStream", response.stream)
    pieces = aiter(body)
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        pieces = decompressed(pieces, encoding)
    return aclosing(cast("AsyncGenerator[bytes, None]", pieces))


@asynccontextmanager
async def opened(client: httpx.AsyncClient, request: httpx.Request) -> AsyncIterator[httpx.Response]:
    """Send a request and yield the response; where it redirects within the same origin, that of the new address."""
    response = await client.send(request, stream=True)
    try:
        for _ in range(MOST_REDIRECTS):
            if not (target := redirect_target(response)) or _origin(target) != _origin(request.url):
                break
            await response.aclose()
            request = client.build_request(
                request.method, target, content=request.content, headers=_kept(request), extensions=request.extensions
            )
            response = await client.send(request, stream=True)
        yield response
    finally:
        await response.aclose()


def redirect_target(response: httpx.Response) -> httpx.URL | None:
    """Return where a redirect leads that keeps method and body, as a question needs it; a list may take any."""
    method = response.request.method
    if response.status_code not in (SAME_METHOD if method == "POST" else ANY_REDIRECT):
        return None
    try:
        return response.request.url.join(response.headers["location"])
    except (KeyError, httpx.InvalidURL):
        return None


def _kept(request: httpx.Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name not in {"host", "content-length"}}


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def refusal(response: httpx.Response, body: bytes, secrets: Sequence[str]) -> errors.BadStatus:
    """Return the error of a response that is none: in the server's words, or with the address that it names."""
    is_page = body.lstrip().startswith(b"<")
    detail = "" if is_page else message_of(body.decode("utf-8", "replace"))
    if response.status_code in ANY_REDIRECT and (location := response.headers.get("location")):
        # Without what may be secret in it.
        where = urlsplit(location)
        detail = f"HTTP {response.status_code}: {where.scheme}://{where.netloc.rpartition('@')[2]}{where.path}"
    return errors.BadStatus(response.status_code, errors.without_secrets(detail, *secrets), response.headers)


async def to_the_end(pieces: AsyncIterator[bytes]) -> None:
    """Read the end of the body, which is all that should follow [DONE], so that the connection can be reused."""
    left = MOST_LAST_BYTES
    with suppress(httpx.HTTPError, aiohttp.ClientError, TimeoutError, errors.Unreadable):
        async with asyncio.timeout(LAST_BYTES_SECONDS):
            async for piece in pieces:
                left -= len(piece)
                if left < 0:
                    break


async def read_error_body(response: httpx.Response) -> bytes:
    """Return the beginning of an error's body, which may contain a message.

    The status is known already, so failures here are ignored.
    """
    body = b""
    with suppress(httpx.HTTPError, aiohttp.ClientError, TimeoutError, errors.Unreadable):
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
    if isinstance(error.__cause__, aiohttp.ServerDisconnectedError):
        return "closed without an answer"
    number = getattr(error.__cause__ or error, "errno", None)
    return os.strerror(number) if isinstance(number, int) and number > 0 else ""
