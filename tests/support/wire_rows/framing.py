"""W1 to W30: how the bytes are framed, and when they stop."""

import gzip
import json
import re
from dataclasses import replace
from itertools import pairwise

import brotli  # type: ignore[import-untyped]

from tests.support.fake_upstream.chunks import (
    DONE,
    ROLE,
    as_json,
    chunk,
    ended,
    error,
    json_answer,
    said,
    send,
    sse,
    usage,
)
from tests.support.fake_upstream.steps import Close, CloseDelimited, CutChunk, Headers, Send, Sleep, Status, Step
from tests.support.wire_rows.base import (
    COMPLETE,
    CUT,
    PAUSE,
    PLAIN,
    SO_FAR,
    SO_FAR_PIECES,
    TEXT,
    THOUGHT,
    THOUGHTFUL,
    Expect,
    Row,
    interspersed,
    row,
)

LINES = [sse(event, end="").decode() for event in PLAIN] + ["data: [DONE]"]
PLAIN_BYTES = send(*PLAIN, DONE).data
HALF_EVENT = sse(chunk(content="lost"))[:60]
HTML = b"<!doctype html>\n<html><head><title>502 Bad Gateway</title></head><body><h1>nginx</h1></body></html>\n"
# With 900,000 characters of up to four bytes each, the line is longer than 2^20 bytes.
MEGABYTE = ("строка 🦉 line\n" * 70_000)[:900_000]
SEPARATORS = "one\u2028two\u2029three\u0085four"


def with_endings(*endings: str) -> Send:
    """Send the plain stream, line by line, with these line endings in turn."""
    lines = [line for event in LINES for line in (event, "")]
    return Send("".join(line + endings[number % len(endings)] for number, line in enumerate(lines)).encode())


def in_pieces(data: bytes, *places: int) -> tuple[Step, ...]:
    """Return the body cut at these places, so that each piece is read separately."""
    bounds = [0, *places, len(data)]
    pieces = [data[start:stop] for start, stop in pairwise(bounds)]
    return tuple(step for piece in pieces for step in (Send(piece), Sleep(0.005)))


def inside(data: bytes, *characters: str) -> list[int]:
    """Return a place in the middle of the bytes of each of these characters."""
    return [data.index(character.encode()) + 1 for character in characters]


def after_each(wanted: bytes, data: bytes) -> list[int]:
    return [match.end() for match in re.finditer(re.escape(wanted), data)]


def prefixed(prefix: str) -> Send:
    """Send the plain stream with a different prefix for its data lines."""
    return Send("".join(line.replace("data: ", prefix, 1) + "\n\n" for line in LINES).encode())


def indented(value: object) -> bytes:
    """Return one event with several data lines."""
    lines = json.dumps(value, ensure_ascii=False, indent=1).split("\n")
    return "".join(f"data: {line}\n" for line in lines).encode() + b"\n"


def encoded(name: str, data: bytes) -> tuple[Step, ...]:
    return (Headers({"content-encoding": name}), Send(data))


CRLF = with_endings("\r\n").data
LAST = chunk(content=" — done.", finish="stop")
BEFORE_LAST = PLAIN[:5]
FULL_MESSAGE = {
    "id": "chatcmpl-fake-1",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "fake-model-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
    "usage": usage(),
}
THOUGHTFUL_MESSAGE = {"role": "assistant", "content": TEXT, "reasoning_content": THOUGHT}

LINE_ROWS = (
    row("W1", "CRLF", with_endings("\r\n")),
    row("W2", "lone CR", with_endings("\r")),
    row("W3", "mixed line endings", with_endings("\r\n", "\n", "\r", "\n", "\n")),
    row("W4", "CR | LF split across reads", *in_pieces(CRLF, *after_each(b"\r", CRLF))),
    row("W5", "a byte order mark", Send(b"\xef\xbb\xbf" + PLAIN_BYTES)),
    row("W6", "reads of one byte", *(Send(bytes([byte])) for byte in PLAIN_BYTES)),
    row("W7", "characters split between reads", *in_pieces(PLAIN_BYTES, *inside(PLAIN_BYTES, "ö", "你", "👋", "🏽"))),
    row(
        "W8",
        "invalid UTF-8",
        Send(send(ROLE, *said("caf@ @ @."), *ended(), DONE).data.replace(b"@ @ @", b"\xe9 \xff \xe4\xbd")),
        expect=replace(COMPLETE, answer="caf\ufffd \ufffd \ufffd."),
    ),
    row("W9", "data: without a space", prefixed("data:")),
    row("W10", "data: with two spaces", prefixed("data:  ")),
    row("W11", "data of several lines", Send(b"".join(indented(event) for event in PLAIN) + DONE)),
    row("W12", "empty data", interspersed(b"data:\n\ndata\n\ndata: \n\n")),
    row("W13a", "empty comments", interspersed(b":\n\n")),
    row("W13b", "comments: ping", interspersed(b": ping\n\n")),
    row("W13c", "comments of OpenRouter", interspersed(b": OPENROUTER PROCESSING\n\n")),
    row("W13d", "comments: keep-alive", interspersed(b": keep-alive\n\n")),
    row("W14", "a comment right before data", interspersed(b": ping\n")),
    row("W15", "event, id and retry lines", interspersed(b"event: message\nid: 7\nretry: 3000\nid: \0\nretry: soon\n")),
    row(
        "W16",
        "U+2028, U+2029 and U+0085 are no line ends",
        send(ROLE, *said(SEPARATORS), *ended(), DONE),
        expect=replace(COMPLETE, answer=SEPARATORS),
    ),
    row(
        "W17",
        "a line of a megabyte",
        send(ROLE, *said(MEGABYTE), *ended(), DONE),
        expect=replace(COMPLETE, answer=MEGABYTE),
    ),
)

