"""From the data of an event to text and facts: shapes that no wire row has, and any JSON at all."""

import json
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.events import Facts, Text, Usage
from chat.sse import Event
from chat.upstream import UpstreamError
from chat.upstream.chunks import ChunkReader
from chat.upstream.errors import EmptyReply, ReportedError, ToolOnly, Unreadable, WebPage
from tests.support.fake_upstream.chunks import ROLE, as_json, chunk, ended, frame, said

MOST_STORED = 2**63 - 1


def read(*chunks: object, begins_in_reasoning: bool = False) -> tuple[Text, Facts]:
    facts = Facts()
    reader = ChunkReader(facts, begins_in_reasoning=begins_in_reasoning)
    for one in chunks:
        reader.take(Event(one if isinstance(one, str) else as_json(one)))
    begun, rest = reader.grown(), reader.finish()
    return Text(begun.reasoning + rest.reasoning, begun.answer + rest.answer), facts


def test_it_reads_text_and_facts() -> None:
    text, facts = read(ROLE, *said("Hello", " there"), *ended(), "[DONE]")

    assert text == Text("", "Hello there")
    assert (facts.finish_reason, facts.done, facts.chunks) == ("stop", True, 5)
    assert facts.usage == Usage(12, 7)


@pytest.mark.parametrize(
    ("delta", "text"),
    [
        ({"content": "a", "reasoning_content": "b"}, Text("b", "a")),
        ({"content": "a", "reasoning": ""}, Text("", "a")),
        ({"reasoning": "", "reasoning_content": "", "reasoning_details": [{"summary": "b"}]}, Text("b", "")),
        ({"reasoning": {"text": "b"}, "reasoning_content": 5, "reasoning_details": "b"}, Text("5", "")),
        ({"reasoning": {"text": "b"}, "reasoning_content": False, "reasoning_details": "b"}, Text()),
        ({"reasoning_details": [None, "b", {"text": 5}, {"data": "b"}]}, Text()),
        ({"content": []}, Text()),
        ({"content": [None, 5, "a", {"type": "text", "text": None}, {"type": "image"}]}, Text("", "5a")),
        ({"content": 6}, Text("", "6")),
        ({"content": 6.50}, Text("", "6.5")),
        ({"content": True}, Text()),
        ({"content": {"type": "text", "text": "a"}}, Text("", "a")),
        ({"content": "a", "refusal": False}, Text("", "a")),
        ({"content": "a", "refusal": {}}, Text("", "a")),
        (
            {"content": [{"text": "a"}, {"type": "thinking", "thinking": [{"text": "b"}, {"text": "c"}]}]},
            Text("bc", "a"),
        ),
        ({"content": [{"type": "thinking"}, {"type": "thinking", "thinking": 5}]}, Text("5", "")),
        ({"content": "a", "refusal": "b"}, Text("", "ab")),
    ],
)
def test_a_delta_of_any_known_shape_has_its_text(delta: dict[str, Any], text: Text) -> None:
    assert read(chunk(**delta))[0] == text


@pytest.mark.parametrize("data", ["{", '{"choices":[{"del', "what is this", '"two words"', '[{"choices":'])
def test_what_is_no_chunk_and_may_have_been_one_is_unreadable(data: str) -> None:
    with pytest.raises(Unreadable):
        read(data)


@pytest.mark.parametrize(
    "data",
    [
        "5",
        "null",
        "true",
        '"text"',
        "[1]",
        "ping",
        "keep-alive",
        '{"choices":5}',
        '{"choices":{}}',
        '{"choices":""}',
        '{"choices":[null]}',
        '{"choices":[{"delta":[]}]}',
        '{"choices":[{"delta":""}]}',
        '{"choices":[{"message":""}]}',
        '{"type":"ping"}',
        '{"type":"status","message":"You are number 3 in the queue"}',
    ],
)
def test_what_is_no_chunk_is_skipped(data: str) -> None:
    assert read(chunk(content="a"), data, chunk(content="b", finish="stop"))[0] == Text("", "ab")


@pytest.mark.parametrize("data", ['"[DONE]"', "DONE", "[done]", '{"usage":{"prompt_tok', "that was all", "<html>"])
def test_after_the_finish_reason_nothing_unreadable_is_an_error(data: str) -> None:
    assert read(chunk(content="a", finish="stop"), data)[0] == Text("", "a")


def test_after_the_finish_reason_broken_text_is_an_error() -> None:
    with pytest.raises(Unreadable):
        read(chunk(content="a", finish="stop"), '{"choices":[{"delta":{"content":"b')


