"""Decompresses a body piece by piece, so that a small one can't become a huge one in memory.

Bodies are asked for uncompressed; some gateways compress all the same.
"""

import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator

import brotli  # type: ignore[import-untyped]

from chat.upstream.errors import Cut, Unreadable

# How much comes out at a time.
MOST_AT_ONCE = 64 * 1024
GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
RAW = -zlib.MAX_WBITS
HEADER = 2

Inflate = Callable[[bytes], Iterator[bytes]]


def decompressed(pieces: AsyncIterator[bytes], encoding: str) -> AsyncGenerator[bytes, None]:
    """Return the body without its compression. Reading raises Unreadable if it is not known, Cut if it is broken."""
    makers: dict[str, Callable[[], Inflate]] = {
        "gzip": _zlib,
        "x-gzip": _zlib,
        "deflate": _zlib,
        "br": _brotli,
    }
    make = makers.get(encoding.strip().lower())
    return _through(pieces, make() if make else _refuse)


async def _through(pieces: AsyncIterator[bytes], inflate: Inflate) -> AsyncGenerator[bytes, None]:
    has_begun = False
    try:
        async for piece in pieces:
            for inflated in inflate(piece):
                has_begun = True
                yield inflated
    except (zlib.error, brotli.error):
        raise (Cut if has_begun else Unreadable) from None


def _refuse(piece: bytes) -> Iterator[bytes]:
    raise Unreadable


def _zlib() -> Inflate:
    decoder = zlib.decompressobj(GZIP_OR_ZLIB)
    begun = b""

    def inflate(piece: bytes) -> Iterator[bytes]:
        nonlocal decoder, begun
        if len(begun) < HEADER:
            # What calls itself deflate may have no header. That shows in its first two bytes.
            piece = begun = begun + piece
            if len(begun) < HEADER:
                return
            decoder = zlib.decompressobj(GZIP_OR_ZLIB if _has_header(begun) else RAW)
        while piece:
            if decoder.eof:
                decoder = zlib.decompressobj(GZIP_OR_ZLIB)
            inflated = decoder.decompress(piece, MOST_AT_ONCE)
            piece = decoder.unconsumed_tail or decoder.unused_data
            if inflated:
                yield inflated

    return inflate


def _has_header(begun: bytes) -> bool:
    """Tell gzip (RFC 1952) and zlib (RFC 1950: a multiple of 31, method 8) from raw deflate."""
    first, second = begun[:HEADER]
    return begun.startswith(b"\x1f\x8b") or (first & 0x0F == 8 and (first << 8 | second) % 31 == 0)


def _brotli() -> Inflate:
    decoder = brotli.Decompressor()

    def inflate(piece: bytes) -> Iterator[bytes]:
        while piece or not decoder.can_accept_more_data():
            inflated = decoder.process(piece, output_buffer_limit=MOST_AT_ONCE)
            piece = b""
            if inflated:
                yield inflated
            elif decoder.can_accept_more_data():
                return

    return inflate
