"""The X rows: cases without a number in the list."""

import json
from dataclasses import replace

from tests.support.fake_upstream.chunks import DONE, ROLE, Json, ended, error, json_answer, said, send
from tests.support.fake_upstream.steps import Hang, Reset, Send, Sleep
from tests.support.wire_rows.base import (
    COMPLETE,
    PLAIN,
    SO_FAR,
    SO_FAR_PIECES,
    TEXT,
    TEXT_PIECES,
    THOUGHT_PIECES,
    THOUGHTFUL,
    Expect,
    Row,
    row,
    stream,
)

# Between the waving hand and its skin tone.
LIMIT = 18
# A megabyte more than the limit of a line.
OVERLONG = b"data: " + b"x" * (9 * 1024 * 1024)


def escaped(*events: Json) -> bytes:
    """Encode events as pure ASCII, so that they can contain half of a surrogate pair."""
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()


def cleaned(name: str, about: str, pieces: tuple[str, ...], answer: str) -> Row:
    """Return a row whose `pieces` may contain lone surrogates, which become \\uXXXX on the wire."""
    steps = Send(escaped(ROLE, *said(*pieces), *ended()) + DONE)
    return row(name, about, steps, expect=replace(COMPLETE, answer=answer))


def status(name: str, code: int, error_code: str, message: str) -> Row:
    expect = Expect("failed", "", error_contains=message, error_code=error_code)
    return row(name, f"status {code}", *json_answer(error(message, code=code), code), expect=expect)


REFUSAL_PIECES = ("I’m sorry, ", "I can’t help ", "with that.")

ENDING_ROWS = (
    row("X1", "the plain stream", send(*PLAIN, DONE)),
    row(
        "X2",
        "a refusal is the answer",
        stream(*said(*REFUSAL_PIECES, key="refusal"), *ended()),
        expect=replace(COMPLETE, status="filtered", answer="".join(REFUSAL_PIECES)),
    ),
    row(
        "X3",
        "finish_reason content_filter",
        stream(*said(*SO_FAR_PIECES), *ended("content_filter")),
        expect=replace(COMPLETE, status="filtered", answer=SO_FAR, finish_reason="content_filter"),
    ),
    row(
        "X4",
        "longer than we take: counted in code points, one delta at a time",
        send(ROLE, *said(*TEXT_PIECES)),
        Hang(),
        expect=Expect("truncated", TEXT[:LIMIT], error_code="max_reply_chars"),
        LLM_MAX_REPLY_CHARS=LIMIT,
    ),
    row(
        "X5",
        "longer than we take, in one delta",
        send(ROLE, *said(TEXT * 100)),
        Hang(),
        expect=Expect("truncated", TEXT[:LIMIT], error_code="max_reply_chars"),
        LLM_MAX_REPLY_CHARS=LIMIT,
    ),
    row(
        "X6",
        "the model begins in reasoning",
        stream(*said(*THOUGHT_PIECES, "</th", "ink>", *TEXT_PIECES), *ended()),
        expect=THOUGHTFUL,
        LLM_BEGINS_IN_REASONING=True,
    ),
    row("X7", "[DONE], and the connection stays open", send(*PLAIN, DONE), Hang()),
    row("X8", "finish_reason, and the connection stays open", send(*PLAIN), Hang(), LLM_IDLE_TIMEOUT=0.5),
)

TEXT_ROWS = (
    row("X10", "NUL", stream(*said("a\0b", "\0"), *ended()), expect=replace(COMPLETE, answer="a\ufffdb\ufffd")),
    cleaned("X11", "a surrogate pair split over two chunks", ("smile \ud83d", "\ude00!"), "smile 😀!"),
    cleaned("X12", "lone surrogates in the middle", ("x\ud83dy", "\ude00z"), "x\ufffdy\ufffdz"),
    cleaned("X13", "a high surrogate, and no low one in the next chunk", ("x\ud83d", "y"), "x\ufffdy"),
    cleaned("X14", "a high surrogate at the very end", ("x", "y\ud83d"), "xy\ufffd"),
    row(
        "X15",
        "surrogates and NUL in the reasoning",
        Send(
            escaped(ROLE, *said("a\ud83d", "\ude00b\udc00", "\0", key="reasoning_content"), *said(TEXT), *ended())
            + DONE
        ),
        expect=replace(COMPLETE, reasoning="a😀b\ufffd\ufffd"),
    ),
    row(
        "X16",
        "a lone surrogate and NUL in the finish_reason",
        Send(escaped(ROLE, *said(*TEXT_PIECES), *ended("e\ud83dos\0")) + DONE),
        expect=replace(COMPLETE, finish_reason="e\ufffdos\ufffd"),
    ),
    row(
        "X17",
        "a lone surrogate and NUL in an error",
        Send(escaped(ROLE, *said(*SO_FAR_PIECES), error("out of \ud83d\0 order"))),
        expect=Expect("failed", SO_FAR, error_contains="out of \ufffd\ufffd order", error_code="upstream_error"),
    ),
)

UNREADABLE_ROWS = (
    row(
        "X20",
        "a line without end",
        send(ROLE, *said(*SO_FAR_PIECES)),
        Send(OVERLONG),
        expect=Expect("failed", SO_FAR, error_code="unreadable"),
    ),
    row(
        "X21",
        "data that is no JSON",
        stream(*said(*SO_FAR_PIECES), b"data: what is this\n\n", *said("!"), *ended()),
        expect=Expect("failed", SO_FAR, error_code="unreadable"),
    ),
)

TIMER_ROWS = (
    row(
        "X30",
        "silence after some text",
        send(ROLE, *said(*SO_FAR_PIECES)),
        Hang(),
        expect=Expect("timed_out", SO_FAR, timer="idle"),
        LLM_IDLE_TIMEOUT=0.5,
    ),
    row(
        "X31",
        "an answer that never ends",
        send(ROLE, *said(*SO_FAR_PIECES)),
        *(step for _ in range(200) for step in (Send(b": keep-alive\n\n"), Sleep(0.1))),
        expect=Expect("timed_out", SO_FAR, timer="total"),
        LLM_TOTAL_TIMEOUT=1.0,
    ),
)

STATUS_ROWS = (
    status("X40", 401, "unauthorized", "Incorrect API key provided."),
    status("X41", 404, "unknown_model", "The model does not exist."),
    status("X42", 400, "context_too_long", "This model's maximum context length is 4096 tokens."),
    row(
        "X43",
        "status 500, again and again",
        *json_answer(error("The server had an error."), 500),
        expect=Expect(
            "failed", "", error_contains="The server had an error.", error_code="server_error", attempts=3, requests=3
        ),
    ),
    row(
        "X44",
        "status 504, again and again",
        *json_answer(error("upstream request timeout"), 504),
        expect=Expect(
            "failed", "", error_contains="upstream request timeout", error_code="overloaded", attempts=3, requests=3
        ),
    ),
    row(
        "X45",
        "a reset, again and again",
        Reset(),
        expect=Expect("failed", "", error_code="unreachable", attempts=3, requests=3),
    ),
)

EXTRAS: tuple[Row, ...] = ENDING_ROWS + TEXT_ROWS + UNREADABLE_ROWS + TIMER_ROWS + STATUS_ROWS
