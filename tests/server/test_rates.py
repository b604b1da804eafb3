"""How many questions may be asked in a minute, counted over all processes; what was typed stays."""

import contextlib
import sqlite3
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.fake_upstream.server import FakeUpstream
from tests.support.process import ServerProcess, Servers
from tests.support.site import Person

pytestmark = pytest.mark.process

FEW, OF_ADDRESS = 4, 6
TYPED = "typed with care"
Pair = tuple[ServerProcess, ServerProcess]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, migrated: Path, upstream: FakeUpstream) -> Iterator[Pair]:
    """Two processes on one database, without Redis."""
    servers = Servers(tmp_path_factory.mktemp("rates"), migrated, upstream)
    limits = {"LIMIT_QUESTIONS_PER_MINUTE": str(FEW), "LIMIT_QUESTIONS_PER_MINUTE_PER_ADDRESS": str(OF_ADDRESS)}
    limits["TRUSTED_PROXIES"] = "127.0.0.1"
    first = servers.start(**limits)
    yield first, servers.new(first.database, **limits).start()
    servers.stop()


@pytest.fixture(autouse=True)
def nothing_asked_yet(pair: Pair) -> None:
    """The counters start again with each minute: none may begin while a test counts."""
    left = 60 - time.time() % 60
    if left < 15:
        time.sleep(left + 0.1)
    change(pair, "DELETE FROM chat_rate")


def change(pair: Pair, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(pair[0].database, timeout=10)) as connection, connection:
        connection.execute(statement)


def at(server: ServerProcess, address: str, name: str = "anna") -> Person:
    person = server.person(name)
    person.http.headers["X-Forwarded-For"] = address
    return person


def asked(person: Person, **fields: Any) -> httpx.Response:
    body = {"request_id": str(uuid.uuid4()), "text": TYPED, "model": "echo"}
    return person.post(**(body | fields))


def assert_too_fast(response: httpx.Response) -> None:
    assert response.status_code == 429
    assert 1 <= int(response.headers["Retry-After"]) <= 60


def use_up(people: list[Person]) -> list[str]:
    """The request_ids that were asked."""
    ids = [str(uuid.uuid4()) for _ in range(FEW)]
    responses = [asked(people[number % len(people)], request_id=id_) for number, id_ in enumerate(ids)]
    assert [response.status_code for response in responses] == [200] * FEW
    return ids


def test_one_user_has_a_number_over_all_processes_and_addresses(pair: Pair) -> None:
    people = [at(pair[0], "203.0.113.1"), at(pair[1], "203.0.113.2")]
    use_up(people)

    for person in people:
        refused = asked(person)
        assert_too_fast(refused)
        assert refused.json()["error"]["code"] == "too_fast"
        assert refused.headers["Retry-After"] in refused.json()["error"]["message"]
    assert asked(at(pair[0], "203.0.113.3", "boris")).status_code == 200
    assert pair[0].complaints() == []


def test_retries_and_edits_count_too(pair: Pair) -> None:
    anna = at(pair[0], "203.0.113.1")
    told = anna.ask(model="echo")
    kinds = [{"retry": told.reply, "text": None}, {"edit": told.events[0]["question"]}]
    statuses = [asked(anna, **kinds[number % 2]).status_code for number in range(FEW)]

    assert statuses == [200] * (FEW - 1) + [429]


def test_the_same_question_again_is_the_same_reply_and_never_refused(pair: Pair) -> None:
    anna = at(pair[0], "203.0.113.1")
    ids = use_up([anna])

    again = [asked(anna, request_id=id_) for id_ in ids]
    assert [response.status_code for response in again] == [200] * FEW


def test_one_address_has_a_number_whoever_asks(pair: Pair) -> None:
    network = ["2001:db8:7:7::1", "2001:db8:7:7:ffff::2"]
    use_up([at(pair[0], network[0])])
    boris = at(pair[1], network[1], "boris")
    statuses = [asked(boris).status_code for _ in range(OF_ADDRESS - FEW + 1)]

    assert statuses == [200] * (OF_ADDRESS - FEW) + [429]
    assert asked(at(pair[1], "2001:db8:7:8::1", "boris")).status_code == 200


def test_a_new_minute_begins_at_nothing(pair: Pair) -> None:
    anna = at(pair[0], "203.0.113.1")
    use_up([anna])
    assert_too_fast(asked(anna))
    change(pair, "UPDATE chat_rate SET minute = minute - 1")

    use_up([anna])
    assert_too_fast(asked(anna))


# --- What was typed stays -------------------------------------------------------------------------------------------


def test_a_plain_form_comes_back_with_the_question(pair: Pair) -> None:
    anna = at(pair[0], "203.0.113.1")
    use_up([anna])
    form = {"text": TYPED, "request_id": str(uuid.uuid4()), "csrfmiddlewaretoken": "t" * 32}

    response = anna.http.post("/chat/", data=form)

    assert_too_fast(response)
    assert TYPED in response.text


def test_presets_count_too_and_what_was_typed_stays(pair: Pair) -> None:
    anna = at(pair[0], "203.0.113.1")
    forms = [{"name": f"{TYPED} {number} {uuid.uuid4()}", "instructions": TYPED} for number in range(FEW + 1)]

    responses = [anna.http.post("/settings/presets/new/", data=form) for form in forms]

    assert [response.status_code for response in responses[:-1]] == [303] * FEW
    assert_too_fast(responses[-1])
    assert forms[-1]["name"] in responses[-1].text
    assert pair[0].rows("SELECT name FROM chat_preset WHERE name = ?", forms[-1]["name"]) == []


# --- Settings -------------------------------------------------------------------------------------------------------


def test_zero_is_no_limit(servers: Servers) -> None:
    none = {"LIMIT_QUESTIONS_PER_MINUTE": "0", "LIMIT_QUESTIONS_PER_MINUTE_PER_ADDRESS": "0"}
    server = servers.start(**none)
    anna = server.person()

    assert {asked(anna).status_code for _ in range(40)} == {200}
    assert server.rows("SELECT * FROM chat_rate") == []
