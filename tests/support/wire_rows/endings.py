"""X100 to X159: finish reasons in all their words and places, and errors in all their shapes."""

from dataclasses import replace

from tests.support.fake_upstream.chunks import DONE, ROLE, Json, as_json, chunk, ended, frame, json_answer, said, send
from tests.support.fake_upstream.steps import Hang, Reset, Sleep
from tests.support.wire_rows.base import (
    COMPLETE,
    SO_FAR,
    SO_FAR_PIECES,
    TEXT_PIECES,
    UPSTREAM_ERROR,
    Expect,
    Row,
    row,
    stream,
)

# A bit more than test_wire.py's grace after a finish_reason.
LONGER_THAN_GRACE = 1.3
PASSING_QUOTA = "Your quota is used up until Monday."


def with_reason(name: str, reason: str, expect: Expect) -> Row:
    """An answer that ends for this reason."""
    expect = replace(expect, finish_reason=reason)
    return row(name, f"finish_reason {reason!r}", stream(*said(*TEXT_PIECES), *ended(reason)), expect=expect)


def all_with_reason(number: int, expect: Expect, *reasons: str) -> tuple[Row, ...]:
    return tuple(
        with_reason(f"X{number}{letter}", reason, expect)
        for letter, reason in zip("abcdefghijklmnopqrstuvwxyz", reasons, strict=False)
    )


def finishing(finish: str | None, *pieces: str) -> list[Json]:
    """Chunks with text, each with a finish_reason."""
    return [chunk(content=piece, finish=finish) for piece in pieces]


TRUNCATED = replace(COMPLETE, status="truncated")
FILTERED = replace(COMPLETE, status="filtered")
FAILED = replace(COMPLETE, status="failed", error_code="upstream_error", error_contains="finish_reason")
UNKNOWN = replace(TRUNCATED, error_code="unknown_end")

WORD_ROWS = (
    *all_with_reason(100, COMPLETE, "STOP", "end_turn", "eos", "COMPLETE", "stop_sequence", "FinishReason.STOP"),
    *all_with_reason(
        101,
        TRUNCATED,
        "MAX_TOKENS",
        "max_output_tokens",
        "max_new_tokens",
        "model_context_window_exceeded",
        "Length",
        "pause_turn",
    ),
    *all_with_reason(
        102,
        FILTERED,
        "SAFETY",
        "sensitive",
        "PROHIBITED_CONTENT",
        "RECITATION",
        "BLOCKLIST",
        "content-filter",
        "guardrail_intervened",
        "refusal",
    ),
    *all_with_reason(
        103,
        FAILED,
        "ERROR",
        "network_error",
        "insufficient_system_resource",
        "timeout",
        "cancelled",
        "MALFORMED_FUNCTION_CALL",
        "function_call_filter: MALFORMED_FUNCTION_CALL",
    ),
    *(
        replace(row, expect=replace(row.expect, error_contains=row.expect.finish_reason))
        for row in all_with_reason(104, UNKNOWN, "zorp", "unknown", "完了", "stop because")
    ),
)

PLACE_ROWS = (
    row(
        "X110",
        "stop in every chunk, for longer than the grace",
        send(ROLE),
        *(step for piece in TEXT_PIECES for step in (send(*finishing("stop", piece)), Sleep(LONGER_THAN_GRACE / 4))),
        send(*ended(), DONE),
    ),
    *(
        row(
            f"X111{letter}",
            f"{reason!r} as text in every chunk",
            send(ROLE, *finishing(reason, *TEXT_PIECES), *ended(), DONE),
        )
        for letter, reason in zip("abc", ("null", "None", "FINISH_REASON_UNSPECIFIED"), strict=True)
    ),
    row(
        "X112",
        "no reason but null as text, and no [DONE]: cut",
        send(ROLE, *finishing("null", *SO_FAR_PIECES)),
        expect=Expect("failed", SO_FAR, error_code="cut"),
    ),
    row(
        "X113",
        "tool_calls, silence, then the answer",
        send(ROLE, chunk(tool_calls=[{"index": 0, "function": {"name": "search"}}], finish="tool_calls")),
        Sleep(LONGER_THAN_GRACE),
        send(*said(*TEXT_PIECES), *ended(), DONE),
    ),
    row(
        "X114",
        "text after stop, then a cut: the stop was none",
        send(ROLE, *finishing("stop", SO_FAR_PIECES[0]), *said(SO_FAR_PIECES[1])),
        expect=Expect("failed", SO_FAR, error_code="cut"),
    ),
    row(
        "X115",
        "text after stop, then a reset: the stop was none",
        send(ROLE, *finishing("stop", SO_FAR_PIECES[0]), *said(SO_FAR_PIECES[1])),
        Sleep(0.15),
        Reset(),
        expect=Expect("failed", SO_FAR, error_code="cut"),
    ),
    row(
        "X116",
        "text after stop, then silence: the stop was none",
        send(ROLE, *finishing("stop", *SO_FAR_PIECES)),
        Hang(),
        expect=Expect("timed_out", SO_FAR, timer="idle"),
        LLM_IDLE_TIMEOUT=0.7,
    ),
    row(
        "X117",
        "usage a while after the finish_reason",
        send(ROLE, *said(*TEXT_PIECES), ended()[0]),
        Sleep(0.4),
        send(ended()[1]),
        Hang(),
    ),
    row(
        "X118",
        "length, then stop: the last one counts",
        stream(*finishing("length", *TEXT_PIECES), *ended()),
    ),
    row(
        "X119",
        "a finish_reason that is a number",
        stream(*said(*TEXT_PIECES), frame(choices=[{"index": 0, "delta": {}, "finish_reason": 7}]), ended()[1]),
        expect=replace(UNKNOWN, finish_reason="7", error_contains="7"),
    ),
)


