"""A paced upstream for measurements: every token is the time at which it was sent.

`python -m tests.bench.upstream --port 9300`; the question sets the pace: `rate=50,tokens=500`.
Raw bytes on uvloop, so that it is never the limit of what it feeds.
"""

import argparse
import asyncio
import random
import re
import time
from typing import cast

import uvloop

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
MODELS = b'{"object":"list","data":[{"id":"paced","object":"model"}]}'
TOKEN = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"%d "},"finish_reason":null}]}\n\n'
)
LAST = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


def http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class Paced(asyncio.Protocol):
    """One connection, which gets one answer after another."""

    def __init__(self) -> None:
        self.received = b""
        self.timer: asyncio.TimerHandle | None = None
        self.loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:

        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.timer:
            self.timer.cancel()

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator:
            return
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if len(body) < (int(lengths[0].split(b":")[1]) if lengths else 0):
            return
        self.received = b""
        if head.startswith(b"GET"):
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(MODELS)
                + MODELS
            )
            return
        self.answer(body)

    def answer(self, body: bytes) -> None:
        rate, tokens = re.findall(rb"rate=(\d+),tokens=(\d+)", body)[-1]
        self.interval, self.left = 1 / int(rate), int(tokens)
        self.transport.write(HEAD)
        # The first token comes at once, the second at a random phase, so that no two streams are in step.
        self.next_at = self.loop.time() - self.interval * random.random()
        self.tick()

    def tick(self) -> None:
        if not self.left:
            self.transport.write(http_chunk(LAST) + b"0\r\n\r\n")
            return
        self.left -= 1
        self.transport.write(http_chunk(TOKEN % time.monotonic_ns()))
        self.next_at += self.interval
        self.timer = self.loop.call_at(self.next_at, self.tick)


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Paced, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(main(parser.parse_args().port))
