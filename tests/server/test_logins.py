"""An open stream ends with its login, however that ends, in whichever process, and the reply goes on."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_upstream.server import FakeUpstream
from tests.support.process import Reader, ServerProcess, Servers, session_of, wait_until

pytestmark = pytest.mark.process

GATED = "gated/tokens=3"
# The promise is a second; a busy machine may take longer.
SOON = 5.0

Ending = Callable[[ServerProcess], None]


def change(server: ServerProcess, statement: str, *values: Any) -> None:
    """Past the server, as from a console or from another process."""
    with contextlib.closing(sqlite3.connect(server.database, timeout=10)) as connection, connection:
        connection.execute(statement, values)


def log_out(server: ServerProcess) -> None:
    assert server.person().http.post("/accounts/logout/").status_code == 302


def lose_session(server: ServerProcess) -> None:
    change(server, "DELETE FROM django_session WHERE session_key = ?", session_of("anna"))


def expire(server: ServerProcess) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    change(server, "UPDATE django_session SET expire_date = ?", past.strftime("%Y-%m-%d %H:%M:%S"))


def change_password(server: ServerProcess) -> None:
    change(server, "UPDATE chat_user SET password = 'another' WHERE username = 'anna'")


def deactivate(server: ServerProcess) -> None:
    change(server, "UPDATE chat_user SET is_active = 0 WHERE username = 'anna'")


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory, migrated: Path, upstream: FakeUpstream
) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    """Two processes on one database, without Redis: neither hears of the other."""
    upstream.offer(GATED)
    servers = Servers(tmp_path_factory.mktemp("logins"), migrated, upstream)
    first = servers.start()
    yield first, servers.new(first.database).start()
    servers.stop()


@pytest.fixture
def server(pair: tuple[ServerProcess, ServerProcess]) -> Iterator[ServerProcess]:
    """The first of them; Anna is logged in again behind the test."""
    first, _ = pair
    sessions = first.rows("SELECT session_key, session_data, expire_date FROM django_session")
    yield first
    change(first, "UPDATE chat_user SET password = '', is_active = 1")
    for session in sessions:
        change(first, "INSERT OR REPLACE INTO django_session VALUES (?, ?, ?)", *session)


@pytest.mark.parametrize("end", [log_out, lose_session, expire, change_password, deactivate])
def test_it_tells_its_readers_and_the_reply_goes_on(
    end: Ending, server: ServerProcess, pair: tuple[ServerProcess, ServerProcess], upstream: FakeUpstream
) -> None:
    anna = server.person()
    asker = Reader(anna, GATED)
    asker.wait_for_text()
    readers = [asker, Reader(anna, reply=asker.reply), Reader(pair[1].person(), reply=asker.reply)]
    for reader in readers:
        reader.wait_for_text()

    end(server)
    for reader in readers:
        reader.join(SOON)
        assert not reader.is_alive()
        assert not reader.lost
        assert reader.told.events[-1]["type"] == "login_ended"
        assert reader.told.events[-1]["message"]
    assert anna.http.get("/chat/stream", params={"reply": asker.reply}).status_code == 401

    upstream.release()
    wait_until(lambda: server.statuses()[asker.reply] == "complete", 10)
    heard = asker.text()
    assert heard
    assert server.text_of(asker.reply).startswith(heard)
    assert len(server.text_of(asker.reply)) > len(heard)


def test_whoever_is_still_logged_in_reads_on(server: ServerProcess, upstream: FakeUpstream) -> None:
    anna, boris = Reader(server.person(), GATED), Reader(server.person("boris"), GATED)
    for reader in (anna, boris):
        reader.wait_for_text()

    lose_session(server)
    anna.join(SOON)
    upstream.release(2)
    boris.join(10)

    assert anna.told.events[-1]["type"] == "login_ended"
    assert boris.last_word["status"] == "complete"


def test_after_a_new_login_the_reader_goes_on_from_its_cursor(server: ServerProcess, upstream: FakeUpstream) -> None:
    reader = Reader(server.person(), GATED)
    reader.wait_for_text()
    sessions = server.rows("SELECT session_key, session_data, expire_date FROM django_session")
    lose_session(server)
    reader.join(SOON)
    for session in sessions:
        change(server, "INSERT OR REPLACE INTO django_session VALUES (?, ?, ?)", *session)

    upstream.release()
    rest = server.person().follow(reader.reply, after=reader.told.ids[-1])

    assert rest.end["status"] == "complete"
    assert reader.text() + rest.text() == server.text_of(reader.reply)


def test_while_the_database_is_away_nobody_is_dismissed(server: ServerProcess, upstream: FakeUpstream) -> None:
    reader = Reader(server.person(), GATED)
    reader.wait_for_text()
    with server.database_away():
        reader.join(2)
    upstream.release()
    reader.join(20)

    assert reader.last_word["status"] == "complete"
