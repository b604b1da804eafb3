"""ASGI middleware between Daphne and Django: a log line and an id per request, shared threads, a patient receive."""

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from asgiref.sync import ThreadSensitiveContext

from chat.database_threads import DatabaseThread
from chat.replies.engine import engine
from config.server.health import HEALTH_PATHS

logger = logging.getLogger("config.requests")

# Of a path in the log: anyone can send one of 16 KB.
MOST_PATH_CHARS = 500

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# Requests share these threads, each with its own database connection; a stream that waits for the model holds none.
# Enough for queries that wait; more would only compete for the interpreter.
THREADS = 8


def on_shared_threads(application: Application) -> Application:
    """Run the sync parts of one request on one of a few shared threads: the one with the fewest unanswered requests.

    What the request holds is given back at its end.
    """
    threads = [DatabaseThread("request") for _ in range(THREADS)]
    unanswered = dict.fromkeys(threads, 0)

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        thread = min(threads, key=unanswered.__getitem__)
        # Of equals, the one that was used longest ago.
        threads.remove(thread)
        threads.append(thread)
        unanswered[thread] += 1

        def answered() -> None:
            unanswered[thread] -= 1

        with ExitStack() as scope["held"], calling_once(answered, send) as send_and_note:
            async with ThreadSensitiveContext(executor=thread):
                await application(scope, receive, send_and_note)

    return run


@contextmanager
def calling_once(leave: Callable[[], None], send: Send) -> Iterator[Send]:
    """Yield a `send` that calls `leave` before its first message. Without any message, it is called at the end."""
    with ExitStack() as stack:
        stack.callback(leave)

        async def send_and_leave(message: dict[str, Any]) -> None:
            stack.close()
            await send(message)

        yield send_and_leave


def undisturbed(application: Application) -> Application:
    """Process a question that has arrived whole, even if its sender has left.

    Django would cancel the request of a client that is gone, at any point. So Django only learns of that once its
    answer has begun.
    """

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        answered = asyncio.Event()
        body_is_here = False

        async def receive_patiently() -> dict[str, Any]:
            nonlocal body_is_here
            message = await receive()
            if message["type"] == "http.request":
                body_is_here = not message.get("more_body")
            elif body_is_here:
                await answered.wait()
            return message

        async def send_and_note(message: dict[str, Any]) -> None:
            answered.set()
            await send(message)

        await application(scope, receive_patiently, send_and_note)

    return run


def logged(application: Application) -> Application:
    """Log one line per request, with the id that its response, its reply's evidence and the log share."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        began, status, size = time.perf_counter(), 0, 0
        scope["request_id"] = request_id = _request_id(scope)

        async def counted(message: dict[str, Any]) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"X-Request-ID", request_id.encode()), *_mark()]
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            await application(scope, receive, counted)
        finally:
            if scope["path"] not in HEALTH_PATHS:
                _log(scope, status, size + _pushed(scope), time.perf_counter() - began)

    return run


def _pushed(scope: Scope) -> int:
    """Return the bytes that were pushed past this application."""
    push = scope.get("extensions", {}).get("push")
    return push.sent if push else 0


def _request_id(scope: Scope) -> str:
    """Return the proxy's id, if it looks like one, otherwise a new one."""
    given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    return given if re.fullmatch(r"[A-Za-z0-9._-]{8,64}", given) else uuid.uuid4().hex


def _mark() -> list[tuple[bytes, bytes]]:
    """Return a header for balancers that can't ask /readyz: another process is the better address now."""
    return [(b"X-Draining", b"1")] if engine.draining else []


def _log(scope: Scope, status: int, size: int, seconds: float) -> None:
    logger.info(
        "request",
        extra={
            "request_id": scope["request_id"],
            "method": scope["method"],
            "path": scope["path"][:MOST_PATH_CHARS],
            "status": status,
            "bytes": size,
            "ms": round(seconds * 1000, 1),
            "client": (scope.get("client") or [None])[0],
            "user": scope.get("user_id"),
        },
    )
