"""What a question costs the database until the model is asked, as PostgreSQL itself counts it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, postgres_with_template
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.postgres_server import PostgresServer
from tests.support.process import ServerProcess
from tests.support.redis_server import RedisServer
from tests.support.site import Person, events_of

pytestmark = pytest.mark.services

# One of them counts the questions of this minute.
MOST = 9
GATED = "gated/tokens=1"
# These only delimit a transaction.
BRACKETS = {"BEGIN", "COMMIT"}
# Once a second a process looks whether the logins of its streams are still there: no part of a question.
WATCH = 'SELECT "django_session"."session_key" AS'


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_with_template(log_statement="all") as postgres:
        yield postgres


@pytest.fixture
def server(tmp_path: Path, upstream: FakeUpstream, postgres: PostgresServer) -> Iterator[ServerProcess]:
    upstream.forget()
    upstream.offer(GATED)
    with RedisServer(tmp_path) as redis:
        cluster = Cluster(tmp_path, upstream, postgres, redis)
        yield cluster.start()
        cluster.stop()


def first_queries_of(anna: Person, postgres: PostgresServer, upstream: FakeUpstream, **fields: str) -> list[str]:
    """Return the queries up to the upstream's first token, where the model waits and nothing else is running."""
    began, asked = postgres.log_size(), len(upstream.chats)
    with anna.asking(model=GATED, **fields) as response:
        upstream.wait_for_request(number=asked + 1)
        statements = postgres.statements(after=began)
        upstream.release()
        assert [event for _, event in events_of(response)][-1]["status"] == "complete"
    return [one for one in statements if one not in BRACKETS and not one.startswith(WATCH)]


def test_a_question_costs_few_queries(server: ServerProcess, postgres: PostgresServer, upstream: FakeUpstream) -> None:
    anna = server.person()
    # The first questions of a process pay for its connections: each thread has its own, and keeps it.
    conversations = [str(anna.ask(model="echo").events[0]["conversation"]) for _ in range(16)]

    new = first_queries_of(anna, postgres, upstream)
    existing = first_queries_of(anna, postgres, upstream, conversation=conversations[0])

    for statements in (new, existing):
        assert 5 <= len(statements) <= MOST, "\n".join(statements)
