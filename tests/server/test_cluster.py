"""Several web processes on one PostgreSQL and one Redis: killed, restarted, and cut off from each of the two."""

import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.support.cluster import Cluster, Page, postgres_with_template
from tests.support.fake_upstream.chunks import DONE, ROLE, ended, said, send
from tests.support.fake_upstream.scripts import paced_text
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.fake_upstream.steps import Gate
from tests.support.postgres_server import PostgresServer
from tests.support.process import ServerProcess, wait_until
from tests.support.redis_server import RedisServer
from tests.support.site import events_of

pytestmark = pytest.mark.services

# About 20 tokens a second, for 3 seconds, for 13, and for longer than any test.
SHORT = "paced/tokens=60/interval=0.05"
MIDDLE = "paced/tokens=260/interval=0.05"
LONG = "paced/tokens=4000/interval=0.05"
# Three tokens now, three when the test says so.
GATED = "gated/tokens=3"
LONG_TEXT = paced_text(4000)
# A noisy machine may take longer than the product promises.
SLACK = 3.0

REDIS_AWAY, REDIS_BACK = "Redis is away: readers elsewhere follow the snapshots", "Redis is back"
DATABASE_AWAY, DATABASE_BACK = "database is away: replies go on in memory", "database is back"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_with_template(max_connections=50) as postgres:
        yield postgres


@pytest.fixture
def cluster(tmp_path: Path, upstream: FakeUpstream, postgres: PostgresServer) -> Iterator[Cluster]:
    upstream.forget()
    for model in (SHORT, MIDDLE, LONG, GATED):
        upstream.offer(model)
    with RedisServer(tmp_path) as redis:
        cluster = Cluster(tmp_path, upstream, postgres, redis)
        yield cluster
        cluster.stop()


def ask_many(server: ServerProcess, *models: str) -> list[Page]:
    """Ask each model once, at the same time, and wait until all have some text."""
    # A client has at most a hundred connections.
    anna = [server.person() for _ in range(4)]
    pages = [Page(anna[number % 4], model=model) for number, model in enumerate(models)]
    for page in pages:
        wait_until(lambda page=page: bool(page.text()), 30)  # type: ignore[misc]
    return pages


def follow(server: ServerProcess, pages: list[Page]) -> list[Page]:
    """Follow the same replies through another process."""
    anna = server.person()
    return [Page(anna, reply=page.reply) for page in pages]


def join(pages: list[Page], timeout: float) -> None:
    until = time.monotonic() + timeout
    for page in pages:
        page.join(max(0.0, until - time.monotonic()))
    assert [page.reply for page in pages if page.is_alive()] == [], "no end"


def assert_told_what_is_stored(cluster: Cluster, pages: list[Page]) -> None:
    statuses = cluster.statuses()
    for page in pages:
        assert page.text() == cluster.text_of(page.reply)
        assert page.end["status"] == statuses[page.reply]


def test_who_reads_it_through_another_process_gets_its_blocks_too(cluster: Cluster) -> None:
    script = (send(ROLE, *said("# One\n")), Gate(), send(*said("two"), *ended(), DONE))
    model = cluster.upstream.add("markdown", script)
    first, second = cluster.start(), cluster.start()
    [page] = ask_many(first, model)
    with second.person().reading(page.reply, blocks_from=0) as response:
        block = next(event for _, event in events_of(response) if event["type"] == "block")
    cluster.upstream.release()
    join([page], 10)

    assert block == {"type": "block", "from": 0, "to": 6, "html": "<h3>One</h3>\n"}
    assert page.text() == "# One\ntwo"


