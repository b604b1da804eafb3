"""The client of the upstream: the same answer however its bytes are cut, and what becomes of refusals."""

import asyncio
import base64
import email.utils
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.engine import engine
from chat.events import Facts, Retrying, Text
from chat.upstream import Limits, Prompt, TimedOut, Upstream, UpstreamError, client, transport
from chat.upstream.chunks import message_of
from chat.upstream.errors import MOST_DETAIL, seconds_of, without_secrets
from tests.fake_upstream import FakeUpstream
from tests.fake_upstream_absent import nobody_accepts, nobody_listens
from tests.fake_upstream_chunks import (
    DONE,
    ID,
    ROLE,
    Json,
    as_json,
    chunk,
    ended,
    error,
    joined,
    json_answer,
    said,
    send,
)
from tests.fake_upstream_cuts import at, every_byte, whole
from tests.fake_upstream_steps import Headers, Send, Status
from tests.site import Person, stored
from tests.wire_rows import ROWS, Row, body_of

KEY = "sk-proj-4Fq9/Zx+7_secret-key=="
PROMPT = Prompt("fox-1", ({"role": "user", "content": "Hi"},))
PATIENT = Limits(connect=10, first_token=10, idle=10, total=10)
ANSWER = joined(ROLE, *said("Hello", " there"), *ended(), DONE)
# Measured, and not told: they differ from one reading of the same answer to the next.
MEASURED = {"bytes", "longest_silence"}
BYTEWISE_BODY = 20_000

Handler = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


@dataclass
class Outcome:
    """All that came of one question."""

    facts: Facts = field(default_factory=Facts)
    texts: list[Text] = field(default_factory=list)
    retrying: list[Retrying] = field(default_factory=list)
    error: UpstreamError | None = None

    @property
    def answer(self) -> str:
        return "".join(text.answer for text in self.texts)

    @property
    def reasoning(self) -> str:
        return "".join(text.reasoning for text in self.texts)

    def said(self) -> dict[str, Any]:
        """What does not depend on how the bytes came."""
        told = {name: value for name, value in asdict(self.facts).items() if name not in MEASURED}
        problem = self.error and (self.error.code, self.error.detail)
        return {**told, "answer": self.answer, "reasoning": self.reasoning, "error": problem}


class Pieces(httpx.AsyncByteStream):
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


class Silence(Pieces):
    """The pieces, and no end."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in super().__aiter__():
            yield piece
        await asyncio.Event().wait()


class Broken(Pieces):
    """The pieces, and a broken connection."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in super().__aiter__():
            yield piece
        raise httpx.ReadError("Connection reset by peer")


@pytest.fixture(autouse=True, scope="module")
def _no_back_off() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "_back_off", lambda attempt: 0.0)
        yield


async def asked(upstream: Upstream, prompt: Prompt = PROMPT, limits: Limits = PATIENT) -> Outcome:
    outcome = Outcome()
    try:
        async for event in upstream.stream(prompt, outcome.facts, limits):
            if isinstance(event, Retrying):
                outcome.retrying.append(event)
            else:
                outcome.texts.append(event)
    except UpstreamError as problem:
        outcome.error = problem
    return outcome


def ask(handler: Handler, prompt: Prompt = PROMPT, limits: Limits = PATIENT, **options: Any) -> Outcome:
    async def run() -> Outcome:
        upstream = Upstream("http://upstream/v1", connection=httpx.MockTransport(handler), **options)
        try:
            return await asked(upstream, prompt, limits)
        finally:
            await upstream.aclose()

    return asyncio.run(run())


def answering(*responses: httpx.Response) -> Handler:
    """These, one after the other."""
    left = iter(responses)

    async def handler(request: httpx.Request) -> httpx.Response:
        return next(left)

    return handler


def stream_of(*pieces: bytes, kind: type[Pieces] = Pieces, status: int = 200) -> httpx.Response:
    return httpx.Response(status, stream=kind(pieces))


def refusal(status: int, body: Json | str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named, content=body if isinstance(body, str) else as_json(body))


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


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 500, 501, 301])
def test_it_does_not_ask_again_what_would_be_refused_again(status: int) -> None:
    outcome = ask(answering(refusal(status, error("No."))))

    assert isinstance(outcome.error, UpstreamError)
    assert outcome.error.detail == "No."
    assert outcome.facts.attempts == 1


