"""The server as a process: killed, told to stop, cut off from its database, beside another one."""

import signal
import socket
import time
import uuid
from itertools import pairwise

import pytest

from tests.support.fake_upstream.scripts import huge_text, paced_text
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.process import Reader, ServerProcess, Servers, wait_until

pytestmark = pytest.mark.process

# About 20 tokens a second, for 3 seconds, for 13, and for longer than any test.
SHORT = "paced/tokens=60/interval=0.05"
MIDDLE = "paced/tokens=260/interval=0.05"
LONG = "paced/tokens=2000/interval=0.05"
GATED = "gated/tokens=3"
# How long SQLite waits for its lock before it reports an error, instead of five seconds.
BRIEF_WAIT = "?timeout=1"
LONG_TEXT = paced_text(2000)
# A noisy machine may take longer than the product promises.
SLACK = 3.0


@pytest.fixture(autouse=True)
def offered(upstream: FakeUpstream) -> None:
    for model in (SHORT, MIDDLE, LONG, GATED):
        upstream.offer(model)


def ask_many(server: ServerProcess, *models: str) -> list[Reader]:
    """Ask each model once, at the same time, and wait until all readers have some text."""
    anna = server.person()
    readers = [Reader(anna, model) for model in models]
    for reader in readers:
        reader.wait_for_text()
    return readers


def test_text_sent_long_before_a_kill_9_survives_it(servers: Servers) -> None:
    server = servers.start()
    readers = ask_many(server, *[LONG] * 20)
    time.sleep(3)

    killed_at = time.monotonic()
    server.kill()
    for reader in readers:
        reader.join(10)
        assert reader.lost or not reader.last_word
    server.start()

    # Nobody is watching them: a sweep has to find them.
    wait_until(lambda: "streaming" not in server.statuses().values(), 10 + SLACK)
    assert list(server.statuses().values()) == ["interrupted"] * 20
    anna = server.person()
    for reader in readers:
        kept = server.text_of(reader.reply)
        sent = reader.text(before=killed_at - 1.5)
        assert len(sent) > 50
        assert kept.startswith(sent)
        assert LONG_TEXT.startswith(kept)
        again = anna.follow(reader.reply, after=reader.told.ids[-1])
        assert again.end["status"] == "interrupted"
        # Nothing is repeated or left out; what the crash lost of the last second can't be restored.
        assert again.text() == kept[len(reader.text()) :]
        assert anna.follow(reader.reply).text() == kept
    assert len(server.log("reply swept")) == 20
    assert server.complaints() == []


def test_sigterm_ends_every_reply_with_all_its_text(servers: Servers) -> None:
    server = servers.start()
    readers = ask_many(server, *[LONG] * 20)
    time.sleep(1.5)

    server.signal(signal.SIGTERM)
    assert server.wait(5 + SLACK) == 0

    for reader in readers:
        reader.join(10)
        assert not reader.lost
        assert reader.last_word["status"] == "interrupted"
        assert reader.last_word["message"]
        assert reader.text() == server.text_of(reader.reply)
        assert LONG_TEXT.startswith(reader.text())
    assert list(server.statuses().values()) == ["interrupted"] * 20
    ends = server.log("reply ended")
    assert [(end["status"], end["saved"]) for end in ends] == [("interrupted", True)] * 20
    assert server.complaints() == []


def test_while_it_drains_it_takes_nothing_new_and_lets_short_replies_end(servers: Servers) -> None:
    server = servers.start(DRAIN_SECONDS="4")
    readers = ask_many(server, *[LONG] * 10, *[SHORT] * 10)
    anna = server.person()

    server.signal(signal.SIGTERM)
    wait_until(lambda: server.readiness() == 503, 2 + SLACK)
    refused = anna.post(request_id=str(uuid.uuid4()), text="one more?", model="echo")
    late = Reader(anna, reply=readers[0].reply)
    # Impatience changes nothing.
    server.signal(signal.SIGTERM)
    server.signal(signal.SIGINT)

    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "unavailable"
    assert "Retry-After" in refused.headers
    assert server.wait(4 + 5 + SLACK) == 0
    for number, reader in enumerate([*readers, late]):
        reader.join(10)
        assert not reader.lost
        assert reader.last_word["status"] == ("complete" if 10 <= number < 20 else "interrupted")
        assert reader.text() == server.text_of(reader.reply)
    assert {reader.text() for reader in readers[10:]} == {paced_text(60)}
    assert server.complaints() == []