def test_it_is_read_and_stopped_through_another_process(cluster: Cluster) -> None:
    here, there = cluster.start(), cluster.start()
    pages = ask_many(here, SHORT, LONG)
    elsewhere = follow(there, pages)
    wait_until(lambda: all(page.text() for page in elsewhere), 5)

    began = time.monotonic()
    answer = there.person().http.post("/chat/stop", json={"reply": pages[1].reply})

    assert time.monotonic() - began < 1 + SLACK
    assert answer.json() == {"status": "stopped"}
    join(pages + elsewhere, 15)
    assert [page.end["status"] for page in elsewhere] == ["complete", "stopped"]
    assert_told_what_is_stored(cluster, pages + elsewhere)
    assert pages[0].text() == paced_text(60)
    # The relay delivers it ten times a second; snapshots would do so only once.
    assert elsewhere[0].longest_silence(elsewhere[0].times[1], elsewhere[0].times[-1]) < 0.9
    assert cluster.complaints() == []


def test_the_replies_of_a_killed_process_are_ended_by_the_others(cluster: Cluster) -> None:
    here, there = cluster.start(), cluster.start()
    pages = ask_many(here, *[LONG] * 20)
    # Nobody is watching half of them.
    elsewhere = follow(there, pages[:10])
    time.sleep(3)

    killed_at = time.monotonic()
    here.kill()

    join(elsewhere, 6 + SLACK)
    assert_told_what_is_stored(cluster, elsewhere)
    wait_until(cluster.is_quiet, killed_at + 40 - time.monotonic())
    assert set(cluster.statuses().values()) == {"interrupted"}
    for page in pages:
        kept = cluster.text_of(page.reply)
        assert len(page.text(before=killed_at - 1.5)) > 50
        assert kept.startswith(page.text(before=killed_at - 1.5))
        assert LONG_TEXT.startswith(kept)
        # It keeps asking a process that is gone.
        page.people = (there.person(),)
    join(pages, 10)
    assert there.complaints() == []


def test_a_rolling_restart_costs_no_reader_anything(cluster: Cluster) -> None:
    drain = {"DRAIN_SECONDS": "4"}
    here, there = cluster.start(**drain), cluster.start(**drain)
    anna = [here.person(), there.person()]
    pages = [Page(*order, model=model) for order in (anna, anna[::-1]) for model in [SHORT] * 10 + [LONG] * 15]
    wait_until(lambda: all(page.text() for page in pages), 30)
    elsewhere = [Page(*page.people[::-1], reply=page.reply) for page in pages]

    for server in (here, there):
        server.signal(signal.SIGTERM)
        assert server.wait(4 + 5 + 3 + SLACK) == 0
        server.start()

    join(pages + elsewhere, 30)
    assert_told_what_is_stored(cluster, pages + elsewhere)
    for page in pages:
        assert page.end["status"] in ({"complete", "interrupted"} if page.model == SHORT else {"interrupted"})
        assert LONG_TEXT.startswith(page.text())
    assert {page.text() for page in pages if page.end["status"] == "complete"} <= {paced_text(60)}
    assert len(cluster.statuses()) == 50
    assert cluster.complaints() == []


def test_without_redis_for_a_while_every_reply_ends_whole(cluster: Cluster) -> None:
    here, there = cluster.start(), cluster.start()
    # Some end while it is unreachable.
    pages = ask_many(here, *[SHORT] * 10, *[MIDDLE] * 10)
    elsewhere = follow(there, pages[::2])
    time.sleep(1)

    began = time.monotonic()
    cluster.redis.stop()
    time.sleep(5)
    readiness = [httpx.get(f"{server.base_url}/readyz", timeout=5) for server in cluster.servers]
    ended = time.monotonic()
    cluster.redis.start()

    join(pages + elsewhere, 30)
    assert_told_what_is_stored(cluster, pages + elsewhere)
    assert [answer.status_code for answer in readiness] == [200, 200]
    assert readiness[0].json() == {"status": "degraded", "reason": "Redis is away"}
    assert {page.end["status"] for page in pages} == {"complete"}
    assert {page.text() for page in pages} == {paced_text(60), paced_text(260)}
    assert max(page.longest_silence(began, ended) for page in pages[10:]) < 1
    # Two seconds until readers give up on the relay, then a snapshot every second.
    assert max(page.longest_silence(began, ended) for page in elsewhere[5:]) < 4 + SLACK
    wait_until(lambda: all(server.log(REDIS_BACK) for server in cluster.servers), 5)
    for server in cluster.servers:
        assert len(server.log(REDIS_AWAY)) == len(server.log(REDIS_BACK)) == 1
        assert len(server.log("doorbell is away: tabs ask by themselves")) <= 1
    assert cluster.complaints() == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
