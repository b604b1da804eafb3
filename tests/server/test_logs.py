"""The log: one line for each request and one for each reply's end, never a text or a key, and otherwise nothing."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest

from chat.models import Evidence
from chat.replies.engine import engine
from chat.upstream import Upstream
from tests.support.factories import NO_ONES_ID
from tests.support.fake_upstream.chunks import DONE, ROLE, chunk, ended, error, json_answer, said, send, sse
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.log_lines import lines_of, wait_for_lines
from tests.support.log_lines import said as lines_about
from tests.support.raw_http import connect, question
from tests.support.site import Person, Site, events_of, stored

# Each of these is in exactly one place, and none of them in the log.
QUESTION, ANSWER, THOUGHT = "xyzzy-question", "xyzzy-answer", "xyzzy-thought"
UPSTREAM_ERROR, KEY, PASSWORD = "xyzzy-error-body", "xyzzy-api-key-0123456789", "xyzzy-password"
FAILS, WORKS = "model server fails: replies end in errors", "model server works again"
SECRETS = (QUESTION, ANSWER, THOUGHT, UPSTREAM_ERROR, KEY, PASSWORD)


@pytest.fixture
def with_key(site: Site, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The upstream is asked with an API key."""
    keyed = Upstream(upstream.base_url, api_key=KEY)
    monkeypatch.setattr(engine, "_upstream", keyed)
    yield
    asyncio.run_coroutine_threadsafe(keyed.aclose(), engine._loop).result(10)


def test_a_question_is_one_line_for_the_request_and_one_for_the_end_of_the_reply(
    anna: Person, caplog: pytest.LogCaptureFixture
) -> None:
    anna.http.headers["X-Request-ID"] = "from-the-proxy-1"
    told = anna.ask("hello")

    [request] = wait_for_lines(caplog, "request")
    [reply] = wait_for_lines(caplog, "reply ended")
    assert len(lines_of(caplog)) == 2
    assert request["request_id"] == reply["request_id"] == "from-the-proxy-1"
    assert reply["reply"] == told.reply


def test_the_line_of_a_request_has_its_figures(anna: Person, caplog: pytest.LogCaptureFixture) -> None:
    with anna.asking("hello") as response:
        size = len(response.read())

    [line] = wait_for_lines(caplog, "request")
    assert line.pop("time")
    assert line.pop("ms") > 0
    assert (
        line.items()
        >= {
            "level": "INFO",
            "logger": "config.requests",
            "event": "request",
            "request_id": response.headers["x-request-id"],
            "method": "POST",
            "path": "/chat/stream",
            "status": 200,
            "bytes": size,
            "user": str(anna.user.pk),
        }.items()
    )


def test_the_line_of_a_reply_has_its_figures(anna: Person, caplog: pytest.LogCaptureFixture) -> None:
    told = anna.ask("hello")
    evidence = stored(told.reply).evidence

    [line] = wait_for_lines(caplog, "reply ended")
    assert line.pop("time")
    assert line.pop("logger").startswith("chat.")
    assert 0 <= line["first_token_ms"] <= line["duration_ms"]
    assert line == {
        "level": "INFO",
        "event": "reply ended",
        "reply": told.reply,
        "conversation": told.events[0]["conversation"],
        "owner": str(anna.user.pk),
        "request_id": evidence.trace_id,
        "status": "complete",
        "saved": True,
        "finish_reason": "stop",
        "error": "",
        "timer": "",
        "model": "fake-model-1",
        "attempts": 1,
        "prompt_tokens": 12,
        "completion_tokens": 7,
        "first_token_ms": evidence.first_token_ms,
        "duration_ms": evidence.duration_ms,
        "chunks": evidence.chunks,
        "bytes": evidence.bytes,
    }


