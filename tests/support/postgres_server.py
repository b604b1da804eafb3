"""A PostgreSQL for one test, which can be stopped in every way, started again, and tell which statements it got."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg

from tests.support.services import postgres_program
from tests.support.waiting import free_port, wait_until

# Nothing here has to survive a crash of the machine.
FAST: dict[str, str | int] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
# The beginning of each line in its log: a mark that is in no statement.
PREFIX = "@@%p@"


class PostgresServer:
    """A server in a folder of its own. `options`: those of postgresql.conf."""

    def __init__(self, **options: str | int) -> None:
        self.port = free_port()
        self._options: dict[str, str | int] = {**FAST, **options}
        self._process: subprocess.Popen[bytes] | None = None
        # Not in a test's own folder, which only the user who runs the tests can enter.
        self._folder = Path(tempfile.mkdtemp(prefix="chat-postgres-"))
        self._log = self._folder / "log"
        self._as: dict[str, Any] = {"cwd": self._folder}
        if os.geteuid() == 0:
            # It refuses to run as root.
            self._as |= {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self._folder, "postgres", "postgres")

    def __enter__(self) -> Self:
        options = ["--username=chat", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
        command = [postgres_program("initdb"), "-D", "data", *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60, **self._as)
        self.start()
        self.execute("CREATE DATABASE chat")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, name: str = "chat") -> str:
        return f"postgres://chat@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        options = self._options | {"port": self.port, "unix_socket_directories": "", "log_line_prefix": PREFIX}
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            command = [postgres_program("postgres"), "-D", "data", "-h", "127.0.0.1", *words]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **self._as)
        wait_until(self._answers, 20, self._log.read_text)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it. SIGINT: fast, but clients are disconnected cleanly; SIGQUIT: at once, as in a crash; or SIGKILL."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(20)

    @contextmanager
    def away(self, how: signal.Signals = signal.SIGINT) -> Iterator[None]:
        self.stop(how)
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It accepts connections, since the kernel does that, and answers nobody."""
        assert self._process
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in self._pids():
                os.kill(pid, signal.SIGCONT)

    def _pids(self) -> list[int]:
        """Of the server and of the processes that it has started."""
        assert self._process
        server = self._process.pid
        children = Path(f"/proc/{server}/task/{server}/children").read_text()
        return [server, *map(int, children.split())]

    def execute(self, statement: str, name: str = "postgres", *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url(name), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement, values or None)
            return list(cursor) if cursor.description else []

    @contextmanager
    def locked(self, table: str, name: str) -> Iterator[None]:
        """Nobody can read the table as long as this lasts."""
        with psycopg.connect(self.url(name), connect_timeout=5) as connection:
            connection.execute(f"LOCK TABLE {table}")
            yield

    def copy(self, template: str, name: str) -> None:
        """Copy a database. Nobody may be connected to the template in the meantime."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def statements(self, after: int = 0) -> list[str]:
        """Return the statements in its log, with log_statement=all. `after`: skip this many bytes of the log."""
        lines = self._log.read_bytes()[after:].decode().split("@@")
        asked = (re.match(r"\d+@LOG:  (?:statement|execute [^:]+): (.*)", line, re.DOTALL) for line in lines)
        return [" ".join(match[1].split()) for match in asked if match]

    def log_size(self) -> int:
        return self._log.stat().st_size

    def log_text(self, after: int = 0) -> str:
        return self._log.read_bytes()[after:].decode()

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True
