"""What was rendered lately: a page of many messages is opened again and again, and each text stays as it is."""

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from hashlib import blake2b
from threading import Lock

# Characters of HTML, of a process: some thousand answers.
MOST_TOGETHER = 16_000_000


class Memory:
    """Forgets what was not asked for longest. Keys are digests: the texts themselves are not kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[bytes, str] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def get(self, key: bytes) -> str | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def keep(self, key: bytes, html: str) -> None:
        with self._lock:
            self._size += len(html) - len(self._kept.pop(key, ""))
            self._kept[key] = html
            while self._size > self._most:
                self._size -= len(self._kept.popitem(last=False)[1])


def remembered(render: Callable[[str, str], str], most: int = MOST_TOGETHER) -> Callable[[str, str], str]:
    memory = Memory(most)

    @wraps(render)
    def known_or_rendered(text: str, prefix: str) -> str:
        key = blake2b(f"{prefix}\n{text}".encode(errors="surrogatepass"), digest_size=16).digest()
        html = memory.get(key)
        if html is None:
            memory.keep(key, html := render(text, prefix))
        return html

    return known_or_rendered
