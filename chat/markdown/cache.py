"""A cache of rendered HTML: long pages are opened again and again, and a text always renders to the same HTML."""

from collections.abc import Callable
from hashlib import blake2b
from threading import Condition

from cachetools import LRUCache, cached

# Characters of HTML in one process: a few thousand answers.
MOST_CHARACTERS = 16_000_000

Render = Callable[[str, str], str]


def cached_html(most: int = MOST_CHARACTERS) -> Callable[[Render], Render]:
    """Return a decorator that keeps the HTML which was used most recently, up to `most` characters in all.

    Whoever asks for a text that is just being rendered waits for that rendering.
    """
    return cached(LRUCache(most, getsizeof=len), key=_digest, condition=Condition())


def _digest(text: str, prefix: str) -> bytes:
    """Return a short key, so that the cache doesn't hold the texts themselves."""
    return blake2b(f"{prefix}\n{text}".encode(errors="surrogatepass"), digest_size=16).digest()
