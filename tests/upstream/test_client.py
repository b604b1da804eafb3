"""The upstream's client: the same answer however its bytes are cut, and what happens after refusals."""

import asyncio
import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.upstream import Limits, Prompt, TimedOut, Upstream, UpstreamError, client, transport
from chat.upstream.errors import MOST_DETAIL
from tests.support.fake_upstream.absent import nobody_accepts, nobody_listens
from tests.support.fake_upstream.chunks import DONE, ID, ROLE, as_json, chunk, ended, error, joined, said
from tests.support.fake_upstream.cuts import at, every_byte, whole
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.fake_upstream.steps import Headers, Status
from tests.support.upstream_alone import (
    ANSWER,
    PATIENT,
    PROMPT,
    Broken,
    Outcome,
    Pieces,
    Silence,
    answering,
    ask,
    asked,
    refusal,
    stream_of,
)
from tests.support.wire_rows import ROWS, Row, body_of

KEY = "a-secret-key"
BYTEWISE_BODY = 20_000
LIMITS = ("connect", "first_token", "idle", "total")
HOURS = 3_600.0


@pytest.fixture(autouse=True, scope="module")
def _no_back_off() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "_back_off", lambda attempt: 0.0)
        yield


def test_it_answers() -> None:
    outcome = ask(answering(stream_of(ANSWER)))

    assert outcome.error is None
    assert (outcome.answer, outcome.reasoning) == ("Hello there", "")
    assert (outcome.facts.finish_reason, outcome.facts.upstream_id, outcome.facts.attempts) == ("stop", ID, 1)


def test_it_asks_for_a_stream_and_its_usage() -> None:
    requests: list[httpx.Request] = []

    async def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return stream_of(ANSWER)

    outcome = ask(handler, replace(PROMPT, parameters={"temperature": 0.5}), api_key=KEY)

    (request,) = requests
    body = json.loads(request.content)
    assert request.url == "http://upstream/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "fox-1",
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert outcome.facts.parameters == {"model": "fox-1", "temperature": 0.5, "stream": True}


# --- Any split of any row -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROWS)
def test_any_split_of_a_row_gives_the_same_answer(name: str) -> None:
    row, body = ROWS[name], body_of(ROWS[name])
    expected = played(row, whole(body))

    @settings(max_examples=25, database=None)
    @given(st.lists(st.integers(0, len(body)), max_size=20))
    def check(places: list[int]) -> None:
        assert played(row, at(places)(body)) == expected

    check()
    if len(body) <= BYTEWISE_BODY:
        assert played(row, every_byte(body)) == expected


def played(row: Row, pieces: Iterable[bytes]) -> dict[str, Any]:
    pieces = tuple(pieces)
    status = next((step.code for step in row.steps if isinstance(step, Status)), 200)
    headers = {
        name: value
        for step in row.steps
        if isinstance(step, Headers)
        for name, value in step.fields.items()
        if value is not None and name != "retry-after"
    }

    async def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=headers, stream=Pieces(pieces))

    return ask(handler, begins_in_reasoning=row.settings.get("LLM_BEGINS_IN_REASONING", False)).said()


# --- A document instead of a stream ---------------------------------------------------------------------------------

DOCUMENT = json.dumps(chunk(finish="stop") | {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]})


@pytest.mark.parametrize("before", ["", " ", "\r\n\r\n", "\ufeff", "\ufeff\n "])
def test_a_whole_completion_is_read_wherever_it_begins(before: str) -> None:
    pretty = json.dumps(json.loads(DOCUMENT), indent=2)
    for text in (DOCUMENT, pretty, pretty.replace("\n", "\r\n")):
        body = (before + text).encode()
        assert ask(answering(stream_of(*every_byte(body)))).answer == "Hello"
        assert ask(answering(stream_of(body))).answer == "Hello"


def test_objects_on_lines_of_their_own_are_read() -> None:
    lines = "".join(as_json(event) + "\n" for event in (ROLE, *said("Hello", " there"), *ended()))
    assert ask(answering(stream_of(lines.encode()))).answer == "Hello there"


