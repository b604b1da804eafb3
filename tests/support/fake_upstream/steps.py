"""What the fake upstream can do. A script is any iterable of these steps, which are played one after another."""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import groupby
from typing import Protocol

from tests.support.fake_upstream.cuts import Cut
from tests.support.fake_upstream.request import Received


class Wire:
    """The server's side of one request, with control over each byte."""

    def __init__(self, writer: asyncio.StreamWriter, asked: Received, cut: Cut, gate: asyncio.Semaphore) -> None:
        self.writer = writer
        self.cut = cut
        self.gate = gate
        self.status = 200
        self.version = "HTTP/1.1"
        self.headers: dict[str, str] = {
            "content-type": "text/event-stream",
            "cache-control": "no-cache",
            "x-request-id": asked.request_id,
            "transfer-encoding": "chunked",
        }
        self.over = False
        self._head_sent = False

    @property
    def chunked(self) -> bool:
        return self.headers.get("transfer-encoding") == "chunked"

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        # The transport's buffer limit is 0, so this returns when the kernel has everything.
        await self.writer.drain()
        await asyncio.sleep(0)

    async def head(self) -> None:
        if not self._head_sent:
            self._head_sent = True
            lines = [f"{self.version} {self.status} {HTTPStatus(self.status).phrase}"]
            lines += [f"{name}: {value}" for name, value in self.headers.items()]
            await self.write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    async def body(self, data: bytes) -> None:
        if data:
            await self.head()
            await self.write(b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data)

    async def end(self) -> None:
        """End the response properly; without chunked encoding, only closing the connection can do that."""
        await self.head()
        if self.chunked:
            await self.write(b"0\r\n\r\n")
        else:
            self.close()

    def close(self) -> None:
        self.over = True
        self.writer.close()

    def reset(self) -> None:
        self.over = True
        # With a linger time of 0 seconds, closing sends a TCP RST.
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Step(Protocol):
    async def play(self, wire: Wire) -> None: ...


@dataclass(frozen=True)
class Status:
    code: int

    async def play(self, wire: Wire) -> None:
        wire.status = self.code


@dataclass(frozen=True)
class Headers:
    """Sets response headers; None removes one."""

    fields: dict[str, str | None]

    async def play(self, wire: Wire) -> None:
        for name, value in self.fields.items():
            wire.headers.pop(name.lower(), None)
            if value is not None:
                wire.headers[name.lower()] = value


@dataclass(frozen=True)
class CloseDelimited:
    """HTTP/1.0: no chunks, the body ends where the connection does."""

    async def play(self, wire: Wire) -> None:
        wire.version = "HTTP/1.0"
        del wire.headers["transfer-encoding"]


@dataclass(frozen=True)
class SendHead:
    """Sends status line and headers now instead of with the first byte of the body."""

    async def play(self, wire: Wire) -> None:
        await wire.head()


@dataclass(frozen=True)
class Send:
    """Sends bytes of the body as one HTTP chunk, or as several if the model's name asks for cuts."""

    data: bytes = field(repr=False)

    async def play(self, wire: Wire) -> None:
        for piece in wire.cut(self.data):
            await wire.body(piece)


@dataclass(frozen=True)
class CutChunk:
    """Sends a chunk that announces more bytes than it has; Close or Reset must follow."""

    data: bytes
    missing: int = 10

    async def play(self, wire: Wire) -> None:
        await wire.head()
        await wire.write(b"%x\r\n" % (len(self.data) + self.missing))
        for piece in wire.cut(self.data):
            await wire.write(piece)


@dataclass(frozen=True)
class Sleep:
    seconds: float

    async def play(self, wire: Wire) -> None:
        await asyncio.sleep(self.seconds)


@dataclass(frozen=True)
class Gate:
    """Waits until the test calls `upstream.release()`."""

    async def play(self, wire: Wire) -> None:
        await wire.gate.acquire()


@dataclass(frozen=True)
class Hang:
    """Sends nothing for as long as the client stays."""

    async def play(self, wire: Wire) -> None:
        await asyncio.Event().wait()


@dataclass(frozen=True)
class Close:
    """Closes the connection properly in the middle of the response."""

    async def play(self, wire: Wire) -> None:
        wire.close()


@dataclass(frozen=True)
class Reset:
    """Resets the TCP connection."""

    async def play(self, wire: Wire) -> None:
        wire.reset()


@dataclass(frozen=True)
class Instead:
    """If `when` is true for the request, plays these steps and nothing after them."""

    when: Callable[[Received], bool]
    steps: "Script"


Script = Iterable[Step | Instead]


def the_first(times: int) -> Callable[[Received], bool]:
    """Return a condition that is true for the first requests for a model name."""
    return lambda asked: asked.number <= times


def steps_for(asked: Received, script: Script) -> Iterator[Step]:
    for item in script:
        if not isinstance(item, Instead):
            yield item
        elif item.when(asked):
            yield from steps_for(asked, item.steps)
            return


def merged(steps: Iterable[Step]) -> Iterator[Step]:
    """Merge neighbouring pieces of the body, so that random cuts can fall anywhere, not just between events."""
    for is_body, run in groupby(steps, key=lambda step: isinstance(step, Send)):
        if is_body:
            yield Send(b"".join(step.data for step in run if isinstance(step, Send)))
        else:
            yield from run


async def play(steps: Iterable[Step], wire: Wire) -> None:
    for step in steps:
        await step.play(wire)
        if wire.over:
            return
    await wire.end()
