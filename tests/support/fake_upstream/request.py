"""A request as the fake upstream received it, and how it ended."""

import asyncio
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

LARGEST_HEAD = 1 << 20


@dataclass(eq=False)
class Received:
    """Written by the upstream's thread, read by the test's. Times are `time.monotonic()`."""

    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes = b""
    json: Any = None
    number: int = 1  # counted among the requests for this exact model name
    request_id: str = ""  # the X-Request-ID of its answer
    received_at: float = field(default_factory=time.monotonic)
    finished_at: float | None = None  # the script was played to its end
    closed_by_peer_at: float | None = None  # the client went away before that
    _over: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def model(self) -> str:
        return str(self.json.get("model", "")) if isinstance(self.json, dict) else ""

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self.json.get("messages", [])) if isinstance(self.json, dict) else []

    @property
    def finished(self) -> bool:
        return self.finished_at is not None

    def wait_over(self, timeout: float = 5.0) -> bool:
        """Wait until it was answered or the client went away."""
        return self._over.wait(timeout)

    def wait_closed_by_peer(self, timeout: float = 5.0) -> float:
        """Wait until the client has gone away, and return when that was."""
        self._over.wait(timeout)
        assert self.closed_by_peer_at is not None, f"{self.model!r}: the client did not close within {timeout} s"
        return self.closed_by_peer_at

    def mark_finished(self) -> None:
        if not self._over.is_set():
            self.finished_at = time.monotonic()
            self._over.set()

    def mark_closed_by_peer(self) -> None:
        if not self._over.is_set():
            self.closed_by_peer_at = time.monotonic()
            self._over.set()


async def read_request(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request_line, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _ = request_line.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    request = Received(method, path, {name.strip().lower(): value.strip() for name, _, value in pairs})
    request.body = await _read_body(reader, request.headers)
    request.json = _parsed(request.body)
    return request


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "chunked" not in headers.get("transfer-encoding", ""):
        return await reader.readexactly(int(headers.get("content-length", 0)))
    pieces: list[bytes] = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        pieces.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return b"".join(pieces)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


@dataclass(frozen=True)
class ModelName:
    """A name such as `script/parameter=value/how-to-cut#tag`; the tag only keeps two tests from sharing a counter."""

    script: str
    cut: str = "whole"
    parameters: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, model: str) -> "ModelName":
        script, *parts = model.partition("#")[0].split("/")
        parameters = dict(part.split("=", 1) for part in parts if "=" in part)
        cuts = [part for part in parts if "=" not in part]
        return cls(script, cuts[-1] if cuts else "whole", parameters)