def test_a_stream_behind_blank_lines_is_a_stream() -> None:
    assert ask(answering(stream_of(b"\n\n", b"\n" + ANSWER))).answer == "Hello there"


def test_a_document_without_end_is_refused() -> None:
    outcome = ask(answering(stream_of(*[b'{"a": "' + b"x" * 2**20] * 9)))
    assert outcome.error
    assert outcome.error.code == "unreadable"


# --- Refusals -------------------------------------------------------------------------------------------------------


def test_it_asks_again_and_tells() -> None:
    outcome = ask(answering(refusal(503, error("Loading")), refusal(429, error("Busy")), stream_of(ANSWER)))

    assert outcome.answer == "Hello there"
    assert [(told.attempt, told.reason) for told in outcome.retrying] == [(2, "overloaded"), (3, "rate_limited")]
    assert outcome.facts.attempts == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 501, 301])
def test_it_does_not_ask_again_what_would_be_refused_again(status: int) -> None:
    outcome = ask(answering(refusal(status, error("No."))))

    assert isinstance(outcome.error, UpstreamError)
    assert outcome.error.detail == "No."
    assert outcome.facts.attempts == 1


def test_it_never_asks_again_after_the_first_token() -> None:
    outcome = ask(answering(stream_of(joined(ROLE, *said("Hello")), kind=Broken)))

    assert outcome.error
    assert (outcome.error.code, outcome.answer, outcome.facts.attempts) == ("cut", "Hello", 1)


@pytest.mark.parametrize(
    ("pieces", "answer"),
    [(("a <",), "a <"), (("a\ud83d",), "a\ufffd"), (("<thi",), "<thi"), ((" ", "a</thin"), " a</thin")],
)
def test_what_waited_for_its_other_half_is_kept_when_the_answer_is_cut(pieces: tuple[str, ...], answer: str) -> None:
    body = b"".join(f"data: {json.dumps(one)}\n\n".encode() for one in said(*pieces))
    responses = [stream_of(body, kind=Broken) for _ in range(3)]
    outcome = ask(answering(*responses))

    assert outcome.error
    assert outcome.answer == answer


def test_what_a_failed_attempt_said_of_itself_is_forgotten() -> None:
    first = ROLE | {
        "id": "first",
        "model": "other",
        "system_fingerprint": "fp",
        "created": 1,
        "usage": {"prompt_tokens": 1},
    }
    second = [event | {"id": "second", "created": 2} for event in (ROLE, *said("Hello"), chunk(finish="stop"))]
    facts = ask(answering(stream_of(joined(first), kind=Broken), stream_of(joined(*second, DONE)))).facts

    assert (facts.upstream_id, facts.model, facts.system_fingerprint) == ("second", "fake-model-1", "")
    assert (facts.upstream_created, facts.usage) == (2, None)


@pytest.mark.parametrize("kind", [Broken, Silence])
def test_a_refusal_whose_body_does_not_end_is_that_refusal(kind: type[Pieces], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "ERROR_BODY_SECONDS", 0.05)
    outcome = ask(answering(stream_of(b"No such", b" model.", kind=kind, status=404)))

    assert outcome.error
    assert (outcome.error.code, outcome.error.detail) == ("unknown_model", "No such model.")


def test_of_a_long_refusal_only_the_beginning_is_read() -> None:
    outcome = ask(answering(stream_of(*[b"No. " * 10_000] * 1_000, status=404)))
    assert outcome.error
    assert len(outcome.error.detail) == MOST_DETAIL


@pytest.mark.parametrize("status", [400, 422])
def test_replies_that_are_refused_together_all_ask_again_without_stream_options(status: int) -> None:
    together = 5
    arrived = 0
    all_arrived = asyncio.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        nonlocal arrived
        if "stream_options" not in json.loads(request.content):
            return stream_of(ANSWER)
        arrived += 1
        if arrived == together:
            all_arrived.set()
        await all_arrived.wait()
        return refusal(status, error("Unknown field: stream_options"))

    async def run() -> list[Outcome]:
        upstream = Upstream("http://upstream/v1", connection=httpx.MockTransport(handler))
        outcomes = await asyncio.gather(*(asked(upstream) for _ in range(together)))
        return [*outcomes, await asked(upstream)]

    outcomes = asyncio.run(run())
    assert [outcome.answer for outcome in outcomes] == ["Hello there"] * (together + 1)
    assert {outcome.facts.attempts for outcome in outcomes} == {1}
    assert arrived == together


