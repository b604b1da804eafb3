"""What people write stays out of PostgreSQL's log, with the options that compose.yaml gives it."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.postgres_server import PostgresServer

pytestmark = pytest.mark.services

ROOT = Path(__file__).parents[2]
TEXT = "xyzzy-what-somebody-asked"
TABLE = """
CREATE TABLE message (id int PRIMARY KEY, text text NOT NULL CHECK (length(text) < 100), number int, short varchar(5));
CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM 1 / 0; RETURN NEW; END $$;
INSERT INTO message VALUES (1, 'here', 1);
"""
# Statements as Django sends them, with their values, each of which fails in a way of its own.
FAILING = {
    "a unique constraint": f"INSERT INTO message VALUES (1, '{TEXT}')",
    "a check": f"INSERT INTO message VALUES (2, repeat('{TEXT}', 10))",
    "a null": f"INSERT INTO message VALUES (NULL, '{TEXT}')",
    "too long": f"INSERT INTO message VALUES (2, 'a', 1, '{TEXT}')",
    "arithmetic": f"INSERT INTO message VALUES (2, '{TEXT}', 1 / 0)",
    "a trigger": f"UPDATE message SET text = '{TEXT}' WHERE id = 1",
    "a time-out": f"SET statement_timeout = 50; INSERT INTO message SELECT 2, '{TEXT}' FROM pg_sleep(5)",
    "a syntax error": f"INSERT INTO message VALUE (2, '{TEXT}')",
    "a table that is not there": f"INSERT INTO messages VALUES (2, '{TEXT}')",
}


def options() -> dict[str, str]:
    """Those of the container's command."""
    compose = (ROOT / "compose.yaml").read_text()
    return dict(re.findall(r"^ +- -c(log_\w+)=(\w+)$", compose, re.MULTILINE))


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer(**options()) as postgres:
        postgres.execute(TABLE)
        postgres.execute("CREATE TRIGGER fails BEFORE UPDATE ON message FOR EACH ROW EXECUTE FUNCTION fails()")
        yield postgres


@pytest.mark.parametrize("statement", FAILING.values(), ids=FAILING)
def test_a_statement_that_fails_is_logged_without_its_values(postgres: PostgresServer, statement: str) -> None:
    before = postgres.log_size()

    with pytest.raises(psycopg.Error):
        postgres.execute(statement)

    log = postgres.log_text(after=before)
    assert "ERROR" in log
    assert TEXT not in log


def test_so_is_one_with_parameters(postgres: PostgresServer) -> None:
    before = postgres.log_size()

    with pytest.raises(psycopg.Error):
        postgres.execute("INSERT INTO message VALUES (1, %s)", "postgres", TEXT)

    assert "ERROR" in postgres.log_text(after=before)
    assert TEXT not in postgres.log_text(after=before)


def test_a_wait_for_a_lock_that_is_given_up_is_logged_without_its_values(postgres: PostgresServer) -> None:
    postgres.execute("INSERT INTO message VALUES (10, 'a'), (11, 'b') ON CONFLICT DO NOTHING")
    before = postgres.log_size()
    one, other = (psycopg.connect(postgres.url("postgres")) for _ in range(2))
    with one, other:
        one.execute("SELECT 1 FROM message WHERE id = 10 FOR UPDATE")
        other.execute("SELECT 1 FROM message WHERE id = 11 FOR UPDATE")
        other.execute("SET lock_timeout = 100")
        with pytest.raises(psycopg.Error):
            other.execute(f"DELETE FROM message WHERE id = 10 AND text <> '{TEXT}'")
        other.rollback()
        one.rollback()

    assert "ERROR" in postgres.log_text(after=before)
    assert TEXT not in postgres.log_text(after=before)
