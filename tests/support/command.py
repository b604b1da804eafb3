"""One of our commands in a process of its own, as typed in a terminal."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MANAGE = (sys.executable, "-W", "error", "manage.py")
KEY = "sk-a-key-that-nobody-may-see-0123456789"
PATIENCE = 30.0

Process = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Finished:
    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()


def environment(**settings: str) -> dict[str, str]:
    """Return an environment without the developer's own settings, and without a usable database."""
    return {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "a long random text that only these tests know, of sixty characters",
        "DATABASE_URL": "sqlite:////no/such/folder/chat.sqlite3",
        "LLM_API_KEY": KEY,
        "LLM_MODEL": "",
        **settings,
    }


@contextmanager
def started(*words: str | bytes, **settings: str) -> Iterator[Process]:
    """Run it in a process group of its own, as in a terminal, and leave nothing running afterwards."""
    pipe = subprocess.PIPE
    env = environment(**settings)
    with subprocess.Popen(words, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, start_new_session=True) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def run(*words: str | bytes, **settings: str) -> Finished:
    with started(*words, **settings) as process:
        return finish(process)


def press_ctrl_c(process: Process) -> None:
    """Interrupt all processes of the group, as a terminal does."""
    os.killpg(process.pid, signal.SIGINT)


def finish(process: Process) -> Finished:
    """Wait for the end, and return the rest of the output. The key must not be in it."""
    out, err = process.communicate(timeout=PATIENCE)
    assert KEY.encode() not in out + err
    return Finished(process.returncode, out, err.decode())


def read(process: Process, size: int) -> bytes:
    """Wait for the first bytes of its output, and return them."""
    assert process.stdout
    return process.stdout.read(size)


def rows_of(text: str) -> dict[str, str]:
    """Return the values of a printed table by name."""
    return dict(re.split("  +", line, maxsplit=1) for line in text.splitlines())