@pytest.mark.parametrize("status", [400, 422])
def test_a_model_that_knows_the_length_by_its_new_name_is_asked_by_that(status: int) -> None:
    asked: list[dict[str, Any]] = []

    async def handler(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        if "max_tokens" in asked[-1]:
            return refusal(status, error("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."))
        return stream_of(ANSWER)

    outcome = ask(handler, Prompt("thinker", PROMPT.turns, {"max_tokens": 300}))

    assert outcome.answer == "Hello there"
    assert [body.get("max_completion_tokens") for body in asked] == [None, 300]
    assert outcome.facts.parameters["max_completion_tokens"] == 300
    assert "max_tokens" not in outcome.facts.parameters
    assert outcome.facts.attempts == 1


def test_a_parameter_that_is_refused_is_told_in_the_servers_words() -> None:
    said_no = refusal(400, error("Unsupported value: 'temperature' does not support 0.2 with this model."))
    outcome = ask(answering(said_no), Prompt("thinker", PROMPT.turns, {"temperature": 0.2}))

    assert outcome.error
    assert outcome.error.code == "refused"
    assert "'temperature' does not support 0.2" in outcome.error.detail


def test_a_refusal_that_quotes_a_question_about_stream_options_is_a_refusal() -> None:
    said_no = refusal(400, error("I don't like: stream_options"))
    outcome = ask(answering(said_no, refusal(400, error("I don't like: stream_options"))))

    assert outcome.error
    assert outcome.error.code == "refused"


# --- Time ---------------------------------------------------------------------------------------------------------


def test_after_the_finish_reason_it_does_not_wait_long_for_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "GRACE_SECONDS", 0.05)
    begun = joined(ROLE, *said("Hello"), chunk(finish="stop"))
    outcome = ask(answering(stream_of(begun, kind=Silence)), limits=Limits(**dict.fromkeys(LIMITS, HOURS)))

    assert outcome.error is None
    assert outcome.answer == "Hello"


@pytest.mark.parametrize(
    ("timer", "begun"),
    [
        ("first_token", b""),
        ("first_token", b": ping\n\n" + joined(ROLE)),
        ("idle", b": ping\n\n"),
        ("idle", joined(*said("Hello"))),
        ("total", b""),
        ("total", joined(*said("Hello"))),
    ],
)
def test_silence_fires_the_timer_that_is_set(timer: str, begun: bytes) -> None:
    limits = Limits(**dict.fromkeys(LIMITS, HOURS) | {timer: 0.05})
    outcome = ask(answering(stream_of(begun, kind=Silence)), limits=limits)

    assert isinstance(outcome.error, TimedOut)
    assert outcome.error.timer == timer
    assert outcome.facts.attempts == 1


def test_a_wait_that_the_first_token_timer_does_not_allow_is_not_begun() -> None:
    outcome = ask(answering(refusal(429, error("Busy"), retry_after="60")), limits=PATIENT)

    assert outcome.error
    assert (outcome.error.code, outcome.retrying) == ("rate_limited", [])


# --- The connection in production -----------------------------------------------------------------------------------


def test_a_server_that_refuses_connections_is_unreachable() -> None:
    with nobody_listens() as base_url:
        outcome = ask_for_real(base_url)
    assert outcome.error
    assert (outcome.error.code, outcome.facts.attempts) == ("unreachable", 3)


def test_a_server_that_does_not_accept_fires_the_connect_timer() -> None:
    with nobody_accepts() as base_url:
        outcome = ask_for_real(base_url, replace(PATIENT, connect=0.2))
    assert isinstance(outcome.error, TimedOut)
    assert (outcome.error.timer, outcome.facts.attempts) == ("connect", 1)


