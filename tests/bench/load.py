"""Many readers at once, measuring how old each token is when it arrives.

`python -m tests.bench.load '<plan as JSON>'` prints its figures as JSON. It is a process of its own, on uvloop with raw
sockets, so that it is never the limit of what it measures.
"""

import asyncio
import json
import random
import re
import resource
import sys
import time
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import uvloop

STAMP = re.compile(rb"\d{9,}(?= )")


@dataclass(frozen=True)
class Plan:
    """`sessions`: cookies of the product's users; without them, the raw API is read, as behind nginx.

    The starts of the streams are spread over `spread` seconds. After one more second, they are measured for `seconds`.
    """

    port: int
    streams: int
    pace: str
    spread: float = 2.0
    seconds: float = 10.0
    sessions: list[str] = field(default_factory=list)


@dataclass
class Figures:
    tokens: int
    first_ms: list[float]
    age_ms: list[float]
    failed: int
    cpu: float
    window: tuple[float, float]


class Reader(asyncio.Protocol):
    def __init__(self, load: "Load", number: int) -> None:
        self.load, self.number = load, number
        self.first = True
        self.asked_at = time.monotonic_ns()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:

        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self.load.request(self.number))

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        if self.first and b"HTTP/1.1 200" not in data[:16] and data.startswith(b"HTTP"):
            self.load.failed += 1
        stamps = STAMP.findall(data)
        if not stamps:
            return
        if self.first:
            self.first = False
            self.load.begun(now - self.asked_at)
        if self.load.is_measuring:
            self.load.ages += [now - int(stamp) for stamp in stamps]


class Load:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.ages: list[int] = []
        self.first: list[int] = []
        self.failed = 0
        self.is_measuring = False
        self.all_begun = asyncio.Event()

    def begun(self, after: int) -> None:
        self.first.append(after)
        if len(self.first) == self.plan.streams:
            self.all_begun.set()

    def request(self, number: int) -> bytes:
        plan = self.plan
        if plan.sessions:
            body: dict[str, Any] = {"request_id": str(uuid.uuid4()), "text": plan.pace}
            cookie = f"sessionid={plan.sessions[number % len(plan.sessions)]}; csrftoken={'t' * 32}"
            head = f"POST /chat/stream HTTP/1.1\r\nCookie: {cookie}\r\nX-CSRFToken: {'t' * 32}\r\n"
        else:
            body = {"messages": [{"role": "user", "content": plan.pace}], "model": "paced", "stream": True}
            head = "POST /v1/chat/completions HTTP/1.1\r\n"
        data = json.dumps(body, separators=(",", ":")).encode()
        head += f"Host: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        return head.encode() + data

    async def open(self, number: int) -> None:
        await asyncio.sleep(random.random() * self.plan.spread)
        await asyncio.get_running_loop().create_connection(lambda: Reader(self, number), "127.0.0.1", self.plan.port)

    async def run(self) -> Figures:
        await asyncio.gather(*(self.open(number) for number in range(self.plan.streams)))
        await asyncio.wait_for(self.all_begun.wait(), 60)
        await asyncio.sleep(1 if self.plan.seconds else 0)
        began, cpu = time.time(), cpu_seconds()
        print(json.dumps({"measuring": began}), flush=True)
        self.is_measuring = True
        await asyncio.sleep(self.plan.seconds)
        self.is_measuring = False
        return Figures(
            tokens=len(self.ages),
            first_ms=[after / 1e6 for after in self.first],
            age_ms=[age / 1e6 for age in self.ages],
            failed=self.failed,
            cpu=cpu_seconds() - cpu,
            window=(began, time.time()),
        )


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    print(json.dumps(asdict(uvloop.run(Load(Plan(**json.loads(sys.argv[1]))).run()))))
