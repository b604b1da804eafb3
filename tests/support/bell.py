"""A tab's WebSocket for tests. Its loop runs only while it waits, so the database can be used in between."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

import aiohttp

from tests.support.site import PATIENCE, Person

T = TypeVar("T")


class Bell:
    """Use it as in `with Bell(anna) as bell: bell.hear()`."""

    def __init__(self, person: Person, *, path: str = "/chat/doorbell", **headers: str) -> None:
        """Connect. Raises aiohttp.WSServerHandshakeError if it is refused."""
        self._loop = asyncio.new_event_loop()
        self._url = f"{str(person.http.base_url).rstrip('/')}{path}"
        cookie = "; ".join(f"{name}={value}" for name, value in person.http.cookies.items())
        origin = self._url.removesuffix(path)
        self._headers = {"Cookie": cookie, "Origin": origin} | {name.title(): value for name, value in headers.items()}
        self._run(self._open())

    async def _open(self) -> None:
        self._session = aiohttp.ClientSession()
        try:
            self._socket = await self._session.ws_connect(self._url, headers=self._headers)
        except aiohttp.WSServerHandshakeError:
            await self._session.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._run(self._socket.close())
        self._run(self._session.close())
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop.run_until_complete(asyncio.wait_for(work, PATIENCE))
        except aiohttp.WSServerHandshakeError:
            self._loop.close()
            raise

    def hear(self, timeout: float = PATIENCE) -> dict[str, Any]:
        """Return the next message."""
        message = self._run(self._socket.receive(timeout))
        assert message.type is aiohttp.WSMsgType.TEXT, (message, self._socket.close_code)
        return dict(json.loads(message.data))

    def hear_of(self, what: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """Return the next news of a conversation, and skip messages that only contain the change number."""
        while not (news := self.hear(timeout))["conversation"] or news["what"] != what:
            pass
        return news

    def hears_nothing(self, seconds: float = 0.3) -> bool:
        try:
            return not self.hear(seconds)
        except TimeoutError:
            return True

    def say(self, text: str) -> None:
        self._run(self._socket.send_str(text))

    def close_code(self, timeout: float = PATIENCE) -> int | None:
        """Wait for the server to close it."""
        while self._run(self._socket.receive(timeout)).type is aiohttp.WSMsgType.TEXT:
            pass
        return self._socket.close_code
