"""A request sent by hand, byte by byte if a test likes, and what comes back until the server closes."""

import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


@dataclass(frozen=True)
class RawAnswer:
    status: int
    headers: dict[str, str]
    body: str


class Wire:
    """One connection."""

    def __init__(self, base_url: str) -> None:
        address = urlsplit(base_url)
        self.socket = socket.create_connection((address.hostname, address.port), timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    def send(self, data: bytes) -> bool:
        """False if the server no longer wants it."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def drip(self, data: Iterable[bytes], pause: float) -> None:
        """As slowly as an attacker does, until the server has had enough."""
        for piece in data:
            if not self.send(piece) or self.has_answer(pause):
                break

    def has_answer(self, patience: float) -> bool:
        self.socket.settimeout(patience)
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK)) or True
        except TimeoutError:
            return False
        except OSError:
            return True
        finally:
            self.socket.settimeout(20)

    def answer(self) -> RawAnswer:
        """Read until the server closes."""
        received = bytearray()
        while data := self.socket.recv(65536):
            received += data
        head, _, body = bytes(received).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        assert first, "closed without an answer"
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return RawAnswer(int(first.split()[1]), headers, body.decode())

    def seconds_until_closed(self) -> float:
        began = time.monotonic()
        while self.socket.recv(65536):
            pass
        return time.monotonic() - began