@pytest.mark.parametrize(
    "error",
    [
        {"object": "error", "message": "On fire."},
        {"type": "error", "message": "On fire."},
        {"detail": "On fire."},
        {"detail": [{"msg": "On fire."}]},
        {"code": 1305, "msg": "On fire."},
        {"code": 1305, "msg": "On fire.", "success": False},
        {"error_code": 17, "error_msg": "On fire."},
        {"text": "On fire.", "error_code": 50001},
        {"code": "DataInspectionFailed", "message": "On fire.", "request_id": "1"},
        {"success": False, "message": "On fire."},
        {"status": 503, "title": "On fire."},
        {"errors": [{"message": "On fire."}]},
        {"choices": [], "code": "busy", "message": "On fire."},
        {"choices": [{"delta": {}}], "success": False, "message": "On fire."},
        {"choices": [{"error": {"message": "On fire."}, "delta": {}}]},
        {"error": {"message": "On fire."}},
    ],
)
def test_an_error_of_any_shape_is_an_error_with_its_sentence(error: object) -> None:
    for value in (error, [error]):
        with pytest.raises(ReportedError) as raised:
            read(chunk(content="a"), value)
        assert raised.value.detail == "On fire."


@pytest.mark.parametrize(
    ("chunks", "reason", "went_on"),
    [
        ([chunk(content="a", finish="stop"), chunk(content="b", finish="stop")], "stop", True),
        ([chunk(content="a", finish="stop"), chunk(content="b")], "", True),
        ([chunk(content="a", finish="stop"), chunk(), frame(choices=[])], "stop", False),
        ([chunk(content="a", finish="null"), chunk(content="b", finish="None")], "", False),
        ([chunk(content="a", finish="tool_calls"), chunk(reasoning="b")], "", True),
    ],
)
def test_a_finish_reason_that_text_follows_was_none(chunks: list[object], reason: str, went_on: bool) -> None:
    facts = Facts()
    reader = ChunkReader(facts)
    for one in chunks:
        reader.take(Event(as_json(one)))
    assert (facts.finish_reason, reader.went_on) == (reason, went_on)


@pytest.mark.parametrize("whole", ["\nHello you ", "Hello you", "Hello you ", "Hello you all"])
def test_a_whole_message_at_the_end_adds_only_what_is_new(whole: str) -> None:
    message = frame(object="chat.completion", choices=[{"index": 0, "delta": None, "message": {"content": whole}}])
    text, _ = read(*said("\nHel", "lo you", " "), message)

    assert text.answer == "\nHello you " + ("all" if whole.endswith("all") else "")


@pytest.mark.parametrize("index", ["0", None, [], 1, "1", 7])
def test_a_choice_of_any_index_is_read_if_there_is_no_other(index: object) -> None:
    chunks = [{"choices": [{"index": index, "delta": {"content": piece}}]} for piece in "ab"]
    assert read(*chunks)[0] == Text("", "ab")


def test_a_web_page_is_told_apart() -> None:
    with pytest.raises(WebPage):
        read("<!doctype html><title>502</title>")


@pytest.mark.parametrize("depth", [1_000, 100_000])
@pytest.mark.parametrize("key", ["error", "usage", "choices", "other"])
def test_nesting_without_end_is_unreadable_or_ignored(key: str, depth: int) -> None:
    data = f'{{"{key}":' + "[" * depth + "]" * depth + "}"
    with suppress(UpstreamError):
        assert read(data)[0] == Text()


def test_many_objects_in_one_line_are_taken_apart_one_by_one() -> None:
    """Each one takes the time for itself, not for the whole line."""
    glued = "\n ".join([as_json(chunk(content="a"))] * 20_000)
    assert read(glued)[0] == Text("", "a" * 20_000)


def test_text_before_what_can_t_be_read_is_kept() -> None:
    reader = ChunkReader(Facts())
    with pytest.raises(Unreadable):
        reader.take(Event(as_json(chunk(content="Hello")) + '{"choices": [{"del'))
    assert reader.grown() == Text("", "Hello")


def test_text_of_the_chunk_that_reports_an_error_is_kept() -> None:
    reader = ChunkReader(Facts())
    with pytest.raises(ReportedError):
        reader.take(Event(as_json(chunk(content="Hello") | {"error": "broken"})))
    assert reader.grown() == Text("", "Hello")


@pytest.mark.parametrize("error", [None, False, "", {}, []])
def test_an_empty_error_is_none(error: object) -> None:
    assert read(chunk(content="Hello") | {"error": error})[0] == Text("", "Hello")


def test_what_is_said_by_another_choice_or_after_the_end_is_not_the_answer() -> None:
    other = frame(choices=[{"index": 1, "delta": {"content": "no"}, "finish_reason": "length"}])
    text, facts = read(chunk(content="yes", finish="stop"), other, "[DONE]", chunk(content="ghost"))

    assert text == Text("", "yes")
    assert facts.finish_reason == "stop"