def test_without_the_database_for_a_while_every_reply_ends_whole(cluster: Cluster, how: signal.Signals) -> None:
    here, there = cluster.start(), cluster.start()
    pages = ask_many(here, *[SHORT] * 10, *[MIDDLE] * 10)
    elsewhere = follow(there, pages[::2])
    wait_until(lambda: all(page.text() for page in elsewhere), 10)
    time.sleep(1)

    began = time.monotonic()
    with cluster.postgres.away(how):
        # Longer than a writer may be silent before it counts as dead.
        time.sleep(7)
        ended = time.monotonic()
        # Nobody is told of an end that is not saved.
        assert not any(page.end for page in pages + elsewhere)

    join(pages + elsewhere, 30)
    assert_told_what_is_stored(cluster, pages + elsewhere)
    assert {page.end["status"] for page in pages + elsewhere} == {"complete"}
    assert {page.text() for page in pages} == {paced_text(60), paced_text(260)}
    assert max(page.longest_silence(began, ended) for page in pages[10:] + elsewhere[5:]) < 1
    assert len(here.log(DATABASE_AWAY)) == len(here.log(DATABASE_BACK)) == 1
    assert cluster.complaints() == []


def test_a_database_that_hangs_is_as_one_that_is_away(cluster: Cluster) -> None:
    here, there = cluster.start(), cluster.start()
    pages = ask_many(here, *[SHORT] * 5, *[MIDDLE] * 5)
    elsewhere = follow(there, pages[::2])
    wait_until(lambda: all(page.text() for page in elsewhere), 10)

    with cluster.postgres.hanging():
        # More requests at once than there are threads, each of which waits for nobody.
        refused = statuses_of_many(here, 24)
        began = time.monotonic()
        assert httpx.get(f"{here.base_url}/healthz", timeout=SLACK).status_code == 200
        readiness = httpx.get(f"{here.base_url}/readyz", timeout=1 + SLACK)
        question = here.person().post(request_id=str(uuid.uuid4()), text="hello")
        time.sleep(7)
        ended = time.monotonic()
        assert not any(page.end for page in pages + elsewhere)

    assert refused == [503] * 24
    assert (readiness.status_code, readiness.json()) == (503, {"status": "database is away"})
    assert (question.status_code, question.json()["error"]["code"]) == (503, "unavailable")
    assert "not available" in question.json()["error"]["message"]
    join(pages + elsewhere, 40)
    assert_told_what_is_stored(cluster, pages + elsewhere)
    assert {page.end["status"] for page in pages + elsewhere} == {"complete"}
    assert max(page.longest_silence(began, ended) for page in pages[5:]) < 1
    wait_until(lambda: all(server.log(DATABASE_BACK) for server in cluster.servers), 10)
    for server in cluster.servers:
        [away], [back] = server.log(DATABASE_AWAY), server.log(DATABASE_BACK)
        assert (away["level"], back["level"]) == ("WARNING", "INFO")
    assert cluster.complaints() == []


def statuses_of_many(server: ServerProcess, number: int) -> list[int]:
    """Of the home page, asked for by many at once."""
    anna = server.person()
    with ThreadPoolExecutor(number) as threads:
        answers = threads.map(lambda _: anna.http.get("/", timeout=3 + SLACK), range(number))
        return [answer.status_code for answer in answers]


