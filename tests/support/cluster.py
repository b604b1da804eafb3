"""Several web processes on one PostgreSQL and one Redis, and readers that accept an answer from any of them."""

import random
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from tests.support.fake_upstream.server import FakeUpstream
from tests.support.postgres_server import PostgresServer
from tests.support.process import ServerProcess, make_database
from tests.support.redis_server import RedisServer
from tests.support.site import Person, Told, events_of

# Migrated once, and copied for each test.
TEMPLATE = "migrated"


@contextmanager
def postgres_with_template(**options: str | int) -> Iterator[PostgresServer]:
    with PostgresServer(**options) as postgres:
        postgres.execute(f"CREATE DATABASE {TEMPLATE}")
        make_database(Path(), DATABASE_URL=postgres.url(TEMPLATE))
        yield postgres


@dataclass
class Cluster:
    folder: Path
    upstream: FakeUpstream
    postgres: PostgresServer
    redis: RedisServer
    name: str = field(default_factory=lambda: f"chat_{uuid.uuid4().hex}")
    servers: list[ServerProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.postgres.copy(TEMPLATE, self.name)

    def start(self, **settings: str) -> ServerProcess:
        """Start one more process."""
        services = {"DATABASE_URL": self.postgres.url(self.name), "REDIS_URL": self.redis.url}
        self.servers.append(ServerProcess(self.folder, self.upstream, services | settings))
        return self.servers[-1].start()

    def stop(self) -> None:
        for server in self.servers:
            server.stop()

    def statuses(self) -> dict[str, str]:
        """Return the status of all replies, by id."""
        rows = self.postgres.execute("SELECT message_id, status FROM chat_generation", self.name)
        return {str(reply): status for reply, status in rows}

    def text_of(self, reply: str) -> str:
        [[text]] = self.postgres.execute("SELECT text FROM chat_message WHERE id = %s", self.name, reply)
        return str(text)

    def is_quiet(self) -> bool:
        return "streaming" not in self.statuses().values()

    def complaints(self) -> list[str]:
        return [line for server in self.servers for line in server.complaints()]


class Page(threading.Thread):
    """Asks, or follows a reply, until it is told the end: like the page, with its cursor, on any process that is up.

    `people`: the same user on several processes; the first is preferred.
    """

    def __init__(self, *people: Person, model: str = "", reply: str = "") -> None:
        super().__init__(daemon=True)
        self.people, self.model, self.request_id = people, model, str(uuid.uuid4())
        self.follows, self.cursor = reply, "0.0"
        self.told = Told()
        self.times: list[float] = []
        self.connections = 0
        self.start()

    def run(self) -> None:
        while not self.end:
            person = self.people[self.connections % len(self.people)]
            self.connections += 1
            try:
                self._listen(person.http)
            except httpx.TransportError:
                pass
            except RuntimeError:
                # The client was closed after the test.
                return
            if not self.end:
                time.sleep(random.uniform(0.1, 0.3))

    def _listen(self, http: httpx.Client) -> None:
        with self._connect(http) as response:
            if response.status_code != 200:
                return
            for id_, event in events_of(response):
                self.cursor = id_
                self.told.ids.append(id_)
                self.told.events.append(event)
                self.times.append(time.monotonic())

    def _connect(self, http: httpx.Client) -> Any:
        if reply := self.reply:
            return http.stream("GET", "/chat/stream", params={"reply": reply, "after": self.cursor})
        body = {"request_id": self.request_id, "text": "hello", "model": self.model}
        return http.stream("POST", "/chat/stream", json=body)

    @property
    def reply(self) -> str:
        return self.follows or (self.told.reply if self.told.events else "")

    @property
    def end(self) -> dict[str, Any]:
        """Return the end that it was told, or an empty dict."""
        return next((event for event in reversed(self.told.events[-1:]) if event["type"] == "end"), {})

    def text(self, before: float = float("inf")) -> str:
        """Return the text that it had by then."""
        pairs = zip(self.times, self.told.events, strict=False)
        return "".join(event["text"] for at, event in pairs if event["type"] == "delta" and at < before)

    def longest_silence(self, began: float, ended: float) -> float:
        """Return the longest time without text between these two moments."""
        pairs = zip(self.times, self.told.events, strict=False)
        at = [began, *(at for at, event in pairs if event["type"] == "delta" and began < at < ended), ended]
        return max(later - earlier for earlier, later in pairwise(at))