SHAPES: tuple[tuple[str, object], ...] = (
    ("a code and msg (GLM)", {"code": 1305, "msg": PASSING_QUOTA, "success": False}),
    ("a code and msg alone", {"code": 1305, "msg": PASSING_QUOTA}),
    ("error_code and error_msg (Baidu)", {"error_code": 18, "error_msg": PASSING_QUOTA}),
    ("text and error_code (FastChat)", {"text": PASSING_QUOTA, "error_code": 50001}),
    ("success false", {"success": False, "message": PASSING_QUOTA}),
    ("an object of that name", {"object": "error", "message": PASSING_QUOTA, "code": 40001}),
    ("a type of that name", {"type": "error", "message": PASSING_QUOTA}),
    ("detail (FastAPI)", {"detail": PASSING_QUOTA}),
    (
        "a code that is a word (DashScope)",
        {"code": "DataInspectionFailed", "message": PASSING_QUOTA, "request_id": "r"},
    ),
    ("in a choice (OpenRouter)", {"choices": [{"error": {"code": 502, "message": PASSING_QUOTA}, "delta": {}}]}),
    ("errors, a list", {"errors": [{"message": PASSING_QUOTA}]}),
    ("in a list (Google)", [{"error": {"code": 503, "message": PASSING_QUOTA, "status": "UNAVAILABLE"}}]),
    ("a status of 400 and more", {"status": 503, "title": PASSING_QUOTA}),
    ("an exception", {"exception": PASSING_QUOTA}),
)

ERROR_ROWS = tuple(
    made
    for number, (about, shape) in enumerate(SHAPES, 120)
    for made in (
        row(
            f"X{number}a",
            f"an error behind text: {about}",
            stream(*said(*SO_FAR_PIECES), f"data: {as_json(shape)}\n\n".encode()),
            expect=replace(UPSTREAM_ERROR, error_contains=PASSING_QUOTA),
        ),
        row(
            f"X{number}b",
            f"an error as a document at 200: {about}",
            *json_answer(shape),
            expect=replace(UPSTREAM_ERROR, answer="", error_contains=PASSING_QUOTA),
        ),
    )
)

HARMLESS: tuple[Json, ...] = (
    {"type": "ping"},
    {"code": 0, "msg": "ok"},
    {"code": 200, "message": "success", "success": True},
    {"status": "in_progress"},
    {"status": 200},
    {"prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]},
    {"error": None},
    {"message": "processing"},
    {"object": "chat.completion.chunk"},
)
HARMLESS_ROWS = tuple(
    row(f"X150{letter}", f"no error: {told}", send(ROLE, told, *said(*TEXT_PIECES), told, *ended(), told, DONE))
    for letter, told in zip("abcdefghi", HARMLESS, strict=True)
)

EMPTY_ROWS = tuple(
    row(
        f"X155{letter}",
        f"an answer of nothing to see: {text!r}",
        stream(*said(text), *ended()),
        expect=replace(COMPLETE, status="failed", answer=text, error_code="empty_reply"),
    )
    for letter, text in zip("abc", ("\n\n", "\u200b", " \t\ufeff"), strict=True)
)

ENDINGS: tuple[Row, ...] = WORD_ROWS + PLACE_ROWS + ERROR_ROWS + HARMLESS_ROWS + EMPTY_ROWS
