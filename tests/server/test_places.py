"""No user and no address can use up the connections of all, over real TCP and in a process of its own."""

import json
import resource
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.support.bell import Bell
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.process import ServerProcess, Servers, wait_until
from tests.support.raw_answers import RawAnswer, Wire
from tests.support.site import Person

pytestmark = pytest.mark.process

GATED = "gated/tokens=3"
FEW = 3
NOT_THERE = "7e0a3a39-54b7-4c52-ae0c-3f0e4ad44ea3"
TOO_MANY = 4429


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, migrated: Path, upstream: FakeUpstream) -> Iterator[ServerProcess]:
    """One for all of them: each must leave it as it was."""
    upstream.offer(GATED)
    servers = Servers(tmp_path_factory.mktemp("places"), migrated, upstream)
    yield servers.start(MAX_STREAMS_PER_USER=str(FEW))
    servers.stop()


@pytest.fixture
def reply(server: ServerProcess, upstream: FakeUpstream) -> Iterator[str]:
    """Of Anna's, and still growing."""
    with server.person().asking(model=GATED) as response:
        start = next(line for line in response.iter_lines() if line.startswith("data:"))
    yield json.loads(start.removeprefix("data:"))["reply"]
    upstream.release()


def attached(person: Person, reply: str, stack: ExitStack) -> httpx.Response:
    response = stack.enter_context(person.http.stream("GET", "/chat/stream", params={"reply": reply}))
    if response.status_code != 200:
        response.read()
    return response


def all_free(server: ServerProcess, reply: str) -> bool:
    anna = server.person()
    with ExitStack() as stack:
        return {attached(anna, reply, stack).status_code for _ in range(FEW)} == {200}


def test_one_user_has_a_number_of_streams_and_gets_them_back(server: ServerProcess, reply: str) -> None:
    anna = server.person()
    wait_until(lambda: all_free(server, reply), 10)

    with ExitStack() as stack:
        open_ones = [attached(anna, reply, stack) for _ in range(FEW)]
        refused = [attached(anna, reply, stack) for _ in range(5)]
        asked = anna.post(request_id=NOT_THERE, text="one more?")

        assert {response.status_code for response in open_ones} == {200}
        assert {response.status_code for response in [*refused, asked]} == {429}
        assert asked.json()["error"]["code"] == "too_many_streams"
        assert asked.json()["error"]["message"]
        assert int(asked.headers["Retry-After"]) > 0
        assert server.person("boris").ask().end["status"] == "complete"

    wait_until(lambda: all_free(server, reply), 10)
    assert server.complaints() == []


@pytest.mark.parametrize("reply", ["nothing", NOT_THERE])
def test_what_fails_gives_its_place_back(reply: str, server: ServerProcess) -> None:
    anna, path = server.person(), f"/chat/stream?reply={reply}"
    assert {anna.http.get(path).status_code for _ in range(3 * FEW)} <= {400, 404}


def test_one_user_has_a_number_of_tabs(server: ServerProcess) -> None:
    anna = server.person()
    with ExitStack() as stack:
        for _ in range(FEW):
            stack.enter_context(Bell(anna)).hear()
        one_more = stack.enter_context(Bell(anna))
        assert one_more.close_code() == TOO_MANY
        assert stack.enter_context(Bell(server.person("boris"))).hear()

    wait_until(lambda: may_listen(anna), 10)
    assert server.complaints() == []


def may_listen(person: Person) -> bool:
    with Bell(person) as bell:
        try:
            return bool(bell.hear())
        except AssertionError:
            return False


# --- One address ----------------------------------------------------------------------------------------------------


def connections(server: ServerProcess, count: int, stack: ExitStack) -> list[Wire]:
    return [stack.enter_context(Wire(server.base_url)) for _ in range(count)]


def test_one_address_has_a_number_of_connections(servers: Servers) -> None:
    server = servers.start(MAX_CONNECTIONS_PER_ADDRESS="20")
    with ExitStack() as stack:
        connections(server, 20, stack)
        refused = stack.enter_context(Wire(server.base_url)).answer()
        assert error_of(refused) == (429, "too_many_connections")
        assert int(refused.headers["retry-after"]) > 0

    wait_until(lambda: server.readiness() == 200, 10)
    assert server.complaints() == []


def error_of(answer: RawAnswer) -> tuple[int, str]:
    return answer.status, json.loads(answer.body)["error"]["code"]


def test_websockets_are_counted_for_as_long_as_they_are_open(servers: Servers) -> None:
    server = servers.start(MAX_CONNECTIONS_PER_ADDRESS="5")
    for _ in range(10):
        with Bell(server.person()) as bell:
            bell.hear()
    for person in server.people:
        person.http.close()

    wait_until(lambda: server.readiness() == 200, 10)


def test_a_proxy_has_the_connections_of_everybody_and_each_client_its_own(servers: Servers) -> None:
    server = servers.start(MAX_CONNECTIONS_PER_ADDRESS="2", TRUSTED_PROXIES="127.0.0.1")

    with ExitStack() as stack:
        connections(server, 20, stack)
        of_one, of_another = {"X-Forwarded-For": "203.0.113.1"}, {"X-Forwarded-For": "203.0.113.2"}
        for _ in range(2):
            stack.enter_context(Bell(server.person(), **of_one)).hear()
        assert stack.enter_context(Bell(server.person("boris"), **of_one)).close_code() == TOO_MANY
        assert stack.enter_context(Bell(server.person("boris"), **of_another)).hear()


# --- Descriptors ----------------------------------------------------------------------------------------------------


def test_the_limit_of_open_files_is_the_hard_one(server: ServerProcess) -> None:
    soft, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    assert soft == hard


def test_it_warns_once_when_they_run_out(servers: Servers) -> None:
    server = servers.start()
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (400, 400))
    with ExitStack() as stack:
        connections(server, 310, stack)
        wait_until(lambda: bool(server.log("open files are running out")), 15)
        assert server.readiness() == 200

    wait_until(lambda: bool(server.log("there are enough open files again")), 15)
    assert len(server.log("open files are running out")) == 1
