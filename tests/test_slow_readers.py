"""Readers who stop reading in the middle: they cost little, nobody notices them, and they miss nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.fake_upstream import FakeUpstream
from tests.fake_upstream_chunks import DONE, ROLE, chunk, ended, send, sse
from tests.fake_upstream_scripts import huge_text, paced_text
from tests.fake_upstream_steps import Gate, Send, Step
from tests.process import RawReader, Reader, ServerProcess, Servers, settled, wait_until

MEGABYTES = 5
TEXT = huge_text(MEGABYTES) + "The end."
PACED = "paced/tokens=60/interval=0.05"
READERS = 100
MOST_KB = 256


def huge_and_waiting() -> Iterator[Step]:
    """Five megabytes as fast as they are taken; then the answer is not over until the gate is opened."""
    text = huge_text(MEGABYTES)
    yield Send(sse(ROLE))
    for start in range(0, len(text), 4000):
        yield Send(sse(chunk(content=text[start : start + 4000])))
    yield Gate()
    yield send(chunk(content="The end."), *ended(), DONE)


@pytest.fixture
def server(servers: Servers, upstream: FakeUpstream) -> ServerProcess:
    upstream.add("huge-and-waiting", huge_and_waiting())
    upstream.offer(PACED)
    return servers.start(LLM_IDLE_TIMEOUT="600")


@pytest.fixture
def reader(server: ServerProcess) -> Reader:
    """Who asked, and has read the five megabytes."""
    reader = Reader(server.person(), "huge-and-waiting")
    wait_until(lambda: f"0.{MEGABYTES * 1_000_000}" in reader.told.ids, 60)
    return reader


@contextmanager
def stalled(server: ServerProcess, reply: str, count: int = READERS) -> Iterator[list[RawReader]]:
    """Readers who have read the beginning, and now read nothing more; in the end they vanish."""
    anna = server.person()
    readers = [RawReader(anna, reply) for _ in range(count)]
    try:
        for reader in readers:
            reader.read(50_000)
        yield readers
    finally:
        for reader in readers:
            reader.vanish()


def cost_kb(server: ServerProcess) -> int:
    return settled(lambda: server.memory_kb() + server.unsent_kb())


def test_they_cost_little_and_nobody_notices_them(
    server: ServerProcess, reader: Reader, upstream: FakeUpstream
) -> None:
    before = cost_kb(server)

    with stalled(server, reader.reply) as slow:
        each = (cost_kb(server) - before) / READERS
        boris = Reader(server.person("boris"), PACED)
        boris.join(20)
        upstream.release()
        reader.join(20)
        # Some read on: to them nothing has happened.
        late = [one.read_to_the_end() for one in slow[::40]]

    print(f"{each:.0f} KB for each reader")
    assert each <= MOST_KB
    assert boris.text() == paced_text(60)
    assert boris.last_word["status"] == "complete"
    assert reader.text() == TEXT == server.text_of(reader.reply)
    for told in late:
        assert told.text() == TEXT
        assert told.end["status"] == "complete"


def test_those_who_vanish_leave_nothing_behind(server: ServerProcess, reader: Reader) -> None:
    files, memory = settled(server.open_files), []
    for _ in range(6):
        with stalled(server, reader.reply):
            pass
        # A request thread may have opened the database meanwhile.
        wait_until(lambda: server.open_files() <= files + 3 * 8, 20)
        memory.append(settled(server.memory_kb))

    # The first rounds fill what the allocator keeps; what a reader left behind would be there again for each of 300.
    print(memory)
    assert memory[-1] - memory[2] < 10 * 3 * READERS


def test_those_who_come_after_the_end_share_its_text(
    server: ServerProcess, reader: Reader, upstream: FakeUpstream
) -> None:
    upstream.release()
    reader.join(20)

    with stalled(server, reader.reply, 1) as [first]:
        before = cost_kb(server)
        with stalled(server, reader.reply) as slow:
            each = (cost_kb(server) - before) / READERS
            late = [first.read_to_the_end(), slow[-1].read_to_the_end()]

    print(f"{each:.0f} KB for each reader")
    assert each <= MOST_KB
    assert [told.text() for told in late] == [TEXT, TEXT]
