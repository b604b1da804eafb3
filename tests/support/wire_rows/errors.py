"""W55 to W68: what goes wrong upstream, reported in ten ways or not at all."""

from dataclasses import replace

from tests.support.fake_upstream.chunks import (
    DONE,
    ROLE,
    Json,
    as_json,
    chunk,
    ended,
    error,
    frame,
    json_answer,
    said,
    send,
    sse,
)
from tests.support.fake_upstream.request import Received
from tests.support.fake_upstream.steps import CutChunk, Hang, Instead, Reset, Send, SendHead, Sleep
from tests.support.wire_rows.base import (
    COMPLETE,
    CUT,
    PAUSE,
    PLAIN,
    SO_FAR_PIECES,
    UPSTREAM_ERROR,
    USED,
    Expect,
    Row,
    after_refusal,
    row,
)

MESSAGE = "CUDA error: an illegal memory access was encountered"
TOLD = replace(UPSTREAM_ERROR, error_contains=MESSAGE)
TOLD_AT_ONCE = replace(TOLD, answer="")
RETRIED = replace(COMPLETE, attempts=2, requests=2)
SOON = {"LLM_FIRST_TOKEN_TIMEOUT": 10.0}
VLLM = error(MESSAGE, "InternalServerError", 500)
BEGUN = (ROLE, *said(*SO_FAR_PIECES))


def begun(*events: Json | bytes) -> Send:
    """Send the beginning of an answer, then these events."""
    return send(*BEGUN, *events)


def told(name: str, about: str, *events: Json | bytes) -> Row:
    return row(name, about, begun(*events), expect=TOLD)


def field(name: str, value: object) -> bytes:
    return f"{name}: {as_json(value)}\n\n".encode()


def asks_for_usage(asked: Received) -> bool:
    return "stream_options" in (asked.json or {})


IN_STREAM_ROWS = (
    told("W55a", "error, then [DONE] (vLLM)", VLLM, DONE),
    row("W55b", "error as the very first event, then [DONE] (llama.cpp)", send(VLLM, DONE), expect=TOLD_AT_ONCE),
    told("W56", "error, then the end", VLLM),
    row(
        "W57",
        "error and a finish_reason of that name (OpenRouter)",
        begun(chunk(content="", finish="error") | error(MESSAGE, code="server_error") | {"provider": "Example"}, DONE),
        expect=replace(TOLD, finish_reason="error"),
    ),
    told("W58a", "error is a string", {"error": MESSAGE}),
    told("W58b", "error in an error", {"error": {"error": {"message": MESSAGE, "type": "server_error"}}}),
    told(
        "W58c",
        "the code is a string (Groq)",
        {"error": {"message": MESSAGE, "code": "tool_use_failed", "status_code": 400}},
    ),
    told("W58d", "error beside choices without any", frame(choices=[]) | error(MESSAGE, code="502")),
    told("W59a", "event: error", b"event: error\n" + sse(VLLM)),
    told(
        "W59b",
        "event: error, the message without a wrapping",
        b"event: error\n" + sse({"message": MESSAGE, "code": 500}),
    ),
    told("W59c", "event: error, plain text", f"event: error\ndata: {MESSAGE}\n\n".encode()),
    told("W60a", "a field named error (llama.cpp), then [DONE]", field("error", VLLM["error"]), DONE),
    told(
        "W60b",
        "a field named error, then the end",
        field("error", {"code": 500, "message": MESSAGE, "type": "server_error"}),
    ),
    told("W61", "data: error: in plain text", f"data: error: {MESSAGE}\n\n".encode(), DONE),
)

STREAM_OPTIONS = error("property 'stream_options' is unsupported", "invalid_request_error")
BUSY = error("Rate limit reached for fake-model-1", "requests", "rate_limit_exceeded")
LOADING = error("Loading model", "unavailable_error", 503)

REFUSAL_ROWS = (
    row(
        "W62",
        "stream_options rejected with 400",
        Instead(asks_for_usage, json_answer(STREAM_OPTIONS, 400)),
        send(*PLAIN, DONE),
        expect=replace(COMPLETE, requests=2),
    ),
    row(
        "W63a",
        "429 and a Retry-After that fits",
        *after_refusal(*json_answer(BUSY, 429, retry_after="1")),
        expect=RETRIED,
        **SOON,
    ),
    row(
        "W63b",
        "503 and a Retry-After that fits",
        *after_refusal(*json_answer(LOADING, 503, retry_after="0")),
        expect=RETRIED,
        **SOON,
    ),
    row(
        "W63c",
        "429 and a Retry-After that does not fit",
        *after_refusal(*json_answer(BUSY, 429, retry_after="30")),
        expect=Expect("failed", "", error_contains="Rate limit reached", error_code="rate_limited"),
        **SOON,
    ),
    row(
        "W63d",
        "503 and a Retry-After that does not fit",
        *after_refusal(*json_answer(LOADING, 503, retry_after="30")),
        expect=Expect("failed", "", error_contains="Loading model", error_code="overloaded"),
        **SOON,
    ),
)

SILENCE_ROWS = (
    row(
        "W64",
        "silence before the headers",
        Hang(),
        expect=Expect("timed_out", "", timer="first_token"),
        LLM_FIRST_TOKEN_TIMEOUT=0.5,
        LLM_IDLE_TIMEOUT=5.0,
    ),
    row(
        "W65",
        "headers, then silence",
        SendHead(),
        Hang(),
        expect=Expect("timed_out", "", timer="idle"),
        LLM_FIRST_TOKEN_TIMEOUT=5.0,
        LLM_IDLE_TIMEOUT=0.5,
    ),
    row(
        "W66",
        "only comments",
        # They reset the idle timer, but not the one for the first token, and they end long after it.
        *(step for _ in range(200) for step in (Send(b": keep-alive\n\n"), Sleep(0.1))),
        expect=Expect("timed_out", "", timer="first_token"),
        LLM_FIRST_TOKEN_TIMEOUT=1.6,
        LLM_IDLE_TIMEOUT=0.8,
    ),
    row(
        "W67a",
        "reset in the middle of a chunk",
        begun(),
        Sleep(PAUSE),
        CutChunk(sse(chunk(content="lost"))[:40]),
        Sleep(PAUSE),
        Reset(),
        expect=CUT,
    ),
    row("W67b", "reset before the headers", *after_refusal(Reset()), expect=RETRIED),
    row("W67c", "reset before the first token", *after_refusal(send(ROLE), Sleep(PAUSE), Reset()), expect=RETRIED),
    row(
        "W68a",
        "finish_reason and no text",
        send(ROLE, *ended(), DONE),
        expect=Expect("failed", "", finish_reason="stop", usage=USED, error_code="empty_reply"),
    ),
    row("W68b", "nothing but [DONE]", Send(DONE), expect=Expect("failed", "", error_code="empty_reply")),
)

ERRORS: tuple[Row, ...] = IN_STREAM_ROWS + REFUSAL_ROWS + SILENCE_ROWS