@pytest.mark.parametrize(
    "address", ["user:password@nowhere.invalid", "nowhere..invalid", "nowhere.invalid:99999", "nowhere invalid", ""]
)
def test_a_host_that_does_not_exist_is_unreachable_and_not_named(address: str) -> None:
    outcome = ask_for_real(f"http://{address}/v1")
    assert outcome.error
    assert outcome.error.code == "unreachable"
    assert "nowhere" not in outcome.error.detail


def test_a_name_and_a_password_in_the_address_are_sent_as_such(upstream: FakeUpstream) -> None:
    upstream.forget()
    outcome = ask_for_real(upstream.base_url.replace("//", "//anna:p%40ss@"), prompt=replace(PROMPT, model="X1"))

    assert outcome.error is None
    assert upstream.chats[0].headers["authorization"] == f"Basic {base64.b64encode(b'anna:p@ss').decode()}"


@pytest.mark.parametrize(
    ("base_url", "asked_url"),
    [
        ("http://upstream/v1", "http://upstream/v1/chat/completions"),
        ("http://upstream", "http://upstream/chat/completions"),
        ("http://upstream/v1/chat/completions", "http://upstream/v1/chat/completions"),
        ("http://upstream/v1/chat/completions/", "http://upstream/v1/chat/completions"),
        ("http://upstream/x?api-version=1", "http://upstream/x/chat/completions?api-version=1"),
        ("http://upstream/x/chat/completions?api-version=1", "http://upstream/x/chat/completions?api-version=1"),
    ],
)
def test_an_address_with_more_than_it_needs_is_understood(base_url: str, asked_url: str) -> None:
    urls: list[str] = []

    async def handler(request: httpx.Request) -> httpx.Response:
        urls.append(str(request.url))
        return stream_of(ANSWER) if request.method == "POST" else httpx.Response(200, json=["fox-1"])

    async def run() -> None:
        upstream = Upstream(base_url, connection=httpx.MockTransport(handler))
        await upstream.catalogue.models()
        await asked(upstream)
        await upstream.aclose()

    asyncio.run(run())
    assert urls == [asked_url.replace("/chat/completions", "/models"), asked_url]


def test_further_headers_are_sent_and_may_replace_the_key() -> None:
    requests: list[httpx.Request] = []

    async def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return stream_of(ANSWER)

    ask(handler, headers={"x-provider": "openai"}, api_key=KEY)
    ask(handler, headers={"Authorization": "Custom 1"}, api_key=KEY)
    assert [request.headers.get("x-provider") for request in requests] == ["openai", None]
    assert [request.headers.get_list("authorization") for request in requests] == [[f"Bearer {KEY}"], ["Custom 1"]]


def test_secrets_of_further_headers_are_masked_like_the_key() -> None:
    headers = {"x-portkey-api-key": "pk-of-the-gateway", "x-provider": "openai"}
    outcome = ask(answering(refusal(400, error("openai refuses pk-of-the-gateway"))), headers=headers)
    assert outcome.error
    assert outcome.error.detail == "openai refuses [key]"


def redirecting(status: int, location: str) -> tuple[Outcome, list[httpx.Request]]:
    requests: list[httpx.Request] = []

    async def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if request.url.path.startswith("/v1/"):
            return httpx.Response(status, headers={"location": location})
        return stream_of(ANSWER)

    return ask(handler, api_key=KEY), requests


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("location", ["/v2/chat/completions", "http://upstream/v2/chat/completions", "../../v2/x"])
def test_a_redirect_within_the_origin_is_followed_with_all_of_the_question(status: int, location: str) -> None:
    outcome, (first, second) = redirecting(status, location)

    assert outcome.answer == "Hello there"
    assert (second.method, second.content) == ("POST", first.content)
    assert second.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("status", "location"),
    [
        (307, "https://upstream/v1/chat/completions"),
        (308, "http://elsewhere.example/v1?token=secret"),
        (307, "http://user:secret@upstream:81/v1"),
        (302, "http://upstream/login"),
    ],
)
def test_another_redirect_is_named_and_not_followed(status: int, location: str) -> None:
    outcome, requests = redirecting(status, location)

    assert len(requests) == 1
    assert outcome.error
    assert outcome.error.code == "refused"
    assert outcome.error.detail.startswith(f"HTTP {status}: http")
    assert "secret" not in outcome.error.detail


