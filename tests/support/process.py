"""The server as it runs in production: `manage.py serve` in a process of its own, with a database of its own."""

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from chat import sse
from chat.models import User
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.site import Person, Site, Told, events_of
from tests.support.waiting import free_port as free_port
from tests.support.waiting import wait_until as wait_until

ROOT = Path(__file__).parents[2]
START_SECONDS = 30.0
SECRET_KEY = "a long random text that only these tests know, of sixty characters"

# Sessions are rows in the server's own database: they are created there once, and copied with it.
SIGN_IN = """
from datetime import timedelta
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
from chat import sse
from chat.models import User
for name in ("anna", "boris"):
    user = User.objects.create(username=name)
    data = SessionStore().encode({
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    })
    until = timezone.now() + timedelta(days=1)
    Session.objects.create(session_key=f"session-of-{name}", session_data=data, expire_date=until)
"""


def session_of(name: str) -> str:
    return f"session-of-{name}"


def make_database(path: Path, **settings: str) -> None:
    """Create a migrated database with Anna and Boris logged in, and collect the static files, which the pages need."""
    collect = ["collectstatic", "--no-input", "--verbosity", "0"]
    for command in (["migrate", "--verbosity", "0"], collect, ["shell", "--verbosity", "0", "-c", SIGN_IN]):
        subprocess.run(_manage(*command), env=environment(path, **settings), cwd=ROOT, check=True, timeout=60)


