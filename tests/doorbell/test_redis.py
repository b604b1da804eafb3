"""The doorbell between several web processes, and what happens to it when Redis is unreachable."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.support.bell import Bell
from tests.support.process import ServerProcess, Servers, wait_until
from tests.support.redis_server import RedisServer
from tests.support.site import Person

pytestmark = pytest.mark.services

AWAY, BACK = "doorbell is away: tabs ask by themselves", "doorbell is back"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    redis = RedisServer(tmp_path)
    redis.start()
    yield redis
    redis.stop()


@pytest.fixture
def server(servers: Servers, redis: RedisServer) -> ServerProcess:
    return servers.start(REDIS_URL=redis.url)


def seconds_of(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def opens(anna: Person) -> bool:
    try:
        Bell(anna).close()
    except aiohttp.WSServerHandshakeError:
        return False
    return True


def rings(anna: Person, bell: Bell) -> bool:
    told = anna.ask()
    try:
        while bell.hear_of("changed", 1)["reply"] != told.reply:
            pass
    except TimeoutError:
        return False
    return True


def test_a_question_to_one_process_rings_at_the_other(servers: Servers, server: ServerProcess) -> None:
    other = servers.new(database=server.database, **server.settings).start()
    with Bell(other.person()) as bell, Bell(other.person("boris")) as his:
        his.hear()
        told = server.person().ask()
        assert bell.hear_of("running")["reply"] == bell.hear_of("changed")["reply"] == told.reply
        assert his.hears_nothing()


def test_a_logout_at_one_process_closes_the_socket_at_the_other(servers: Servers, server: ServerProcess) -> None:
    other = servers.new(database=server.database, **server.settings).start()
    with Bell(other.person()) as bell:
        bell.hear()
        server.person().http.post("/accounts/logout/")
        assert bell.close_code() == 4401


def test_without_redis_questions_are_answered_as_ever_and_one_warning_says_so(
    server: ServerProcess, redis: RedisServer
) -> None:
    anna = server.person()
    with Bell(anna) as bell:
        bell.hear()
        usual = seconds_of(anna.ask)
        assert bell.hear_of("changed")
        redis.stop()
        assert seconds_of(anna.ask) < usual + 1
        for _ in range(4):
            anna.ask()
        assert not opens(anna), "a tab is not told that all is well"
        assert anna.http.get("/chat/changes", params={"since": 0}).json()["conversations"], "and asks by itself"
        redis.start()
        wait_until(lambda: opens(anna), 15)
        wait_until(lambda: rings(anna, bell), 15)
    assert [line["level"] for line in server.log(AWAY)] == ["WARNING"]
    assert len(server.log(BACK)) == 1
    assert not server.complaints()


def test_a_redis_that_hangs_holds_up_nobody(server: ServerProcess, redis: RedisServer) -> None:
    anna = server.person()
    with Bell(anna) as bell:
        bell.hear()
        usual = seconds_of(anna.ask)
        redis.freeze()
        for _ in range(5):
            assert seconds_of(anna.ask) < usual + 1
        wait_until(lambda: bool(server.log(AWAY)), 5)
        assert seconds_of(lambda: opens(anna)) < 5
        server.signal()
        assert server.wait(15) == 0
    assert len(server.log(AWAY)) == 1


def test_a_server_that_ends_asks_its_tabs_to_come_again(server: ServerProcess) -> None:
    anna = server.person()
    bells = [Bell(anna) for _ in range(20)]
    for bell in bells:
        bell.hear()
    server.signal()
    assert {bell.close_code() for bell in bells} == {1012}
    assert seconds_of(lambda: server.wait(10)) < 3
    for bell in bells:
        bell.close()
    assert not server.complaints()