def test_a_redirect_in_a_circle_ends() -> None:
    outcome, requests = redirecting(307, "/v1/chat/completions")
    assert outcome.error
    assert outcome.error.code == "refused"
    assert len(requests) == 1 + transport.MOST_REDIRECTS


@pytest.mark.parametrize(
    ("variables", "url", "proxy"),
    [
        ({"http_proxy": "http://proxy:3128"}, "http://upstream/v1", "http://proxy:3128"),
        ({"HTTP_PROXY": "http://proxy:3128"}, "http://upstream/v1", "http://proxy:3128"),
        ({"https_proxy": "http://proxy:3128"}, "https://upstream/v1", "http://proxy:3128"),
        ({"all_proxy": "http://proxy:3128"}, "https://upstream/v1", "http://proxy:3128"),
        ({"https_proxy": "http://proxy:3128"}, "http://upstream/v1", None),
        ({"http_proxy": "http://proxy:3128", "no_proxy": "other,upstream"}, "http://upstream/v1", None),
        ({"http_proxy": "http://proxy:3128", "no_proxy": ".example"}, "http://a.example:81/v1", None),
        ({"http_proxy": "http://proxy:3128", "no_proxy": "10.0.0.0/8"}, "http://10.1.2.3/v1", None),
        ({"http_proxy": "http://proxy:3128", "no_proxy": "*"}, "http://upstream/v1", None),
        ({"http_proxy": "http://proxy:3128"}, "http://127.0.0.1:8080/v1", None),
        ({"http_proxy": "http://proxy:3128"}, "http://localhost/v1", None),
        ({"http_proxy": "http://proxy:3128"}, "http://[::1]/v1", None),
    ],
)
def test_the_environment_names_the_proxy(
    variables: dict[str, str], url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_proxies(monkeypatch)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = transport.proxy_for(httpx.URL(url))
    assert (found and str(found.url)) == proxy


def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_a_server_behind_a_proxy_is_asked_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
        writer.write(HEAD + b"\r\n" + ANSWER)
        writer.close()

    async def run() -> Outcome:
        async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            upstream = Upstream("http://models.example/v1")
            try:
                return await asked(upstream)
            finally:
                await upstream.aclose()

    without_proxies(monkeypatch)
    assert asyncio.run(run()).answer == "Hello there"
    assert lines == [b"POST http://models.example/v1/chat/completions HTTP/1.1"]


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HELLO\r\n\r\n", "unreachable"),
        (b"", "unreachable"),
        (HEAD + b"content-length: x\r\n\r\n", "unreachable"),
        (HEAD + b"x: " + b"x" * 100_000 + b"\r\n\r\n", "unreachable"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\nxyz", "unreachable"),
        (HEAD + b"content-length: 5000\r\n\r\n" + joined(ROLE, *said("Hello")), "cut"),
        (HEAD + b"content-encoding: gzip\r\n\r\n" + ANSWER, "unreadable"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "refused"),
        (b"HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", "refused"),
    ],
)
def test_what_is_no_http_or_no_answer_has_its_error(answer: bytes, code: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async def run() -> Outcome:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            upstream = Upstream(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
            try:
                return await asked(upstream)
            finally:
                await upstream.aclose()

    outcome = asyncio.run(run())
    assert outcome.error
    assert outcome.error.code == code


def ask_for_real(base_url: str, limits: Limits = PATIENT, prompt: Prompt = PROMPT) -> Outcome:
    async def run() -> Outcome:
        upstream = Upstream(base_url)
        try:
            return await asked(upstream, prompt, limits)
        finally:
            await upstream.aclose()

    return asyncio.run(run())
