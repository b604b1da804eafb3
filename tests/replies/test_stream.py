"""/chat/stream: a growing answer as it is sent over the wire."""

import re
from typing import Any

import pytest

from chat.events import Cursor
from chat.replies import reader
from tests.support.fake_upstream.chunks import DONE, ROLE, ended, said, send
from tests.support.fake_upstream.scripts import UNICODE_REASONING, UNICODE_TEXT, paced_text
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.site import Person, Told, events_of, stored, told


def test_it_streams_an_answer_and_stores_it(anna: Person) -> None:
    told = anna.ask("What does a fox say?", model="echo")

    assert told.events[0]["type"] == "start"
    assert told.text() == "What does a fox say?"
    assert told.end["status"] == "complete"
    assert told.end["message"] is None
    assert stored(told.reply).text == "What does a fox say?"
    assert stored(told.reply).generation.status == "complete"


def test_its_headers_keep_everybody_on_the_way_from_holding_it_back(anna: Person) -> None:
    with anna.asking(model="echo") as asked:
        reply = told(asked).reply
    resumed = anna.http.get("/chat/stream", params={"reply": reply})

    for response in (asked, resumed):
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["cache-control"] == "private, no-cache, no-transform"
        assert response.headers["x-accel-buffering"] == "no"
        assert response.headers["content-encoding"] == "identity"
        assert "content-length" not in response.headers


def test_its_first_line_says_when_to_come_back(anna: Person) -> None:
    with anna.asking(model="echo") as response:
        body = response.read()

    assert re.match(rb"retry: [1-9][0-9]+\n", body)


def test_every_event_is_one_line_of_data_with_an_id_and_no_name(anna: Person) -> None:
    """This holds whatever line ends and separators the text has."""
    with anna.asking(model="unicode") as response:
        retry, _, body = response.read().partition(b"\n")
    *events, rest = body.split(b"\n\n")

    # Some clients take a block of its own for an event without data.
    assert re.fullmatch(rb"retry: [0-9]+", retry)
    assert rest == b""
    assert len(events) > 3
    for event in events:
        assert re.fullmatch(rb"id: [0-9]+\.[0-9]+(\.end)?\ndata: \{[^\r\n]*\}", event)


def test_start_comes_first_and_names_everything(anna: Person) -> None:
    told = anna.ask(model="echo")
    reply = stored(told.reply)

    assert told.events[0] == {
        "type": "start",
        "conversation": str(reply.conversation_id),
        "question": str(reply.parent_id),
        "reply": str(reply.pk),
        "model": "echo",
    }
    assert told.ids[0] == "0.0"


def test_start_comes_first_on_a_resumed_stream_too_with_the_readers_own_cursor(anna: Person) -> None:
    asked = anna.ask("What does a fox say?", model="echo")
    resumed = anna.follow(asked.reply, after="0.5")

    assert resumed.events[0] == asked.events[0]
    assert resumed.ids[0] == "0.5"


def test_each_id_is_how_much_text_its_reader_has(anna: Person) -> None:
    told = anna.ask(model="unicode")

    assert told.text("reasoning") == UNICODE_REASONING
    assert told.text() == UNICODE_TEXT
    assert told.ids == expected_ids(told)
    assert told.ids[-1] == f"{len(UNICODE_REASONING)}.{len(UNICODE_TEXT)}.end"


def expected_ids(told: Told) -> list[str]:
    lengths, ids = {"reasoning": 0, "delta": 0}, []
    for event in told.events:
        if event["type"] in lengths:
            lengths[event["type"]] += len(event["text"])
        ids.append(str(Cursor(lengths["reasoning"], lengths["delta"], ended=event["type"] == "end")))
    return ids


@pytest.mark.parametrize("key", ["content", "reasoning_content"])
def test_no_event_has_more_than_16_kb_of_text(key: str, anna: Person, upstream: FakeUpstream, settings: Any) -> None:
    text = "🦊" * 50_000
    settings.LLM_MODEL = upstream.add(f"foxes-{key}", [send(ROLE, *said(text, key=key), *said("So."), *ended(), DONE)])

    told = anna.ask()

    assert told.text("reasoning" if key == "reasoning_content" else "delta").startswith(text)
    assert max(len(event.get("text", "").encode()) for event in told.events) <= 16 * 1024


def test_thoughts_come_before_the_answer(anna: Person, settings: Any) -> None:
    settings.LLM_MODEL = "paced/tokens=2/reasoning=3/interval=0.001"

    told = anna.ask()

    types = [event["type"] for event in told.events]
    assert told.text("reasoning") == "r0 r1 r2 "
    assert told.text() == "t0 t1 "
    assert types.index("reasoning") < types.index("delta")
    assert stored(told.reply).reasoning == "r0 r1 r2 "


