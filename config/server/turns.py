"""Turns: one person's requests hold a few threads at a time, so that their heavy pages never delay anyone else.

Whoever has to wait does so without a thread. Only requests that may render a page wait: a question, a stream and a stop
are short, and are never kept waiting by pages.
"""

import asyncio
from collections.abc import Hashable
from weakref import WeakValueDictionary

from cachetools import LRUCache
from django.conf import settings
from django.http import parse_cookie

from chat.markdown import person
from config.server.health import HEALTH_PATHS
from config.server.middleware import Application, Receive, Scope, Send, calling_once

# With one, a person's other tabs would wait for a single slow page.
MOST_AT_ONCE = 2
# Sessions of which we remember the user: someone with many sessions is still one person.
MOST_SESSIONS = 10_000
NEVER_WAIT = {"/chat/stream", "/chat/stop"}


def in_turn(application: Application) -> Application:
    """Let at most MOST_AT_ONCE requests of one person run until their responses begin; the others wait for them."""
    users: LRUCache[str, int] = LRUCache(MOST_SESSIONS)
    seats: WeakValueDictionary[Hashable, asyncio.Semaphore] = WeakValueDictionary()

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        session = _session_of(scope)
        who = users.get(session, session)
        if not who or scope["path"] in NEVER_WAIT:
            await application(scope, receive, send)
            return
        person.set(who)
        seat = seats.setdefault(who, asyncio.Semaphore(MOST_AT_ONCE))
        await seat.acquire()
        with calling_once(seat.release, send) as send_and_leave:
            await application(scope, receive, send_and_leave)
        if "user_id" in scope:
            users[session] = scope["user_id"]

    return run


def _session_of(scope: Scope) -> str:
    """Return the session that the request names, or an empty string. It is not checked here."""
    cookies = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    return parse_cookie(cookies.decode("latin-1")).get(settings.SESSION_COOKIE_NAME, "")