@pytest.mark.parametrize(
    ("chunks", "error"),
    [
        ([ROLE], EmptyReply),
        ([chunk(finish="stop")], EmptyReply),
        ([chunk(finish="function_call")], ToolOnly),
        ([chunk(function_call={"name": "f", "arguments": "{}"})], ToolOnly),
        ([chunk(tool_calls=[], finish="stop")], EmptyReply),
    ],
)
def test_no_text_is_no_answer(chunks: list[object], error: type[UpstreamError]) -> None:
    reader = ChunkReader(Facts())
    for one in chunks:
        reader.take(Event(as_json(one)))
    reader.finish()
    with pytest.raises(error):
        reader.check_not_empty()


def test_a_content_filter_that_leaves_nothing_has_said_why() -> None:
    reader = ChunkReader(Facts())
    reader.take(Event(as_json(chunk(finish="content_filter"))))
    reader.finish()
    reader.check_not_empty()


# --- Facts are stored, whatever they are ----------------------------------------------------------------------------


@pytest.mark.parametrize("dirty", ["a\0b", "a\ud83db", "a" * 10_000, 5, None, ["a"], {"a": 1}])
def test_names_can_be_stored(dirty: object) -> None:
    _, facts = read(
        json.dumps({"id": dirty, "model": dirty, "system_fingerprint": dirty, "choices": [{"finish_reason": dirty}]})
    )
    for name in (facts.upstream_id, facts.model, facts.system_fingerprint, facts.finish_reason):
        assert_storable(name)
        assert len(name) <= 200


@pytest.mark.parametrize("number", [-1, 2**63, 10**100, -(10**100), 1.5, True, "1", None])
def test_numbers_can_be_stored(number: object) -> None:
    details = {"prompt_tokens_details": {"cached_tokens": number}, "completion_tokens_details": number}
    _, facts = read({"created": number, "usage": {"prompt_tokens": number, "completion_tokens": number, **details}})

    assert 0 <= (facts.upstream_created or 0) <= MOST_STORED
    assert facts.usage
    assert all(count is None or 0 <= count < 2**31 for count in asdict(facts.usage).values())


def assert_storable(text: str) -> None:
    """Check a text: PostgreSQL refuses NUL, and UTF-8 has no surrogates, so `encode` would raise."""
    assert "\0" not in text
    assert text.encode().decode() == text


# --- Any JSON at all ------------------------------------------------------------------------------------------------

TEXTS = st.text(max_size=8) | st.sampled_from(["<think>", "</think>", "\0", "\ud83d", "\ude00", "stop", "error"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2), max_leaves=5
)
PARTS = st.lists(
    st.fixed_dictionaries({}, optional={"type": st.just("thinking") | TEXTS, "text": ANYTHING, "thinking": ANYTHING}),
    max_size=2,
)
DELTAS = st.fixed_dictionaries(
    {},
    optional={
        "content": TEXTS | PARTS | ANYTHING,
        "refusal": TEXTS | ANYTHING,
        "reasoning": TEXTS | ANYTHING,
        "reasoning_content": TEXTS | ANYTHING,
        "reasoning_details": PARTS | ANYTHING,
        "tool_calls": ANYTHING,
    },
)
CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "delta": DELTAS | ANYTHING,
        "message": DELTAS,
        "finish_reason": TEXTS | ANYTHING,
        "index": st.integers(0, 1) | ANYTHING,
    },
)
CHUNKS = st.fixed_dictionaries(
    {},
    optional={
        "choices": st.lists(CHOICES | ANYTHING, max_size=2) | ANYTHING,
        **dict.fromkeys(("id", "created", "model", "system_fingerprint", "usage", "x_groq", "error"), ANYTHING),
    },
)
EVENTS = st.builds(Event, (CHUNKS | ANYTHING).map(json.dumps) | st.text(), st.sampled_from(["message", "error"]))


@settings(max_examples=500)
@given(st.lists(EVENTS, max_size=4), st.booleans())
def test_whatever_comes_is_text_that_can_be_stored_or_an_error_of_ours(events: list[Event], begins: bool) -> None:
    facts = Facts()
    reader = ChunkReader(facts, begins_in_reasoning=begins)
    try:
        for event in events:
            reader.take(event)
    except UpstreamError as error:
        assert_storable(error.detail)

    for text in (reader.grown(), reader.finish()):
        assert_storable(text.reasoning + text.answer)
    for name in (facts.upstream_id, facts.model, facts.system_fingerprint, facts.finish_reason):
        assert_storable(name)
    assert 0 <= (facts.upstream_created or 0) <= MOST_STORED
