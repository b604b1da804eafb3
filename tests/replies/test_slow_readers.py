"""Readers who stop reading in the middle: they cost little, disturb nobody, and miss nothing."""

import gc
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest

from tests.support.fake_upstream.chunks import DONE, ROLE, chunk, ended, send, sse
from tests.support.fake_upstream.scripts import huge_text, paced_text
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.fake_upstream.steps import Gate, Send, Step
from tests.support.process import RawReader, Reader, ServerProcess, Servers, settled, wait_until
from tests.support.site import Person

MEGABYTES = 5
TEXT = huge_text(MEGABYTES) + "The end."
PACED = "paced/tokens=60/interval=0.05"
READERS = 100
MOST_KB = 256
# Done before anything is measured: each thread that serves readers takes some memory once.
FIRST = 10


def huge_and_waiting(megabytes: float) -> Iterator[Step]:
    """Send text as fast as it is taken; the answer then does not end until the gate is opened."""
    text = huge_text(megabytes)
    yield Send(sse(ROLE))
    for start in range(0, len(text), 4000):
        yield Send(sse(chunk(content=text[start : start + 4000])))
    yield Gate()
    yield send(chunk(content="The end."), *ended(), DONE)


@pytest.fixture
def server(servers: Servers, upstream: FakeUpstream) -> ServerProcess:
    upstream.add("huge-and-waiting", huge_and_waiting(MEGABYTES))
    upstream.offer(PACED)
    return servers.start(LLM_IDLE_TIMEOUT="600")


@pytest.fixture
def reader(server: ServerProcess) -> Reader:
    """The reader who asked, and has read all five megabytes."""
    reader = Reader(server.person(), "huge-and-waiting")
    wait_until(lambda: f"0.{MEGABYTES * 1_000_000}" in reader.told.ids, 60)
    return reader


@contextmanager
def stalled(person: Person, reply: str, count: int = READERS) -> Iterator[list[RawReader]]:
    """Yield readers who have read the beginning and then stopped reading; at the end they disappear."""
    readers = [RawReader(person, reply) for _ in range(count)]
    try:
        for reader in readers:
            reader.read(50_000)
        yield readers
    finally:
        for reader in readers:
            reader.vanish()


def cost_kb(server: ServerProcess) -> int:
    return settled(lambda: server.memory_kb() + server.unsent_kb())


def alive() -> Counter[str]:
    """Count what the server in this process keeps for its readers."""
    gc.collect()
    names = {"Gate", "WebRequest", "HTTPChannel", "ASGIRequest", "StreamingHttpResponse", "Growing"}
    kinds = Counter(type(thing).__name__ for thing in gc.get_objects())
    return Counter({name: kinds[name] for name in names})


@pytest.mark.process
def test_they_cost_little_and_miss_nothing(server: ServerProcess, reader: Reader, upstream: FakeUpstream) -> None:
    with stalled(reader.person, reader.reply, FIRST):
        before = cost_kb(server)
        with stalled(reader.person, reader.reply) as slow:
            each = (cost_kb(server) - before) / READERS
            upstream.release()
            reader.join(20)
            # Some continue to read, as if nothing had happened.
            late = [one.read_to_the_end() for one in slow[::40]]

    print(f"{each:.0f} KB for each reader")
    assert each <= MOST_KB
    assert reader.text() == TEXT == server.text_of(reader.reply)
    for told in late:
        assert told.text() == TEXT
        assert told.end["status"] == "complete"


@pytest.mark.process
def test_nobody_notices_them(server: ServerProcess, reader: Reader, upstream: FakeUpstream) -> None:
    with stalled(reader.person, reader.reply):
        boris = Reader(server.person("boris"), PACED)
        boris.wait_for_text()
        time.sleep(1)
    # They have all left at once.
    boris.join(20)
    upstream.release()
    reader.join(20)

    assert boris.text() == paced_text(60)
    assert boris.last_word["status"] == "complete"
    gap = max(b - a for a, b in pairwise(boris.times))
    print(f"{gap:.2f} s without a token")
    assert gap < 2


@pytest.mark.process
def test_those_who_come_after_the_end_share_its_text(
    server: ServerProcess, reader: Reader, upstream: FakeUpstream
) -> None:
    upstream.release()
    reader.join(20)

    with stalled(reader.person, reader.reply, FIRST) as first:
        before = cost_kb(server)
        with stalled(reader.person, reader.reply) as slow:
            each = (cost_kb(server) - before) / READERS
            late = [first[0].read_to_the_end(), slow[-1].read_to_the_end()]
            # Nor do the others delay the end of the server.
            server.signal()
            assert server.wait(10) == 0

    print(f"{each:.0f} KB for each reader")
    assert each <= MOST_KB
    assert [told.text() for told in late] == [TEXT, TEXT]
    assert server.complaints() == []


def test_those_who_vanish_leave_nothing_behind(anna: Person, upstream: FakeUpstream, settings: Any) -> None:
    settings.LLM_MODEL = upstream.add("large-and-waiting", huge_and_waiting(0.9))
    reader = Reader(anna)
    wait_until(lambda: "0.900000" in reader.told.ids, 30)
    before = alive()

    with stalled(anna, reader.reply):
        # Those of earlier tests may still be on their way out.
        assert alive()["Gate"] >= READERS

    wait_until(lambda: alive() <= before, 20, lambda: f"{alive()}, {before}")
    upstream.release()
    reader.join(20)
