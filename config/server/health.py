"""/healthz and /readyz, for a load balancer, Docker or a person with curl. Neither waits for a request's thread."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache
from typing import Any

import redis
from django.conf import settings
from django.db import Error, close_old_connections

from chat.database_threads import DatabaseThread
from chat.outages.database import Kind, check_database, database_outage, kind_of
from chat.replies.engine import engine

HEALTHZ, READYZ = "/healthz", "/readyz"
# Asked every few seconds, by address: they are not logged, and any Host header will do.
HEALTH_PATHS = {HEALTHZ, READYZ}
# Those who ask don't wait much longer.
PATIENCE_SECONDS = 1.0
# Less than that, so that a Redis that hangs is told from a database that does.
REDIS_SECONDS = 0.5

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
Answer = tuple[int, dict[str, str]]


class Check:
    """A check on a thread of its own. Whoever asks while it runs gets the same answer, in PATIENCE_SECONDS at most."""

    def __init__(self, executor: Executor, check: Callable[[], str], silent: str) -> None:
        self._executor, self._check, self._silent = executor, check, silent
        self._running: asyncio.Future[str] | None = None

    async def problem(self) -> str:
        """Return what is wrong; an empty text if nothing is."""
        if self._running is None or self._running.done():
            self._running = asyncio.get_running_loop().run_in_executor(self._executor, self._check)
        done, _ = await asyncio.wait([self._running], timeout=PATIENCE_SECONDS)
        return self._running.result() if done else self._silent


def with_health(application: Application) -> Application:
    """Answer the health checks here, and pass everything else on."""
    database = Check(DatabaseThread("health"), problem_of_database, "database is away")
    shared = Check(ThreadPoolExecutor(1, "redis health"), problem_of_redis, "Redis is away")

    async def run(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["path"] == HEALTHZ:
            await _send(send, scope, (200, {"status": "ok"}))
        elif scope["path"] == READYZ:
            await _send(send, scope, await readiness(database, shared))
        else:
            await application(scope, receive, send)

    return run


async def readiness(database: Check, shared: Check) -> Answer:
    """Tell whether the process can take questions. Without Redis it can: readers elsewhere are only slower."""
    if engine.draining:
        return 503, {"status": "draining"}
    problem, of_redis = await asyncio.gather(database.problem(), shared.problem())
    if problem:
        return 503, {"status": problem}
    return 200, {"status": "degraded", "reason": of_redis} if of_redis else {"status": "ok"}


def problem_of_database() -> str:
    """Write to the database; and remember a disk that was full a moment ago, where little things still fit."""
    try:
        close_old_connections()
        check_database()
    except Error as error:
        return f"database is {kind_of(error)}"
    return f"database is {Kind.FULL}" if database_outage.kind == Kind.FULL else ""


def problem_of_redis() -> str:
    try:
        if settings.REDIS_URL:
            _redis(settings.REDIS_URL).ping()
    except (redis.RedisError, OSError):
        return "Redis is away"
    return ""


@cache
def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)


async def _send(send: Any, scope: dict[str, Any], answer: Answer) -> None:
    status, body = answer
    headers = [(b"Content-Type", b"application/json"), (b"Cache-Control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    content = b"" if scope["method"] == "HEAD" else json.dumps(body).encode()
    await send({"type": "http.response.body", "body": content})
