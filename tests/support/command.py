"""A command of ours in a process of its own, as somebody types it."""

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
    """Nothing of the developer's own settings, and no database to be found."""
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
    """Running, with a process group of its own as in a terminal; nothing of it is left behind."""
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
    """A terminal tells all processes of the group."""
    os.killpg(process.pid, signal.SIGINT)


def finish(process: Process) -> Finished:
    """What it still says, to its end. Whatever it is, the key is not in it."""
    out, err = process.communicate(timeout=PATIENCE)
    assert KEY.encode() not in out + err
    return Finished(process.returncode, out, err.decode())


def read(process: Process, size: int) -> bytes:
    """The first bytes of its output, waited for."""
    assert process.stdout
    return process.stdout.read(size)


def rows_of(text: str) -> dict[str, str]:
    """Return the values of a table that was printed, by their names."""
    return dict(re.split("  +", line, maxsplit=1) for line in text.splitlines())
