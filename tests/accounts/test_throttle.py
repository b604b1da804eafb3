"""What guesses cost, whoever makes them and from wherever, and whom they do not keep out."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from django.core import signing
from django.test import Client

from chat.accounts import known_browsers
from chat.models import LoginFailures
from chat.models import login as stored_logins
from tests.accounts.forms import is_logged_in, log_in
from tests.support.factories import make_user
from tests.support.process import Servers
from tests.support.site import Site


def addresses(kind: str) -> Iterator[str]:
    """Addresses that have nothing in common but what `kind` says."""
    for number in range(1, 250):
        yield {
            "one /48": f"2001:db8:7:{number:x}::1",
            "one /24": f"198.51.100.{number}",
            "everywhere": f"{number}.{number}.0.1" if number % 2 else f"2001:{number:x}::1",
        }[kind]


def guesses_let_through(kind: str, names: Callable[[int], str], tries: int, each: int = 1) -> int:
    """How many of many tries had their password looked at, with no time passing."""
    statuses = [
        log_in(Client(), "wrong", names(number), REMOTE_ADDR=address).status_code
        for number, address in zip(range(tries // each), addresses(kind), strict=False)
        for _ in range(each)
    ]
    assert set(statuses) <= {200, 429}
    return statuses.count(200)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["one /48", "one /24", "everywhere"])
def test_guesses_at_one_account_are_slowed_from_wherever_they_come(kind: str) -> None:
    make_user()
    assert guesses_let_through(kind, lambda _: "anna", 100, each=4) == 20


@pytest.mark.django_db
def test_an_account_sees_fewer_than_a_hundred_guesses_an_hour(wait: Callable[[float], None]) -> None:
    make_user()
    let_through = 0
    began, sources = time.time(), addresses("everywhere")
    while time.time() < began + 3600:
        response = log_in(Client(), "wrong", REMOTE_ADDR=next(sources))
        let_through += response.status_code == 200
        wait(float(response.headers.get("Retry-After", 0)))
    assert 20 < let_through < 100


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["one /48", "one /24"])
def test_guesses_at_many_accounts_are_slowed_for_the_wider_network(kind: str) -> None:
    make_user()
    assert guesses_let_through(kind, lambda number: f"name{number}", 120) == 100


@pytest.mark.django_db
@pytest.mark.parametrize("spelling", ["ANNA", " anna ", "ａｎｎａ", "ＡＮＮＡ", "aｎnA"])
def test_every_spelling_of_a_name_is_one_name(client: Client, spelling: str) -> None:
    make_user()
    for _ in range(5):
        log_in(client, "wrong", spelling)
    assert log_in(client).status_code == 429


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["same address", "everywhere"])
def test_a_browser_that_has_logged_in_before_is_kept_out_by_nobody(kind: str) -> None:
    make_user()
    browser = Client()
    log_in(browser)
    browser.post("/accounts/logout/")
    for number, address in zip(range(100), addresses("everywhere"), strict=False):
        if kind == "everywhere":
            log_in(Client(), "wrong", REMOTE_ADDR=address)
        else:
            log_in(Client(), "wrong", f"name{number}")
    assert log_in(Client()).status_code == 429
    assert log_in(browser).status_code == 302


@pytest.mark.django_db
def test_it_is_slowed_by_its_own_failures(wait: Callable[[float], None]) -> None:
    make_user()
    browser = Client()
    log_in(browser)
    for _ in range(5):
        assert log_in(browser, "wrong").status_code == 200
    assert log_in(browser).status_code == 429
    assert log_in(Client()).status_code == 302, "and nobody else by them"
    wait(2)
    assert log_in(browser).status_code == 302


@pytest.mark.django_db
def test_it_is_known_for_the_names_that_logged_in_and_no_other() -> None:
    make_user()
    make_user("boris")
    browser = Client()
    log_in(browser, name="boris")
    for address in list(addresses("everywhere"))[:20]:
        log_in(Client(), "wrong", REMOTE_ADDR=address)
    assert log_in(browser).status_code == 429
    log_in(browser, name="boris")
    assert is_logged_in(browser)


@pytest.mark.django_db
def test_several_people_share_a_browser() -> None:
    browser = Client()
    people = [make_user(f"user{number}") for number in range(7)]
    for user in people:
        assert log_in(browser, name=user.username).status_code == 302
    marks = signing.loads(browser.cookies[known_browsers.COOKIE].value, salt=known_browsers.SALT)
    assert len(marks) == known_browsers.MOST_NAMES


@pytest.mark.django_db
@pytest.mark.parametrize(
    "cookie",
    ["", "x", "a:b:c", signing.dumps({"anna": "x"}), signing.dumps({}, salt="other")],
    ids=["empty", "a-letter", "no-signature", "signed-for-others", "empty-and-signed-for-others"],
)
def test_a_forged_mark_opens_nothing(cookie: str) -> None:
    make_user()
    for address in list(addresses("everywhere"))[:20]:
        log_in(Client(), "wrong", REMOTE_ADDR=address)
    browser = Client()
    browser.cookies[known_browsers.COOKIE] = cookie
    assert log_in(browser).status_code == 429


@pytest.mark.django_db
@pytest.mark.parametrize("https", [False, True])
def test_no_script_reads_the_mark(client: Client, settings: Any, https: bool) -> None:
    make_user()
    settings.HTTPS = https
    log_in(client)
    cookie = client.cookies[known_browsers.COOKIE]
    assert (cookie["httponly"], bool(cookie["secure"]), cookie["samesite"]) == (True, https, "Lax")
    assert "anna" not in cookie.value


@pytest.mark.django_db
def test_a_refused_attempt_writes_nothing(client: Client, django_assert_num_queries: Any) -> None:
    make_user()
    for _ in range(5):
        log_in(client, "wrong")
    # Whether there are accounts, and the counters.
    with django_assert_num_queries(2):
        assert log_in(client).status_code == 429


@pytest.mark.django_db
def test_counters_are_deleted_when_they_have_expired_and_when_there_are_too_many(
    client: Client, wait: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_user()
    for number in range(10):
        log_in(client, "wrong", f"name{number}")
    log_in(client, "wrong", "name0")
    monkeypatch.setattr(stored_logins, "MOST_COUNTERS", 4)
    LoginFailures.objects.purge()
    kept = sorted(LoginFailures.objects.values_list("failures", flat=True))
    assert (len(kept), kept[2:]) == (4, [11, 11]), "those of the network, with the most failures"
    wait(3601)
    LoginFailures.objects.purge()
    assert not LoginFailures.objects.exists()


# --- Between processes ------------------------------------------------------------------------------------------------


def log_in_at(base_url: str, password: str) -> int:
    token = "t" * 32
    body = {"username": "anna", "password": password, "csrfmiddlewaretoken": token}
    url = f"{base_url}/accounts/login/"
    return httpx.post(url, data=body, cookies={"csrftoken": token}, verify=False, timeout=20).status_code


def test_of_many_guesses_at_once_no_more_are_let_through(site: Site) -> None:
    make_user()
    with ThreadPoolExecutor(20) as threads:
        statuses = list(threads.map(lambda _: log_in_at(site.base_url, "wrong"), range(20)))
    assert (statuses.count(200), statuses.count(429)) == (5, 15)


@pytest.mark.process
def test_all_processes_count_together_and_a_restart_forgets_nothing(servers: Servers) -> None:
    one = servers.start()
    two = servers.new(one.database).start()
    assert [log_in_at(server.base_url, "wrong") for server in (one, two, one, two, one)] == [200] * 5
    assert 429 in [log_in_at(two.base_url, "wrong") for _ in range(2)]
    for server in (one, two):
        server.kill()
    one.start()
    # The gate may have opened meanwhile, for one guess.
    assert 429 in [log_in_at(one.base_url, "wrong") for _ in range(2)]
