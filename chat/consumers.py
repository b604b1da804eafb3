"""The WebSocket of a tab: it reports changes, and is closed when the login ends."""

import asyncio
import contextlib
import io
import random
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from chat.accounts.places import NoPlace, places
from chat.accounts.sessions import user_of
from chat.doorbell import AWAY, doorbell, group_of, news

# At most this long, an expired session or a lost message goes unnoticed. The page relies on it.
RECHECK_SECONDS = 120.0
LOGIN_ENDED = 4401
TOO_MANY = 4429


class DoorbellConsumer(AsyncJsonWebsocketConsumer):
    """A socket that only sends. While idle, it holds no thread and no database connection."""

    session_key = ""
    owner: UUID | None = None
    clock: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            # Try the layer first: a channel that can't subscribe would leave its queue in the layer for good.
            if not await doorbell.send("nobody", {}):
                return await send({"type": "websocket.close"})
            await super().__call__(scope, receive, send)
        except AWAY:
            await send({"type": "websocket.close"})
        finally:
            if self.clock:
                self.clock.cancel()

    async def connect(self) -> None:
        # Build the request that the page itself would make, because its origin has the scheme http or https.
        scheme = {"wss": "https"}.get(self.scope.get("scheme", ""), "http")
        request = ASGIRequest({**self.scope, "method": "GET", "scheme": scheme}, io.BytesIO())
        self.session_key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
        with contextlib.suppress(DatabaseError):
            user = await database_sync_to_async(user_of)(self.session_key) if is_from_our_page(request) else None
            self.owner = user and user.pk
        if self.owner:
            await self._open(group_of(self.owner))
        else:
            await self.close()

    def _holds_place(self) -> bool:
        assert self.owner  # noqa: S101 - nobody else is let in
        try:
            self.scope["held"].enter_context(places.held("websocket", self.owner, (self.scope["client"] or [""])[0]))
        except NoPlace:
            return False
        return True

    async def _open(self, group: str) -> None:
        await self.channel_layer.group_add(group, self.channel_name)
        await self.accept()
        if not self._holds_place():
            await self.close(TOO_MANY, "Too many tabs of this chat are open. Close some of them.")
            return
        # Check again: changes before group_add were not delivered.
        await self.doorbell_recheck()
        self.clock = asyncio.create_task(self._recheck_now_and_then())

    async def disconnect(self, code: int) -> None:
        if self.owner:
            await self.channel_layer.group_discard(group_of(self.owner), self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **_: Any) -> None:
        """Ignore whatever a client sends."""

    async def doorbell_news(self, message: dict[str, Any]) -> None:
        await self.send_json(message["news"])

    async def doorbell_recheck(self, _: Any = None) -> None:
        """Close if the login has ended; otherwise send the user's change number."""
        try:
            user = await database_sync_to_async(user_of)(self.session_key)
        except DatabaseError:
            # Unknown for now; the clock will check again.
            return
        if user and user.pk == self.owner:
            await self.send_json(news("changed", change=user.change))
        else:
            await self.close(LOGIN_ENDED)

    async def _recheck_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_SECONDS * random.uniform(0.7, 1))  # noqa: S311 - not all at the same moment
            await self.doorbell_recheck()


def is_from_our_page(request: ASGIRequest) -> bool:
    """Check the origin as for a POST: the page must come from this very address, or from a trusted one."""
    csrf = CsrfViewMiddleware(lambda _: HttpResponse())
    return "HTTP_ORIGIN" in request.META and csrf._origin_verified(request)  # type: ignore[attr-defined]