def test_a_question_that_is_just_being_stored_gets_an_end_too(servers: Servers) -> None:
    server = servers.start()
    anna = server.person()

    with server.database_away():
        reader = Reader(anna, LONG)
        time.sleep(0.5)
        server.signal(signal.SIGTERM)
        time.sleep(0.5)

    assert server.wait(5 + SLACK) == 0
    reader.join(10)
    assert reader.last_word["status"] == "interrupted"
    assert server.statuses() == {reader.reply: "interrupted"}
    assert server.complaints() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_when_nothing_is_being_written(servers: Servers, number: signal.Signals) -> None:
    server = servers.start(DRAIN_SECONDS="60")
    server.person().http.get("/healthz")
    with socket.socket() as silent, socket.socket() as half:
        silent.connect(("127.0.0.1", server.port))
        half.connect(("127.0.0.1", server.port))
        half.sendall(b"POST /chat/stream HTTP/1.1\r\nContent-Length: 10\r\n\r\n{")
        time.sleep(0.2)

        server.signal(number)

        assert server.wait(2 + SLACK) == 0
    assert server.complaints() == []


def test_a_database_that_is_away_for_ten_seconds_ends_no_reply(servers: Servers) -> None:
    server = servers.new()
    server.database_options = BRIEF_WAIT
    server.start()
    # Ten end while it is unreachable, ten only afterwards.
    readers = ask_many(server, *[SHORT] * 10, *[MIDDLE] * 10)
    anna = server.person()
    time.sleep(1)

    with server.database_away():
        began = time.monotonic()
        time.sleep(5)
        late = Reader(anna, reply=readers[-1].reply)
        refused = anna.post(request_id=str(uuid.uuid4()), text="one more?", model=SHORT)
        assert refused.status_code == 503, refused.text
        assert refused.json()["error"]["code"] == "unavailable"
        time.sleep(max(0.0, began + 10 - time.monotonic()))
        ended = time.monotonic()
        assert set(server.statuses().values()) == {"streaming"}
        assert not any(reader.last_word for reader in readers)

    for reader in [*readers, late]:
        reader.join(20)
        assert not reader.lost
        assert reader.last_word["status"] == "complete"
        assert reader.text() == server.text_of(reader.reply)
    for reader in readers[10:]:
        # Text kept coming all the time.
        during = [at for at in reader.times if began < at < ended]
        assert max(b - a for a, b in pairwise(during)) < 2 + SLACK
        assert reader.text() == paced_text(260)
    assert {reader.text() for reader in readers[:10]} == {paced_text(60)}
    assert len(server.log("database is away: replies go on in memory")) == 1
    assert len(server.log("database is back")) == 1
    # Nothing but the question that could not be stored.
    assert all("database is locked" in complaint for complaint in server.complaints())


def test_the_log_tells_of_a_reply_that_could_not_be_saved_in_time(servers: Servers, upstream: FakeUpstream) -> None:
    server = servers.new(SAVE_PATIENCE_SECONDS="1")
    server.database_options = BRIEF_WAIT
    server.start()
    [reader] = ask_many(server, GATED)
    snapshot = reader.text()
    wait_until(lambda: server.rows("SELECT text FROM chat_piece") == [(snapshot,)], 3 + SLACK)

    with server.database_away():
        upstream.release()
        reader.join(20)

    assert reader.text() == paced_text(6)
    [lost] = server.log("reply not saved: only its snapshots are left")
    assert lost["reply"] == reader.reply
    [end] = server.log("reply ended")
    assert end["saved"] is False
    # It does not stay open: the next reader ends it, with what the snapshots have.
    wait_until(lambda: server.person().follow(reader.reply).end["status"] == "interrupted", 10)
    assert server.text_of(reader.reply).startswith(snapshot)


