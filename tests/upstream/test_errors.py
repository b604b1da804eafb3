"""What the upstream says about its errors: when to try again, in which words, and never with our key."""

import email.utils
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.replies.engine import engine
from chat.upstream import UpstreamError
from chat.upstream.errors import MOST_DETAIL, seconds_of, without_secrets
from chat.upstream.reported import message_of
from tests.support.fake_upstream.chunks import DONE, ROLE, as_json, chunk, error, joined, json_answer, said, send
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.fake_upstream.steps import Headers, Send, Status, Step
from tests.support.site import Person, stored
from tests.support.upstream_alone import answering, ask, refusal, stream_of

KEY = "sk-proj-4Fq9/Zx+7_secret-key=="
SENTENCE = "The model is on fire."


def test_an_error_has_its_sentence() -> None:
    problem = ask(answering(refusal(400, error(SENTENCE)))).error

    assert problem
    assert (problem.code, problem.detail) == ("refused", SENTENCE)


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


def key_in_every_fact() -> tuple[Step, ...]:
    facts = {"id": KEY, "model": f"m-{KEY}", "system_fingerprint": KEY}
    events = [event | facts for event in (ROLE, *said("Hello"), chunk(finish=KEY))]
    return Headers({"x-request-id": f"r-{KEY}"}), send(*events, DONE)


def test_nobody_ever_sees_the_key(
    anna: Person,
    upstream: FakeUpstream,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setattr(engine._upstream, "_secrets", (KEY,))
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
    settings.LLM_MODEL = upstream.add("key-facts", key_in_every_fact())
    message = stored(anna.ask().reply)
    assert message.text == "Hello"
    assert KEY not in str(vars(message.evidence)) + anna.http.get(f"/chat/{message.conversation_id}/").text
    records = "".join(str(vars(record)) for record in caplog.records)
    assert "reply ended" in records
    assert KEY not in records + "".join(capfd.readouterr())