def test_it_never_asks_again_after_the_first_token() -> None:
    outcome = ask(answering(stream_of(joined(ROLE, *said("Hello")), kind=Broken)))

    assert outcome.error
    assert (outcome.error.code, outcome.answer, outcome.facts.attempts) == ("cut", "Hello", 1)


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
    assert (outcome.error.code, outcome.error.detail) == ("refused", "No such model.")


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


def test_a_refusal_that_quotes_a_question_about_stream_options_is_a_refusal() -> None:
    said_no = refusal(400, error("I don't like: stream_options"))
    outcome = ask(answering(said_no, refusal(400, error("I don't like: stream_options"))))

    assert outcome.error
    assert outcome.error.code == "refused"


# --- The connection that production has ---------------------------------------------------------------------------


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


def test_a_host_that_does_not_exist_is_unreachable_and_not_named() -> None:
    outcome = ask_for_real("http://user:password@nowhere.invalid/v1")
    assert outcome.error
    assert outcome.error.code == "unreachable"
    assert "nowhere" not in outcome.error.detail


def test_a_name_and_a_password_in_the_address_are_sent_as_such(upstream: FakeUpstream) -> None:
    upstream.forget()
    outcome = ask_for_real(upstream.base_url.replace("//", "//anna:p%40ss@"), prompt=replace(PROMPT, model="X1"))

    assert outcome.error is None
    assert upstream.chats[0].headers["authorization"] == f"Basic {base64.b64encode(b'anna:p@ss').decode()}"


def ask_for_real(base_url: str, limits: Limits = PATIENT, prompt: Prompt = PROMPT) -> Outcome:
    async def run() -> Outcome:
        upstream = Upstream(base_url)
        try:
            return await asked(upstream, prompt, limits)
        finally:
            await upstream.aclose()

    return asyncio.run(run())


# --- Retry-After ----------------------------------------------------------------------------------------------------

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


def at_seconds(seconds: int) -> str:
    return email.utils.format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0),
        ("0", 0),
        ("20", 20),
        ("1.5", 1.5),
        ("-3", 0),
        ("soon", 0),
        ("1e3", 0),
        ("٣", 0),
        ("9" * 400, float("inf")),
        (at_seconds(90), 90),
        (at_seconds(-90), 0),
        ("Tue, 01 Jan 2030 12:01:00 -0000", 60),
        ("Tue, 32 Jan 2030 12:00:00 GMT", 0),
        ("Mon, 01 Jan 0001 00:00:00 -0000", 0),
        ("Fri, 31 Dec 99999 23:59:59 GMT", 0),
        ("Tue, 01 Jan 2030 12:00:00 +9999", 0),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", NOW.timestamp)
    assert seconds_of(header) == seconds


DATES = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Mon", "xx", ""]),
    st.integers(-1, 99),
    st.sampled_from(["Jan", "Feb", "Foo", "13"]),
    st.integers(-5, 100_000),
    *[st.integers(0, 99)] * 3,
    st.sampled_from(["GMT", "-0000", "+9999", "-2400", "EST", "", "Z"]),
)


@settings(max_examples=300)
@given(st.text() | DATES | st.from_regex(r"[0-9., :GMT+-]{0,30}", fullmatch=True))
def test_any_retry_after_is_some_time(header: str) -> None:
    assert seconds_of(header) >= 0


# --- Errors in words ------------------------------------------------------------------------------------------------

SENTENCE = "The model is on fire."


@pytest.mark.parametrize(
    "body",
    [
        {"message": SENTENCE},
        {"error": SENTENCE},
        {"error": {"message": SENTENCE, "type": "server_error", "code": 500}},
        {"error": {"error": {"message": SENTENCE}}},
        {"error": {"message": as_json({"error": {"message": SENTENCE}})}},
        {"detail": SENTENCE},
        {"detail": [{"loc": ["body"], "msg": SENTENCE, "type": "value_error"}]},
        [{"error": {"code": 400, "message": SENTENCE, "status": "INVALID_ARGUMENT"}}],
        {"object": "error", "message": SENTENCE, "code": 40001},
        {"error": {"message": "", "code": SENTENCE}},
    ],
)
def test_an_error_of_any_shape_has_its_sentence(body: Any) -> None:
    assert message_of(body) == SENTENCE
    assert message_of(as_json(body)) == SENTENCE