END_ROWS = (
    row(
        "W18a",
        "the last data has no line end",
        send(*BEFORE_LAST, sse(LAST, end="")),
        expect=replace(COMPLETE, usage=None),
    ),
    row(
        "W18b",
        "the last data has no blank line",
        send(*BEFORE_LAST, sse(LAST, end="\n")),
        expect=replace(COMPLETE, usage=None),
    ),
    row("W19", "no [DONE]", send(*PLAIN)),
    row("W20a", "[DONE] without a space", send(*PLAIN, b"data:[DONE]\n\n")),
    row("W20b", "[DONE] with a space behind", send(*PLAIN, b"data: [DONE] \n\n")),
    row("W21", "text after [DONE]", send(*PLAIN, DONE, *said("ghost"))),
    row("W22", "a comment wrapped as data", interspersed(b"data: : PING\n\n")),
    row("W23a", "objects glued together", Send(b"data: " + "".join(map(as_json, PLAIN)).encode() + b"\n\n" + DONE)),
    row(
        "W23b",
        "truncated JSON, the next data: on the same line",
        send(ROLE, *said(*SO_FAR_PIECES), HALF_EVENT, *said("!"), *ended(), DONE),
        expect=Expect("failed", SO_FAR, error_code="unreadable"),
    ),
    row(
        "W23c",
        "truncated JSON, the next data: on its own line",
        send(ROLE, *said(*SO_FAR_PIECES), HALF_EVENT + b"\n\n", *said("!"), *ended(), DONE),
        expect=Expect("failed", SO_FAR, error_code="unreadable"),
    ),
    row(
        "W24", "data: and a line of JSON behind it", Send("".join(f"data:\n {line[6:]}\n\n" for line in LINES).encode())
    ),
    row("W25", "an empty body", Send(b""), expect=Expect("failed", "", error_code="empty_reply")),
    row("W26a", "a whole completion as JSON", *json_answer(FULL_MESSAGE)),
    row(
        "W26b",
        "an error as JSON at 200",
        *json_answer(error("The engine is out of order.")),
        expect=Expect("failed", "", error_contains="The engine is out of order.", error_code="upstream_error"),
    ),
    row(
        "W26c",
        "a whole completion with its reasoning",
        *json_answer(
            FULL_MESSAGE | {"choices": [{"index": 0, "message": THOUGHTFUL_MESSAGE, "finish_reason": "stop"}]}
        ),
        expect=THOUGHTFUL,
    ),
    row(
        "W27a",
        "a page of HTML at 200",
        Headers({"content-type": "text/html; charset=utf-8"}),
        Send(HTML),
        expect=Expect("failed", "", error_code="html"),
    ),
    row(
        "W27b",
        "a page of HTML at 502",
        Status(502),
        Headers({"content-type": "text/html"}),
        Send(HTML),
        expect=Expect("failed", "", error_code="overloaded", attempts=3, requests=3),
    ),
    row("W28a", "compressed with gzip", *encoded("gzip", gzip.compress(PLAIN_BYTES, mtime=0))),
    row("W28b", "compressed with brotli", *encoded("br", brotli.compress(PLAIN_BYTES))),
    row("W29a", "no content type", Headers({"content-type": None}), Send(PLAIN_BYTES)),
    row("W29b", "a charset", Headers({"content-type": "text/event-stream; charset=utf-8"}), Send(PLAIN_BYTES)),
    row(
        "W29c", "a wrong charset", Headers({"content-type": "text/event-stream;charset=iso-8859-1"}), Send(PLAIN_BYTES)
    ),
    row("W30a", "HTTP/1.0, the end of the connection is the end", CloseDelimited(), Send(PLAIN_BYTES)),
    row(
        "W30b",
        "cut in a chunk, in the middle of the answer",
        send(ROLE, *said(*SO_FAR_PIECES)),
        Sleep(PAUSE),
        CutChunk(HALF_EVENT),
        Close(),
        expect=CUT,
    ),
    row("W30c", "cut in a chunk, after finish_reason", send(*PLAIN), Sleep(PAUSE), CutChunk(b"data: [DO"), Close()),
    row(
        "W30d",
        "HTTP/1.0, closed in the middle of the answer",
        CloseDelimited(),
        send(ROLE, *said(*SO_FAR_PIECES)),
        expect=CUT,
    ),
    row("W30e", "closed between two chunks", send(ROLE, *said(*SO_FAR_PIECES)), Sleep(PAUSE), Close(), expect=CUT),
)

FRAMING: tuple[Row, ...] = LINE_ROWS + END_ROWS
