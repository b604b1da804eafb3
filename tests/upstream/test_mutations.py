"""Well-formed streams with something wrong in them: whatever it is, text that is lost is never called complete."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.replies.writer import judge
from chat.upstream import client
from tests.support.fake_upstream.chunks import DONE, ROLE, Json, chunk, ended, error, frame
from tests.support.upstream_alone import Outcome, answering, ask, stream_of

# Less than this of an event is a field that means nothing.
DATA = len(b"data: {")

Events = list[Json | bytes]
WORDS = ("The ", "price ", "is ", "$", "6", ".50", " or\n", "12", " 你好", " 👋🏽", "<b>", "`x`")
COMPLETE_WORDS = ["stop", "STOP", "end_turn", "eos"]
OTHER_WORDS: list[Any] = [
    "length",
    "MAX_TOKENS",
    "SAFETY",
    "error",
    "tool_calls",
    "null",
    "None",
    "",
    "zorp",
    None,
    7,
    [],
    {},
]
ODD = st.sampled_from([None, True, False, 0, 3, -1, 1.5, "", "x", "null", [], {}, [None], ["a"], {"a": 1}, 10**30])
# Anything may stand in these fields, and no text is lost by it. A second choice is another matter.
FREE_FIELDS = ("id", "object", "created", "model", "system_fingerprint", "usage", "service_tier", "x_groq")
FREE_DELTA_FIELDS = ("role", "refusal", "reasoning_content", "reasoning", "tool_calls", "function_call", "audio")
INSERTED: tuple[Json | bytes, ...] = (
    b": keep-alive\n\n",
    b"data: null\n\n",
    b"data: ping\n\n",
    b"data: 17000000\n\n",
    b"data: []\n\n",
    b"data: {}\n\n",
    b"data:\n\n",
    b'event: citations\ndata: ["https://example.com"]\n\n',
    b"event: status\ndata: thinking\n\n",
    b"retry: 1000\n\n",
    b"\xef\xbb\xbf",
    frame(choices=[]),
    frame(choices={}),
    frame(choices=[{}]),
    frame(choices=[{"index": 0, "delta": []}]),
    frame(choices=[{"index": 0, "delta": None, "message": ""}]),
    {"type": "ping"},
    {"status": "in_progress"},
)
ERRORS: tuple[Json, ...] = (
    error("busy"),
    {"code": 1305, "msg": "busy", "success": False},
    {"detail": "busy"},
    {"object": "error", "message": "busy"},
    frame(choices=[{"index": 0, "delta": {}, "error": {"message": "busy"}}]),
)
# Ways in which a server may write the same text.
SHAPES: tuple[Callable[[str], Any], ...] = (
    lambda text: [{"type": "text", "text": text}],
    lambda text: [text],
    lambda text: {"type": "text", "text": text},
    lambda text: int(text) if text.isdecimal() else text,
)


@pytest.fixture(autouse=True, scope="module")
def _no_back_off() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "_back_off", lambda attempt: 0.0)
        yield


def bytes_of(events: Events) -> list[bytes]:
    return [event if isinstance(event, bytes) else f"data: {json.dumps(event)}\n\n".encode() for event in events]


def played(*pieces: bytes) -> Outcome:
    # Another attempt gets the same answer.
    return ask(answering(*(stream_of(*pieces) for _ in range(3))))


def is_complete(outcome: Outcome) -> bool:
    return outcome.error is None and judge(outcome.facts).status == "complete"


@st.composite
def streams(draw: st.DrawFn, mutations: tuple[Callable[[st.DrawFn, Events], None], ...]) -> tuple[str, Events]:
    """The text that is sent, and the events of it after a few mutations."""
    words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6))
    events: Events = [copy.deepcopy(event) for event in (ROLE, *(chunk(content=word) for word in words), *ended())]
    events.append(DONE)
    for mutation in draw(st.lists(st.sampled_from(mutations), min_size=1, max_size=4)):
        mutation(draw, events)
    return "".join(words), events


def one_of(draw: st.DrawFn, events: Events) -> Json:
    return draw(st.sampled_from([event for event in events if isinstance(event, dict)]))


def choice_of(draw: st.DrawFn, events: Events) -> Json:
    found = [event for event in events if isinstance(event, dict) and _is_plain(event)]
    choice: Json = draw(st.sampled_from(found))["choices"][0]
    return choice


def _is_plain(event: Json) -> bool:
    choices = event.get("choices")
    return (
        isinstance(choices, list) and bool(choices) and isinstance(choices[0], dict) and "finish_reason" in choices[0]
    )


def swap_a_type(draw: st.DrawFn, events: Events) -> None:
    one_of(draw, events)[draw(st.sampled_from(FREE_FIELDS))] = draw(ODD)


def swap_a_type_inside(draw: st.DrawFn, events: Events) -> None:
    choice_of(draw, events)["delta"][draw(st.sampled_from(FREE_DELTA_FIELDS))] = draw(ODD.filter(is_no_text))


def is_no_text(value: object) -> bool:
    """Thoughts and refusals that are text change the answer, as they should."""
    return value is None or isinstance(value, bool | list | dict)


def swap_the_index(draw: st.DrawFn, events: Events) -> None:
    choice_of(draw, events)["index"] = draw(st.sampled_from([None, "0", 0.0, "", [], {}, True, "first"]))


def reshape_the_text(draw: st.DrawFn, events: Events) -> None:
    delta = choice_of(draw, events)["delta"]
    if isinstance(delta.get("content"), str):
        delta["content"] = draw(st.sampled_from(SHAPES))(delta["content"])


def insert_an_event(draw: st.DrawFn, events: Events) -> None:
    events.insert(draw(st.integers(0, len(events) - 1)), copy.deepcopy(draw(st.sampled_from(INSERTED))))


def insert_another_choice(draw: st.DrawFn, events: Events) -> None:
    first = next(number for number, event in enumerate(events) if isinstance(event, dict) and _is_plain(event))
    another = frame(choices=[{"index": 1, "delta": {"content": "another choice"}}])
    events.insert(draw(st.integers(first + 1, len(events) - 1)), another)


def move_a_reason(draw: st.DrawFn, events: Events) -> None:
    choice_of(draw, events)["finish_reason"] = draw(st.sampled_from([*COMPLETE_WORDS, *OTHER_WORDS]))


def repeat_a_reason(draw: st.DrawFn, events: Events) -> None:
    """In every chunk, as some servers do."""
    reason = draw(st.sampled_from(COMPLETE_WORDS))
    for event in events:
        if isinstance(event, dict) and _is_plain(event):
            event["choices"][0]["finish_reason"] = reason


def drop_done(draw: st.DrawFn, events: Events) -> None:
    if DONE in events:
        events.remove(DONE)


def repeat_the_message(draw: st.DrawFn, events: Events) -> None:
    deltas = [event["choices"][0]["delta"] for event in events if isinstance(event, dict) and _is_plain(event)]
    texts = [delta.get("content") for delta in deltas]
    if all(isinstance(text, str) for text in texts if text is not None):
        whole = "".join(text for text in texts if text)
        events.insert(
            len(events) - 1, frame(choices=[{"index": 0, "message": {"role": "assistant", "content": whole}}])
        )


HARMLESS = (
    swap_a_type,
    swap_a_type_inside,
    swap_the_index,
    reshape_the_text,
    insert_an_event,
    insert_another_choice,
    move_a_reason,
    repeat_a_reason,
    drop_done,
    repeat_the_message,
)


@settings(max_examples=400, deadline=None)
@given(streams(HARMLESS))
def test_all_text_that_was_sent_is_there_whatever_is_odd_about_its_stream(made: tuple[str, Events]) -> None:
    text, events = made
    outcome = played(*bytes_of(events))

    if is_complete(outcome):
        assert outcome.answer == text
    else:
        # An odd end may be told, but it costs nothing of what was sent.
        assert outcome.answer == text or outcome.error


ONLY_ODD = tuple(mutation for mutation in HARMLESS if mutation not in (move_a_reason, drop_done))


@settings(max_examples=400, deadline=None)
@given(streams(ONLY_ODD))
def test_oddities_alone_cost_neither_text_nor_the_good_end(made: tuple[str, Events]) -> None:
    text, events = made
    outcome = played(*bytes_of(events))

    assert outcome.error is None
    assert outcome.answer == text
    assert is_complete(outcome)


@settings(max_examples=200, deadline=None)
@given(streams(HARMLESS), st.sampled_from(ERRORS), st.data())
def test_an_error_anywhere_before_the_end_is_never_a_complete_answer(
    made: tuple[str, Events], reported: Json, data: st.DataObject
) -> None:
    _, events = made
    events = [event for event in events if event != DONE]
    events.insert(data.draw(st.integers(0, len(events))), reported)

    assert not is_complete(played(*bytes_of([*events, DONE])))


@settings(max_examples=300, deadline=None)
@given(streams((insert_an_event, reshape_the_text, swap_a_type)), st.data())
def test_a_stream_that_is_cut_before_all_its_text_is_never_complete(
    made: tuple[str, Events], data: st.DataObject
) -> None:
    text, events = made
    body = b"".join(bytes_of(events))
    outcome = played(body[: data.draw(st.integers(0, len(body)))])

    assert text.startswith(outcome.answer)
    assert not is_complete(outcome) or outcome.answer == text


@settings(max_examples=300, deadline=None)
@given(streams((insert_an_event, reshape_the_text, repeat_a_reason)), st.data())
def test_text_in_an_event_that_is_broken_is_never_lost_in_silence(
    made: tuple[str, Events], data: st.DataObject
) -> None:
    text, events = made
    pieces = bytes_of(events)
    number = data.draw(st.integers(0, len(pieces) - 1))
    broken = pieces[number].rstrip(b"\n")
    pieces[number] = broken[: data.draw(st.integers(min(len(broken), DATA), len(broken)))] + b"\n\n"
    outcome = played(*pieces)

    assert not is_complete(outcome) or outcome.answer == text