def test_a_statement_that_is_only_slow_is_waited_for(cluster: Cluster) -> None:
    here = cluster.start(DATABASE_STATEMENT_TIMEOUT="30", DATABASE_LOCK_TIMEOUT="30")
    anna = here.person()

    with ThreadPoolExecutor(1) as threads, cluster.postgres.locked("chat_user", cluster.name):
        page = threads.submit(anna.http.get, "/", timeout=30)
        time.sleep(5)
        assert not page.done()
        assert here.log(DATABASE_AWAY) == []
        assert here.readiness() == 200

    assert page.result(10).status_code == 200


def test_a_lock_that_somebody_holds_is_not_waited_for(cluster: Cluster) -> None:
    here = cluster.start()
    anna = here.person()

    with cluster.postgres.locked("chat_user", cluster.name):
        answer = anna.http.get("/", timeout=10)
        assert here.readiness() == 200

    assert answer.status_code == 503
    assert "busy" in answer.text
    assert anna.http.get("/").status_code == 200
    assert here.complaints() == []


def test_without_a_free_connection_it_says_so(cluster: Cluster) -> None:
    here = cluster.start()
    with ExitStack() as others:
        with suppress(psycopg.OperationalError):
            while True:
                others.enter_context(psycopg.connect(cluster.postgres.url()))
        # A thread that has no connection yet.
        statuses = [here.person().http.get("/").status_code for _ in range(8)]
        assert 503 in statuses
    assert here.log("database is busy: replies go on in memory")
    assert cluster.complaints() == []


def test_nobody_was_silent_while_the_database_was_away(cluster: Cluster) -> None:
    here, there = cluster.start(), cluster.start()
    pages = ask_many(here, MIDDLE)
    elsewhere = follow(there, pages)
    wait_until(lambda: bool(elsewhere[0].text()), 10)

    with cluster.postgres.away():
        here.signal(signal.SIGSTOP)
        time.sleep(6)
    # Others check it every second, before its writer reconnects to the database.
    time.sleep(3)
    assert not elsewhere[0].end
    here.signal(signal.SIGCONT)

    join(pages + elsewhere, 30)
    assert_told_what_is_stored(cluster, pages + elsewhere)
    assert elsewhere[0].end["status"] == "complete"
    assert cluster.complaints() == []


def test_the_log_tells_the_fate_of_a_text_that_could_not_be_saved_in_time(cluster: Cluster) -> None:
    here = cluster.start(SAVE_PATIENCE_SECONDS="1")
    pages = ask_many(here, SHORT)

    with cluster.postgres.away():
        wait_until(lambda: bool(here.log("reply ended")), 10 + SLACK)

    [fate] = here.log("reply not saved: only its snapshots are left")
    assert fate["reply"] == pages[0].reply
    assert here.log("reply ended")[0]["saved"] is False
    assert pages[0].text() == paced_text(60)
    wait_until(lambda: here.person().follow(pages[0].reply).end["status"] == "interrupted", 10)


def test_two_hundred_streams_need_few_connections(cluster: Cluster, upstream: FakeUpstream) -> None:
    here = cluster.start()

    pages = ask_many(here, *[GATED] * 200)

    [[connections]] = cluster.postgres.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", "postgres", cluster.name
    )
    assert connections < 20
    assert not any(page.end for page in pages)
    upstream.release(200)
    join(pages, 60)
    assert {page.end["status"] for page in pages} == {"complete"}
    assert {page.text() for page in pages} == {paced_text(6)}
    assert cluster.complaints() == []


def test_a_reply_is_one_row_that_is_written_at_its_birth_and_its_end(cluster: Cluster) -> None:
    here = cluster.start()
    pages = ask_many(here, *[SHORT] * 10)
    join(pages, 20)

    def updates_of(table: str) -> int:
        query = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = %s"
        [[updates]] = cluster.postgres.execute(query, cluster.name, table)
        return int(updates)

    # PostgreSQL counts a moment later.
    wait_until(lambda: updates_of("chat_generation") >= 10, 20)
    assert updates_of("chat_generation") == 10
    assert updates_of("chat_process") >= 2