def environment(database: Path, options: str = "", **settings: str) -> dict[str, str]:
    """Return an environment without the developer's own settings."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
        "SECRET_KEY": SECRET_KEY,
        "DATABASE_URL": f"sqlite:///{database}{options}",
        "MAX_REPLIES_PER_USER": "1000",
        "LIMIT_QUESTIONS_PER_MINUTE": "1000000",
        "LIMIT_QUESTIONS_PER_MINUTE_PER_ADDRESS": "1000000",
        "MAX_STREAMS_PER_USER": "5000",
        "MAX_CONNECTIONS_PER_ADDRESS": "5000",
        "LLM_MAX_REPLY_CHARS": "6000000",
        "LLM_TITLES": "off",
        **settings,
    }


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "error::ResourceWarning", "manage.py", *arguments]


@dataclass
class ServerProcess:
    """A server to `start`, `kill`, `terminate` and `start` again; port, database and log stay the same."""

    folder: Path
    upstream: FakeUpstream
    settings: dict[str, str] = field(default_factory=dict)
    database: Path = Path()
    database_options: str = ""
    port: int = field(default_factory=free_port)
    people: list[Person] = field(default_factory=list)
    _process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        self._log = self.folder / f"server-{self.port}.log"

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def launch(self) -> Self:
        """Start it without waiting for it."""
        env = environment(self.database, self.database_options, LLM_BASE_URL=self.upstream.base_url, **self.settings)
        command = _manage("serve", "--host", "127.0.0.1", "--port", str(self.port))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
        return self

    def start(self) -> Self:
        self.launch()
        wait_until(lambda: self.readiness() == 200, START_SECONDS, self.log_text)
        return self

    def readiness(self) -> int:
        """Return the status of /readyz; 0 if nobody answers."""
        try:
            # Called many times a second: loading certificates, which plain HTTP does not need, would take too long.
            return httpx.get(f"{self.base_url}/readyz", timeout=10, verify=False).status_code
        except httpx.TransportError:
            return 0

    def kill(self) -> None:
        """Kill it, as the kernel does when memory runs out: it can say and save nothing more."""
        assert self._process
        self._process.kill()
        self._process.wait(10)

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self._process
        self._process.send_signal(number)

    def wait(self, timeout: float) -> int:
        """Wait for its end, and return the exit code."""
        assert self._process
        return self._process.wait(timeout)

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self.kill()
        for person in self.people:
            person.http.close()

    # --- What is there to see ---------------------------------------------------------------------------------------

    def person(self, name: str = "anna") -> Person:
        self.people.append(Person(Site(self.base_url, self.upstream), User(username=name), session_of(name)))
        return self.people[-1]

    def log_text(self) -> str:
        return self._log.read_text()

    def log(self, event: str = "") -> list[dict[str, Any]]:
        """Return the lines of the log, all of them JSON, or only those of one event."""
        lines = [json.loads(line) for line in self.log_text().splitlines()]
        return [line for line in lines if event in ("", line["event"])]

    def complaints(self) -> list[str]:
        """Return what should not be in the log: errors, and lines that are not ours."""
        return [line for line in self.log_text().splitlines() if not _is_calm(line)]

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a query directly, without Django and its models."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=10)) as connection:
            return connection.execute(query, values).fetchall()

    def statuses(self) -> dict[str, str]:
        """Return the status of all replies, by id."""
        return {as_uuid(reply): status for reply, status in self.rows("SELECT message_id, status FROM chat_generation")}

    def text_of(self, reply: str) -> str:
        return str(self.rows("SELECT text FROM chat_message WHERE id = ?", reply.replace("-", ""))[0][0])

    @contextlib.contextmanager
    def database_away(self) -> Iterator[None]:
        """Lock the database, so that nobody can write."""
        connection = sqlite3.connect(self.database, timeout=10, isolation_level=None)
        with contextlib.closing(connection):
            connection.execute("BEGIN EXCLUSIVE")
            yield
            connection.execute("ROLLBACK")

    # --- What it costs ----------------------------------------------------------------------------------------------

    def memory_kb(self) -> int:
        """Return the resident memory of the process."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))

    def unsent_kb(self) -> int:
        """Return how much is waiting in the kernel for the readers."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        ours = [queues for _, local, _, _, queues, *_ in rows if local.endswith(f":{self.port:04X}")]
        return sum(int(queues.split(":")[0], 16) for queues in ours) // 1024

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))


@dataclass
class Servers:
    """Creates servers for one test, each with a fresh copy of the database unless it shares one."""

    folder: Path
    template: Path
    upstream: FakeUpstream
    made: list[ServerProcess] = field(default_factory=list)

    def new(self, database: Path | None = None, **settings: str) -> ServerProcess:
        server = ServerProcess(self.folder, self.upstream, settings)
        server.database = database or self.folder / f"{server.port}.sqlite3"
        if not database:
            shutil.copy(self.template, server.database)
        self.made.append(server)
        return server

    def start(self, **settings: str) -> ServerProcess:
        return self.new(None, **settings).start()

    def stop(self) -> None:
        for server in self.made:
            server.stop()


class Reader(threading.Thread):
    """Asks, or follows a reply, and records what it is told and when, until the end or until the connection is lost."""

    def __init__(self, person: Person, model: str = "", *, reply: str = "", after: str = "0.0") -> None:
        super().__init__(daemon=True)
        self.person, self.model, self.follows, self.after = person, model, reply, after
        self.told = Told()
        self.times: list[float] = []
        self.lost = False
        self.start()

    def run(self) -> None:
        follow = {"reply": self.follows, "after": self.after}
        stream = self.person.http.stream("GET", "/chat/stream", params=follow)
        try:
            with stream if self.follows else self.person.asking(model=self.model) as response:
                for id_, event in events_of(response):
                    self.told.ids.append(id_)
                    self.told.events.append(event)
                    self.times.append(time.monotonic())
        except httpx.TransportError:
            self.lost = True

    @property
    def reply(self) -> str:
        return self.told.reply

    def text(self, before: float = float("inf")) -> str:
        """Return the text that it had by then."""
        pairs = zip(self.times, self.told.events, strict=False)
        return "".join(event["text"] for at, event in pairs if event["type"] == "delta" and at < before)

    def wait_for_text(self, timeout: float = 10.0) -> None:
        wait_until(lambda: bool(self.text()), timeout, lambda: str(self.told.events))

    @property
    def last_word(self) -> dict[str, Any]:
        """Return the end that it was told, or an empty dict."""
        events = self.told.events
        return events[-1] if events and events[-1]["type"] == "end" else {}


def settled(measure: Callable[[], int]) -> int:
    """Wait until a measured value no longer changes, and return it."""
    figures = [measure()]
    while len(figures) < 4 or max(figures[-4:]) - min(figures[-4:]) > figures[-1] / 100:
        time.sleep(0.25)
        figures.append(measure())
    return figures[-1]


def _is_calm(line: str) -> bool:
    try:
        return json.loads(line)["level"] in {"INFO", "WARNING"}
    except ValueError:
        return False


def as_uuid(raw: str) -> str:
    return f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"


class RawReader:
    """A reader of a reply that can stop reading, with almost no buffer on its side."""

    def __init__(self, person: Person, reply: str) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self.socket.settimeout(20)
        self.socket.connect((person.http.base_url.host, person.http.base_url.port))
        cookies = "; ".join(f"{name}={value}" for name, value in person.http.cookies.items())
        self.socket.sendall(
            f"GET /chat/stream?reply={reply} HTTP/1.0\r\nHost: 127.0.0.1\r\nCookie: {cookies}\r\n\r\n".encode()
        )
        self._received = bytearray()

    def read(self, size: int) -> None:
        while len(self._received) < size and (data := self.socket.recv(65536)):
            self._received += data

    def read_to_the_end(self) -> Told:
        self.read(1 << 40)
        head, _, body = bytes(self._received).partition(b"\r\n\r\n")
        assert b" 200 " in head.split(b"\r\n")[0], head
        told = Told()
        for event in sse.Decoder().feed(body):
            told.ids.append(event.id)
            told.events.append(json.loads(event.data))
        return told

    def vanish(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