def test_an_error_in_plain_text_is_its_sentence() -> None:
    assert message_of(SENTENCE) == SENTENCE


@pytest.mark.parametrize("body", ["", None, {}, [], {"error": None}, {"error": {}}, {"type": "x"}, "[]"])
def test_an_error_without_words_is_empty(body: Any) -> None:
    assert message_of(body) == ""


def test_an_error_in_a_thousand_wrappings_is_not_unwrapped() -> None:
    body = '{"error":' * 900 + '"x"' + "}" * 900
    assert message_of(body) == ""
    assert message_of(json.loads(body)) == ""


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["message", "error", "detail", "msg", "code"]) | st.text(), inner, max_size=3)
    ),
)


@given(ANY_JSON)
def test_any_error_is_some_text(body: Any) -> None:
    assert isinstance(message_of(body), str)
    assert isinstance(message_of(json.dumps(body)), str)


@given(st.text(st.characters(), max_size=30))
def test_a_detail_can_always_be_stored(text: str) -> None:
    detail = UpstreamError(f"{text}\0\ud83d").detail
    assert detail.encode()
    assert not set("\0\r\n") & set(detail)


# --- The key --------------------------------------------------------------------------------------------------------


@given(st.lists(st.text(max_size=20), max_size=4))
def test_the_key_does_not_survive(around: list[str]) -> None:
    assert KEY not in without_secrets(KEY.join(around), KEY)


@pytest.mark.parametrize(
    "quoted", ["Bearer abcd1234", "bearer  abcd1234", "sk-abcd1234", "sk-ab***********34", "sk-ab...cd"]
)
def test_what_looks_like_a_key_does_not_survive_either(quoted: str) -> None:
    assert "ab" not in without_secrets(f"Incorrect API key provided: {quoted}", "")


@pytest.mark.parametrize("padding", [0, *range(MOST_DETAIL - len(KEY) - 25, MOST_DETAIL)])
def test_a_key_at_the_edge_of_what_is_kept_leaves_no_part_behind(padding: int) -> None:
    message = "x" * padding + " " + KEY
    events = joined(ROLE, error(message))
    for response in (refusal(401, error(message)), refusal(401, message), stream_of(events)):
        problem = ask(answering(response), api_key=KEY).error
        assert problem
        assert KEY[:6] not in problem.detail


def test_nobody_ever_sees_the_key(
    anna: Person,
    upstream: FakeUpstream,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setattr(engine._upstream, "_key", KEY)
    monkeypatch.setitem(engine._upstream._client.headers, "Authorization", f"Bearer {KEY}")
    quoted = error(f"Incorrect API key provided: {KEY}. Find yours at https://example.com", code="invalid_api_key")
    for model, script in {
        "bad-key": None,
        "key-401": json_answer(quoted, 401),
        "key-503": json_answer(quoted, 503, retry_after="3600"),
        "key-plain": (Status(400), Send(f"denied: {KEY}".encode())),
        "key-event": (send(ROLE, *said("Hello"), quoted),),
        "key-bare": (Send(f"data: error: {KEY}\n\n".encode()),),
        "key-field": (Send(f'error: {{"message": "{KEY}"}}\n\n'.encode()),),
        "key-document": json_answer(quoted),
    }.items():
        settings.LLM_MODEL = upstream.add(model, script) if script else model
        heard = anna.ask()
        message = stored(heard.reply)
        page = anna.http.get(f"/chat/{message.conversation_id}/").text
        assert heard.end["status"] == "failed"
        assert "[key]" in message.evidence.error_detail
        for seen in (heard.end["message"], message.evidence.error_detail, page):
            assert KEY not in seen
    assert upstream.chats[0].headers["authorization"] == f"Bearer {KEY}"
    records = "".join(str(vars(record)) for record in caplog.records)
    assert "reply ended" in records
    assert KEY not in records + "".join(capfd.readouterr())
