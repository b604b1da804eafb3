"""`make bench`: the cost of the product compared with nginx passing the same upstream through; and of the search.

None of this is a test: machines differ and are noisy; the ratios of one run are less so. Options choose the parts.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench import search
from tests.bench.load import Plan
from tests.bench.long import open_long_conversation
from tests.bench.servers import Process, nginx, upstream, web

USERS = 200
HOLDS_P99_MS = 250
# A server that uses less of a core than this for a second is done with its replies, except for titles and sweeps.
IDLE_SECONDS, IDLE_SHARE = 1.0, 0.05
STEPS = (400, 600, 800, 1000, 1200, 1400)


@dataclass(frozen=True)
class Measured:
    """Measurements of one server under one load. CPU in µs, times in ms, memory in KB, `busy` as shares of one core."""

    cpu_per_token: float
    cpu_per_start: float
    first: list[float]
    age: list[float]
    failed: int
    memory_per_stream: float
    busy: dict[str, float]


def measure(server: Process, far: Process, plan: Plan) -> Measured:
    """Measure one server. Its CPU is read when the load generator says that it is measuring."""
    before, memory = server.cpu_seconds(), server.kilobytes()
    command = [sys.executable, "-m", "tests.bench.load", json.dumps(asdict(plan))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
        assert load.stdout
        load.stdout.readline()
        started, far_started, grown = server.cpu_seconds(), far.cpu_seconds(), server.kilobytes() - memory
        figures = json.loads(load.stdout.readline())
        used, far_used = server.cpu_seconds() - started, far.cpu_seconds() - far_started
    # A reply goes on after its reader has left: don't count it with the next ones.
    wait_until_idle(server)
    seconds = max(figures["window"][1] - figures["window"][0], 0.001)
    return Measured(
        cpu_per_token=used / max(figures["tokens"], 1) * 1e6,
        cpu_per_start=(started - before) / plan.streams * 1e6,
        first=figures["first_ms"],
        age=figures["age_ms"],
        failed=figures["failed"],
        memory_per_stream=grown / plan.streams,
        busy={"server": used / seconds, "load": figures["cpu"] / seconds, "upstream": far_used / seconds},
    )


def wait_until_idle(server: Process) -> None:
    before, now = -1.0, server.cpu_seconds()
    while now - before > IDLE_SECONDS * IDLE_SHARE:
        time.sleep(IDLE_SECONDS)
        before, now = now, server.cpu_seconds()


def percentile(values: list[float], share: int) -> float:
    return statistics.quantiles(values, n=100)[share - 1] if len(values) > 1 else float("nan")


class Bench:
    def __init__(self, far: Process, floor: Process, product: Process, cookies: list[str]) -> None:
        self.far, self.floor, self.product, self.cookies = far, floor, product, cookies

    def both(self, plan: Plan) -> tuple[Measured, Measured]:
        """Return (nginx, the product), measured under the same load, one after the other."""
        return self.of_floor(plan), self.of_product(plan)

    def of_floor(self, plan: Plan) -> Measured:
        return measure(self.floor, self.far, Plan(**{**asdict(plan), "port": self.floor.port}))

    def of_product(self, plan: Plan) -> Measured:
        return measure(
            self.product, self.far, Plan(**{**asdict(plan), "port": self.product.port, "sessions": self.cookies})
        )

    def paced(self, streams: int, rate: int, seconds: float) -> None:
        plan = Plan(0, streams, f"rate={rate},tokens={int(rate * (seconds + 5))}", seconds=seconds)
        floor, product = self.both(plan)
        print(f"\n{streams} streams at {rate} tokens/s")
        row("CPU per token, µs", floor.cpu_per_token, product.cpu_per_token)
        row("added latency p50, ms", percentile(floor.age, 50), percentile(product.age, 50))
        row("added latency p99, ms", percentile(floor.age, 99), percentile(product.age, 99))
        row("memory per live stream, KB", floor.memory_per_stream, product.memory_per_stream)
        say_busy(product)

    def burst(self, streams: int) -> None:
        plan = Plan(0, streams, "rate=20,tokens=40", spread=0, seconds=0)
        # Once to warm up: imports, connections, the first pages of memory.
        self.both(plan)
        floor, product = self.both(plan)
        print(f"\n{streams} questions at the same instant")
        row("time to first token p50, ms", percentile(floor.first, 50), percentile(product.first, 50))
        row("time to first token p99, ms", percentile(floor.first, 99), percentile(product.first, 99))
        row("CPU per started stream, µs", floor.cpu_per_start, product.cpu_per_start)

    def most(self, seconds: float) -> None:
        print(f"\nlive streams at 10 tokens/s that one process holds with p99 ≤ {HOLDS_P99_MS} ms")
        for streams in STEPS:
            plan = Plan(0, streams, f"rate=10,tokens={int(10 * (seconds + 40))}", spread=10, seconds=seconds)
            product = self.of_product(plan)
            late = percentile(product.age, 99)
            print(f"  {streams:5} streams: p50 {percentile(product.age, 50):.0f} ms, p99 {late:.0f} ms,", end=" ")
            print(f"{product.cpu_per_token:.0f} µs per token, {product.memory_per_stream:.0f} KB per stream")
            say_busy(product)
            if late > HOLDS_P99_MS:
                break


def row(what: str, floor: float, product: float) -> None:
    print(f"  {what:30} nginx {floor:9.1f}   product {product:9.1f}   ratio {product / max(floor, 0.1):6.1f}")


def say_busy(measured: Measured) -> None:
    shares = ", ".join(f"{name} {share:.0%}" for name, share in measured.busy.items())
    print(f"  of one core: {shares}; failed: {measured.failed}")


def sessions(count: int) -> list[str]:
    """Return the session cookies of this many users."""
    import django

    django.setup()
    from chat.models import User
    from tests.support.site import session_of

    return [session_of(User.objects.get_or_create(username=f"bench-{number}")[0]) for number in range(count)]


@contextmanager
def environment(folder: Path) -> Iterator[None]:
    """Set the product's settings for the run: the database that the environment names, otherwise an SQLite file."""
    os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder / 'bench.sqlite3'}")
    os.environ |= {"SECRET_KEY": "only for the bench", "DJANGO_SETTINGS_MODULE": "config.settings"}
    limits = {"MAX_REPLIES_PER_USER": "1000", "MAX_REPLIES": "10000", "MAX_STREAMS_PER_USER": "10000"}
    limits |= {"MAX_CONNECTIONS_PER_ADDRESS": "100000", "LIMIT_QUESTIONS_PER_MINUTE": "1000000"}
    limits |= {"LIMIT_QUESTIONS_PER_MINUTE_PER_ADDRESS": "1000000"}
    os.environ |= {**limits, "LOG_LEVEL": "WARNING", "LLM_TITLES": "off"}
    os.environ.pop("LLM_MODEL", None)
    for command in (["migrate"], ["collectstatic", "--noinput"]):
        subprocess.run([sys.executable, "manage.py", *command, "-v0"], check=True)
    yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="how long each load is measured")
    parser.add_argument("--parts", nargs="*", default=["burst", "paced50", "paced20", "most", "long", "search"])
    options = parser.parse_args()
    if "search" in options.parts:
        search.on_both()
    if parts := [part for part in options.parts if part != "search"]:
        beside_nginx(parts, options.seconds)


def beside_nginx(names: list[str], seconds: float) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (16384, 16384))
    with tempfile.TemporaryDirectory() as folder, environment(Path(folder)):
        cookies = sessions(USERS)
        with upstream() as far, nginx(far, Path(folder)) as floor, web(far) as product:
            bench = Bench(far, floor, product, cookies)
            print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
            parts = {
                "burst": lambda: bench.burst(100),
                "paced50": lambda: bench.paced(100, 50, seconds),
                "paced20": lambda: bench.paced(100, 20, seconds),
                "most": lambda: bench.most(seconds),
                "long": lambda: open_long_conversation(product.port, cookies[0]),
            }
            for name in names:
                parts[name]()


if __name__ == "__main__":
    main()