@pytest.mark.parametrize(
    ("model", "status", "error_code", "timer"),
    [("hang", "timed_out", "", "first_token"), ("error/status=401", "failed", "unauthorized", "")],
)
def test_a_reply_that_failed_says_why_in_a_code(
    model: str, status: str, error_code: str, timer: str, anna: Person, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.LLM_MODEL, settings.LLM_FIRST_TOKEN_TIMEOUT = model, 0.1
    anna.ask()

    [line] = wait_for_lines(caplog, "reply ended")
    assert (line["status"], line["error"], line["timer"]) == (status, error_code, timer)
    assert line["first_token_ms"] is None
    assert line["prompt_tokens"] is None


REQUESTS = [
    ("GET", "/", 200),
    ("GET", "/nowhere", 404),
    ("GET", "/chat/stream?reply=x", 400),
    ("POST", "/chat/stream", 400),
    ("DELETE", "/chat/stream", 405),
    ("GET", "/accounts/login/", 200),
    ("GET", f"/chat/{NO_ONES_ID}/", 404),
    ("GET", "/static/nothing.css", 404),
]


@pytest.mark.parametrize(("method", "path", "status"), REQUESTS)
def test_each_request_is_one_line_whatever_became_of_it(
    method: str, path: str, status: int, anna: Person, caplog: pytest.LogCaptureFixture
) -> None:
    assert anna.http.request(method, path).status_code == status

    [line] = wait_for_lines(caplog, "request")
    assert (line["method"], line["path"], line["status"]) == (method, path.partition("?")[0], status)
    assert len(lines_of(caplog)) == 1


def test_who_has_no_login_is_nobody(anna: Person, caplog: pytest.LogCaptureFixture) -> None:
    anna.http.cookies.delete("sessionid")
    anna.http.get("/")

    [line] = wait_for_lines(caplog, "request")
    assert line["user"] is None
    assert line["status"] == 302


def test_a_client_that_left_is_one_line_too(anna: Person, caplog: pytest.LogCaptureFixture) -> None:
    with anna.asking(model="hang") as response:
        next(events_of(response))

    [line] = wait_for_lines(caplog, "request")
    assert (line["path"], line["status"]) == ("/chat/stream", 200)
    assert line["bytes"] > 0


def test_one_that_left_at_once_is_one_line_too(anna: Person, caplog: pytest.LogCaptureFixture) -> None:
    with closing(connect(anna)) as client:
        client.sendall(b"".join(question(anna, "hello")))

    [line] = wait_for_lines(caplog, "request")
    assert line["path"] == "/chat/stream"
    assert len(wait_for_lines(caplog, "reply ended")) == 1


@pytest.mark.parametrize("path", ["/a%0Ab", "/a%0D%0Ab", "/%1b[31mred", "/%22quoted%22", "/%f0%9f%a6%8a", "/%ff%fe"])
def test_a_line_is_one_line_of_json_whatever_the_path(
    path: str, anna: Person, caplog: pytest.LogCaptureFixture
) -> None:
    anna.http.get(path)

    wait_for_lines(caplog, "request")
    [line] = lines_of(caplog)
    assert len(line.splitlines()) == 1
    assert json.loads(line)["path"].startswith("/")
    assert "\x1b" not in line


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
def test_no_text_and_no_key_is_in_the_log_when_the_upstream_refuses(
    status: int,
    anna: Person,
    upstream: FakeUpstream,
    with_key: None,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = error(f"{UPSTREAM_ERROR} {KEY} {QUESTION}")
    settings.LLM_MODEL = upstream.add(f"refuses-with-{status}", json_answer(body, status))
    settings.LLM_FIRST_TOKEN_TIMEOUT = 0.2
    told = anna.ask(QUESTION)

    assert UPSTREAM_ERROR in told.end["message"]
    assert KEY not in json.dumps(told.events)
    wait_for_lines(caplog, "reply ended")
    assert nothing_secret_in(caplog)


def nothing_secret_in(caplog: pytest.LogCaptureFixture) -> bool:
    lines = lines_of(caplog)
    assert lines
    return not [line for line in [*lines, caplog.text] for secret in SECRETS if secret in line]


def test_no_text_is_in_the_log_when_all_goes_well(
    anna: Person, upstream: FakeUpstream, with_key: None, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.LLM_MODEL = upstream.add(
        "secretive", [send(ROLE, chunk(reasoning_content=THOUGHT), *said(ANSWER), *ended(), DONE)]
    )
    told = anna.ask(QUESTION)
    anna.follow(told.reply)
    anna.http.get(f"/chat/{told.events[0]['conversation']}/")

    assert (told.text("reasoning"), told.text()) == (THOUGHT, ANSWER)
    assert upstream.chats[0].headers["authorization"] == f"Bearer {KEY}"
    wait_for_lines(caplog, "request", 3)
    assert nothing_secret_in(caplog)


BROKEN = {
    "an error in the stream": [send(ROLE, *said(ANSWER), error(f"{UPSTREAM_ERROR} {KEY}"))],
    "broken JSON": [send(ROLE, *said(ANSWER), f'data: {{"{UPSTREAM_ERROR} {KEY}\n\n'.encode())],
    "not what it should be": [send(ROLE, sse({"choices": f"{UPSTREAM_ERROR} {KEY}"}))],
    "a page": [send(f"<html>{UPSTREAM_ERROR} {KEY} {QUESTION}</html>".encode())],
    "error as text": [send(f"data: error {UPSTREAM_ERROR} {KEY}\n\n".encode())],
    "odd names": [send(chunk(content=ANSWER, finish=UPSTREAM_ERROR) | {"id": ANSWER, "model": "fake"})],
}


@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN)
def test_no_text_and_no_key_is_in_the_log_when_the_upstream_breaks(
    script: Any,
    anna: Person,
    upstream: FakeUpstream,
    with_key: None,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.LLM_MODEL = upstream.add(f"broken-{uuid4()}", script)
    told = anna.ask(QUESTION)

    wait_for_lines(caplog, "reply ended")
    texts = [line for line in lines_of(caplog) for secret in (QUESTION, ANSWER, KEY) if secret in line]
    assert not texts
    assert KEY not in json.dumps(told.events)
    assert KEY not in str(Evidence.objects.values())


def test_a_server_that_quotes_the_key_is_not_quoted(
    anna: Person, with_key: None, caplog: pytest.LogCaptureFixture
) -> None:
    told = anna.ask(QUESTION, model="bad-key")
    page = anna.http.get(f"/chat/{told.events[0]['conversation']}/").text

    assert "Incorrect API key" in told.end["message"]
    assert KEY not in json.dumps(told.events)
    assert KEY not in page
    assert KEY not in str(Evidence.objects.values())
    wait_for_lines(caplog, "reply ended")
    assert nothing_secret_in(caplog)


def test_no_text_is_in_the_log_when_something_breaks_here(
    anna: Person, with_key: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """But the traceback is there: it says what broke and where."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("chat.replies.writer.fit", broken)
    told = anna.ask(QUESTION)

    assert told.end["status"] == "failed"
    [line] = wait_for_lines(caplog, "reply failed")
    assert line["level"] == "ERROR"
    assert "ZeroDivisionError" in line["exc_info"]
    assert nothing_secret_in(caplog)


@pytest.mark.parametrize(
    ("model", "reason"),
    [("error/status=401", "unauthorized"), ("error/status=503", "overloaded"), ("hang", "first_token")],
)
def test_replies_that_fail_in_a_row_are_one_warning_until_one_does_not(
    model: str, reason: str, anna: Person, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.LLM_MODEL, settings.LLM_FIRST_TOKEN_TIMEOUT = model, 0.1
    for _ in range(2):
        anna.ask()
    assert not lines_about(caplog, FAILS)
    for _ in range(4):
        anna.ask()

    [warning] = wait_for_lines(caplog, FAILS)
    assert (warning["level"], warning["reason"], warning["replies"]) == ("WARNING", reason, 3)
    assert not lines_about(caplog, WORKS)
    settings.LLM_MODEL, settings.LLM_FIRST_TOKEN_TIMEOUT = "echo", 10
    for _ in range(2):
        anna.ask("hello")
    [back] = wait_for_lines(caplog, WORKS)
    assert (back["level"], back["replies"]) == ("INFO", 6)


def test_a_reply_that_fails_now_and_then_is_no_outage(
    anna: Person, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(4):
        for settings.LLM_MODEL in ("error/status=401", "error/status=401", "echo"):
            anna.ask("hello")

    wait_for_lines(caplog, "reply ended", 12)
    assert not lines_about(caplog, FAILS)
    assert not lines_about(caplog, WORKS)


def test_what_somebody_typed_into_a_form_is_not_in_the_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    anna = site.sign_in("anna")
    token = {"csrfmiddlewaretoken": "t" * 32}
    anna.http.post("/chat/", data={"text": QUESTION, "request_id": str(uuid4()), **token})
    anna.http.post("/chat/", data={"text": QUESTION})
    anna.http.post("/chat/", data={"text": QUESTION, "csrfmiddlewaretoken": "wrong"})
    anna.http.get("/", params={"q": QUESTION})
    anna.http.cookies.delete("sessionid")
    anna.http.post("/accounts/login/", data={"username": QUESTION, "password": PASSWORD, **token})
    anna.http.post("/chat/", data={"text": QUESTION, **token})

    wait_for_lines(caplog, "request", 6)
    assert nothing_secret_in(caplog)