def test_the_end_tells_how_it_ended_and_what_was_used(anna: Person) -> None:
    end = anna.ask(model="echo").end

    assert end["status"] == "complete"
    assert end["finish_reason"] == "stop"
    assert end["usage"]["prompt_tokens"] == 12
    assert end["usage"]["completion_tokens"] == 7


REFUSED = "The model server refused the request. “Too odd.”"


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("en", REFUSED), ("ru", "Сервер модели отклонил запрос. «Too odd.»"), ("xx", REFUSED), ("ru;q=a, *", REFUSED)],
)
def test_an_end_that_needs_words_has_a_sentence_in_any_language(
    language: str, sentence: str, anna: Person, settings: Any
) -> None:
    settings.LLM_MODEL = "error/status=400/message=Too odd."
    anna.http.headers["Accept-Language"] = language

    end = anna.ask().end

    assert end["status"] == "failed"
    assert end["usage"] is None
    assert end["finish_reason"] is None
    assert end["message"] == sentence


def test_it_says_that_it_lives_while_there_is_nothing_to_say(anna: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "PING_SECONDS", 0.02)

    with anna.asking(model="hang") as response:
        events = events_of(response)
        heard = [next(events) for _ in range(4)]

    assert [event["type"] for _, event in heard] == ["start", "ping", "ping", "ping"]
    assert {id_ for id_, _ in heard} == {"0.0"}


def test_a_ping_in_the_middle_has_the_cursor_of_the_text_before_it(
    anna: Person, upstream: FakeUpstream, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LLM_MODEL = "gated/tokens=3"
    monkeypatch.setattr(reader, "PING_SECONDS", 0.05)

    with anna.asking() as response:
        events = events_of(response)
        heard = [next(events)]
        while not (heard[-1][1]["type"] == "ping" and heard[-1][0] == "0.9"):
            heard.append(next(events))
        upstream.release()
        heard += events

    assert "".join(event.get("text", "") for _, event in heard) == paced_text(6)
    assert heard[-1][1]["type"] == "end"


def test_a_second_try_is_told_before_the_first_token(anna: Person, settings: Any) -> None:
    settings.LLM_MODEL = "refuse-first/times=1"

    told = anna.ask()

    retrying = told.first("retrying")
    assert retrying
    assert retrying["attempt"] == 2
    assert retrying["in"] > 0
    assert retrying["reason"] == "overloaded"
    assert told.text() == "At last."
    assert told.ids[told.events.index(retrying)] == "0.0"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize(("path", "allowed"), [("/chat/stream", "GET, POST"), ("/chat/stop", "POST")])
def test_another_method_is_told_which_ones_there_are(method: str, path: str, allowed: str, anna: Person) -> None:
    response = anna.http.request(method, path)

    assert response.status_code == 405
    assert response.headers["allow"] == allowed
    assert response.json()["error"]["code"] == "method_not_allowed"


def test_only_the_head_of_a_stream_is_not_to_be_had(anna: Person) -> None:
    response = anna.http.head("/chat/stream")

    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


def test_a_reply_is_found_by_its_request_from_its_birth_on(anna: Person) -> None:
    with anna.asking(model="hang") as response:
        reply = next(events_of(response))[1]["reply"]

        assert stored(reply).generation.trace_id == response.headers["x-request-id"]


def test_a_report_of_an_answer_names_what_finds_it(anna: Person) -> None:
    told = anna.ask("xyzzy-question")
    [report] = re.findall(r'data-copy-report="([^"]*)"', anna.http.get(f"/chat/{told.events[0]['conversation']}/").text)

    assert told.reply in report
    assert stored(told.reply).generation.trace_id in report
    assert "complete" in report
    assert "xyzzy" not in report


def test_the_request_id_of_the_proxy_is_in_the_answer_and_in_the_evidence(anna: Person) -> None:
    anna.http.headers["X-Request-ID"] = "proxy-0123456789.abc_DEF"

    with anna.asking(model="echo") as response:
        reply = told(response).reply

    assert response.headers["x-request-id"] == "proxy-0123456789.abc_DEF"
    assert stored(reply).evidence.trace_id == "proxy-0123456789.abc_DEF"


@pytest.mark.parametrize("given", [None, "", "short", "x" * 65, "with space 1", 'quote"brace}12', "semi;colon-123"])
def test_a_request_id_is_made_where_none_or_an_odd_one_came(given: str | None, anna: Person) -> None:
    headers = {} if given is None else {"X-Request-ID": given}

    ids: list[Any] = [anna.http.get("/chat/stream", headers=headers).headers["x-request-id"] for _ in range(2)]

    assert all(re.fullmatch(r"[0-9a-f]{32}", id_) for id_ in ids)
    assert ids[0] != ids[1]


def test_errors_and_pages_have_a_request_id_too(anna: Person) -> None:
    for path in ("/", "/nowhere", "/healthz", "/chat/stream?reply=x", "/accounts/login/"):
        assert anna.http.get(path).headers["x-request-id"], path
