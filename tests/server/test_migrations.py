"""Migrations on a table that is large, beside a process of the version before that goes on writing."""

import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.postgres_server import PostgresServer
from tests.support.process import ROOT, environment

pytestmark = pytest.mark.services

# As many as take seconds; `make test-migrations` takes 300,000, which takes minutes.
MESSAGES = int(os.environ.get("MIGRATED_MESSAGES", "20000"))
# The first version whose tables may have been large.
OLDEST = "0003"
MOST_SECONDS = 1.0
FILL = """
INSERT INTO chat_user (id, username, password, is_superuser, first_name, last_name, email, is_staff, is_active,
    date_joined, language, theme, timezone, instructions, model, change)
VALUES (gen_random_uuid(), 'anna', '', false, '', '', '', false, true, now(), '', 'system', '', '', '', 0);
INSERT INTO chat_conversation (id, owner_id, title, title_source, change, created_at, last_message_at, instructions,
    parameters, model)
SELECT gen_random_uuid(), chat_user.id, 'A talk about foxes ' || n, 'question', n, now(), now(), '', '{}', ''
FROM chat_user, generate_series(1, %(messages)s / 10) AS n;
INSERT INTO chat_message (id, conversation_id, owner_id, role, number, text, reasoning, source, request_id,
    request_digest, created_at)
SELECT gen_random_uuid(), talk.id, talk.owner_id, 'user', n, repeat('Foxes ' || n || ' are animals of the woods. ', 20),
    '', 'web', gen_random_uuid(), '', now() - n * interval '1 second'
FROM chat_conversation AS talk, generate_series(1, 10) AS n;
ANALYZE;
"""
WRITE = """
INSERT INTO chat_message (id, conversation_id, owner_id, role, number, text, reasoning, source, request_id,
    request_digest, created_at)
SELECT %(id)s, id, owner_id, 'user', %(number)s, 'A question from beside', '', 'web', gen_random_uuid(), '', now()
FROM chat_conversation WHERE change = 1
"""
CHANGE = "UPDATE chat_message SET text = text || ' changed' WHERE conversation_id = %s AND number = 1"


class Writer(threading.Thread):
    """Asks and changes, statement after statement, until it is told to stop; `longest` is what it had to wait."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url, self._is_over = url, threading.Event()
        self.longest, self.written = 0.0, 0

    def run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            talks = [row[0] for row in connection.execute("SELECT id FROM chat_conversation LIMIT 50")]
            while not self._is_over.wait(0.01):
                self._time(connection, WRITE, {"id": uuid.uuid4(), "number": 100 + self.written})
                self._time(connection, CHANGE, (talks[self.written % len(talks)],))
                self.written += 1

    def _time(self, connection: psycopg.Connection[Any], statement: str, values: Any) -> None:
        began = time.monotonic()
        connection.execute(statement, values)
        self.longest = max(self.longest, time.monotonic() - began)

    def stop(self) -> None:
        self._is_over.set()
        self.join(30)


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer(max_wal_size="4GB") as postgres:
        yield postgres


def migrate(postgres: PostgresServer, name: str, *target: str) -> "subprocess.Popen[bytes]":
    env = environment(Path(), DATABASE_URL=postgres.url(name))
    return subprocess.Popen([sys.executable, "manage.py", "migrate", "-v0", *target], cwd=ROOT, env=env)


def filled(postgres: PostgresServer) -> str:
    name = f"filled_{uuid.uuid4().hex}"
    postgres.execute(f"CREATE DATABASE {name}")
    assert migrate(postgres, name, "chat", OLDEST).wait(60) == 0
    assert migrate(postgres, name, "sessions").wait(60) == 0
    statements = FILL.replace("%(messages)s", str(MESSAGES))
    postgres.execute(statements, name)
    return name


def unindexed(postgres: PostgresServer, name: str) -> list[tuple[Any, ...]]:
    """Messages and titles without a place in the index, or with that of another text."""
    return postgres.execute(
        """
        SELECT message.id FROM chat_message AS message
        LEFT JOIN chat_searchdocument AS document ON document.message = message.id
        WHERE document.id IS NULL OR vector <> chat_search_vector(owner_id, document.id, text)
        UNION ALL
        SELECT talk.id FROM chat_conversation AS talk
        LEFT JOIN chat_searchdocument AS document ON document.conversation = talk.id AND message IS NULL
        WHERE document.id IS NULL OR vector <> chat_search_vector(owner_id, document.id, title)
        """,
        name,
    )


def test_nobody_waits_for_longer_than_a_second(postgres: PostgresServer) -> None:
    name = filled(postgres)
    writer = Writer(postgres.url(name))
    writer.start()

    assert migrate(postgres, name).wait(1800) == 0

    writer.stop()
    assert writer.written > 10
    assert writer.longest < MOST_SECONDS
    assert unindexed(postgres, name) == []


def test_one_that_was_cut_off_begins_again(postgres: PostgresServer) -> None:
    name = filled(postgres)
    killed = migrate(postgres, name)
    deadline = time.monotonic() + 60
    while not _has_begun_to_fill(postgres, name):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    killed.kill()
    killed.wait(10)
    assert unindexed(postgres, name)

    assert migrate(postgres, name).wait(1800) == 0

    assert unindexed(postgres, name) == []


def _has_begun_to_fill(postgres: PostgresServer, name: str) -> bool:
    [[is_there]] = postgres.execute("SELECT to_regclass('chat_searchdocument') IS NOT NULL", name)
    return bool(is_there and postgres.execute("SELECT 1 FROM chat_searchdocument LIMIT 1", name))


def test_a_lock_that_it_cannot_have_ends_it_instead_of_making_others_wait(postgres: PostgresServer) -> None:
    """A dump reads all tables for as long as it takes, and whoever comes after who waits for it would wait, too."""
    name = f"locked_{uuid.uuid4().hex}"
    postgres.execute(f"CREATE DATABASE {name}")
    assert migrate(postgres, name, "chat", "0006").wait(60) == 0

    with psycopg.connect(postgres.url(name)) as dump:
        dump.execute("SELECT 1 FROM chat_generation")
        assert migrate(postgres, name, "chat", "0007").wait(60) != 0

    assert migrate(postgres, name).wait(60) == 0