def test_an_answer_that_a_full_disk_does_not_take_is_never_told_as_kept(
    servers: Servers, upstream: FakeUpstream
) -> None:
    server = servers.new(SAVE_PATIENCE_SECONDS="1", LLM_MODEL=upstream.offer("huge/mb=0.5"))
    [[pages]] = server.rows("PRAGMA page_count")
    server.database_options = f"?init_command=PRAGMA+journal_mode%3DWAL%3B+PRAGMA+max_page_count%3D{pages + 20}%3B"
    anna = server.start().person()

    heard = anna.ask()

    assert heard.text() == huge_text(0.5)
    assert (heard.end["status"], heard.end["code"]) == ("failed", "storage_full")
    assert heard.end["message"] == "The server’s disk is full: this answer could not be stored. Copy it now."
    while (refusal := anna.post(request_id=str(uuid.uuid4()), text="x" * 20_000)).status_code != 503:
        pass
    assert refusal.json()["error"]["code"] == "storage_full"


def test_a_full_database_is_called_full(servers: Servers) -> None:
    server = servers.new()
    [[pages]] = server.rows("PRAGMA page_count")
    server.database_options = f"?init_command=PRAGMA journal_mode=WAL; PRAGMA max_page_count={pages + 4}"
    server.start()
    anna = server.person()

    answers = [anna.post(request_id=str(uuid.uuid4()), text="much " * 4000, model=SHORT) for _ in range(3)]

    refused = [answer.json()["error"] for answer in answers if answer.status_code == 503]
    assert refused
    assert {error["code"] for error in refused} == {"storage_full"}
    assert all("full" in error["message"] for error in refused)
    assert anna.http.get("/").status_code == 200
    readiness = anna.http.get("/readyz")
    assert (readiness.status_code, readiness.json()) == (503, {"status": "database is full"})
    [full] = server.log("database is full: replies go on in memory")
    assert "full" in full["reason"]
    assert server.log("database is away: replies go on in memory") == []
    assert server.complaints() == []


def test_sigterm_is_obeyed_while_the_database_is_away(servers: Servers) -> None:
    server = servers.new()
    server.database_options = BRIEF_WAIT
    server.start()
    readers = ask_many(server, *[LONG] * 20)

    with server.database_away():
        server.signal(signal.SIGTERM)
        # Five seconds for the last saves, then the readers are cut off.
        assert server.wait(5 + 3 + SLACK) == 0

    for reader in readers:
        reader.join(10)
        # Nobody is told of an end that is not saved.
        assert not reader.last_word
    assert {line["reply"] for line in server.log("reply not saved: the process ends")} == set(server.statuses())


def test_a_port_that_is_taken_is_told_in_one_line(servers: Servers) -> None:
    server = servers.new()
    with socket.socket() as other:
        other.bind(("127.0.0.1", server.port))
        other.listen()

        assert server.launch().wait(20) == 1

    [line] = server.log_text().splitlines()
    assert str(server.port) in line
    assert "in use" in line


def test_two_processes_on_one_database_tell_the_same(servers: Servers) -> None:
    here = servers.start()
    there = servers.new(here.database).start()
    [whole, stopped, orphan] = ask_many(here, SHORT, LONG, LONG)
    anna = there.person()
    elsewhere = [Reader(anna, reply=reader.reply) for reader in (whole, stopped, orphan)]

    answer = anna.http.post("/chat/stop", json={"reply": stopped.reply})

    assert answer.elapsed.total_seconds() < 5
    assert answer.json() == {"status": "stopped"}
    for reader in (whole, stopped, *elsewhere[:2]):
        reader.join(10)
        assert reader.text() == here.text_of(reader.reply)
    assert elsewhere[0].last_word == whole.last_word
    assert elsewhere[1].last_word == stopped.last_word

    here.kill()
    elsewhere[2].join(15)
    assert elsewhere[2].last_word["status"] == "interrupted"
    assert elsewhere[2].text() == there.text_of(orphan.reply)
    assert there.complaints() == []


def test_a_reader_through_another_process_does_not_hold_up_its_end(servers: Servers) -> None:
    here = servers.start()
    there = servers.new(here.database).start()
    [reader] = ask_many(here, LONG)
    elsewhere = Reader(there.person(), reply=reader.reply)
    elsewhere.wait_for_text()

    there.signal(signal.SIGTERM)

    assert there.wait(3 + SLACK) == 0
    elsewhere.join(10)
    # The reply goes on, so there is no end to report: the page reconnects, to a process that is alive.
    assert not elsewhere.last_word
    assert there.complaints() == []
    again = Reader(here.person(), reply=reader.reply, after=elsewhere.told.ids[-1])
    again.wait_for_text()
    here.signal(signal.SIGTERM)
    again.join(10)
    assert elsewhere.text() + again.text() == here.text_of(reader.reply)
