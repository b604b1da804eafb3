"""X160 to X199: one odd thing in a stream, which must not cost the answer."""

import gzip
import zlib
from dataclasses import replace

from tests.support.fake_upstream.chunks import (
    DONE,
    ROLE,
    STOP,
    USAGE,
    Json,
    as_json,
    chunk,
    ended,
    frame,
    json_answer,
    said,
    send,
    sse,
)
from tests.support.fake_upstream.steps import Headers, Send, Status
from tests.support.wire_rows.base import (
    COMPLETE,
    PLAIN,
    TEXT,
    TEXT_PIECES,
    THOUGHT,
    THOUGHT_PIECES,
    THOUGHTFUL,
    Expect,
    Row,
    interspersed,
    row,
    stream,
)

PRICE = ("It costs $", 6, ".50", " or ", 7.25, "!")


def of_choice(**fields: object) -> Json:
    return frame(choices=[{"index": 0, **fields}])


def data(text: str) -> bytes:
    return f"data: {text}\n\n".encode()


def around(name: str, about: str, odd: Json | bytes) -> Row:
    """The odd thing between all events."""
    return row(name, f"{about}, everywhere", interspersed(odd))


def after_reason(name: str, about: str, odd: bytes) -> Row:
    """The odd thing when all is said."""
    return row(name, f"after the finish_reason: {about}", send(*PLAIN, odd))


def saying(name: str, text: str) -> Row:
    """An answer that arrives as it is."""
    pieces = [text[start : start + 3] for start in range(0, len(text), 3)]
    expect = replace(COMPLETE, answer=text)
    return row(name, f"literal tags: {text[:20]!r}", stream(*said(*pieces), *ended()), expect=expect)


def thinking(name: str, opening: str, closing: str) -> Row:
    pieces = (opening, *THOUGHT_PIECES, closing, *TEXT_PIECES)
    return row(name, f"{opening} and {closing}", stream(*said(*pieces), *ended()), expect=THOUGHTFUL)


TYPE_ROWS = (
    row(
        "X160",
        "a token that is a number (Workers AI)",
        stream(*(chunk(content=piece) for piece in PRICE), *ended()),
        expect=replace(COMPLETE, answer="It costs $6.50 or 7.25!"),
    ),
    around("X161a", "delta is a list", of_choice(delta=[])),
    around("X161b", "delta is an empty text", of_choice(delta="")),
    around("X161c", "message is an empty text", of_choice(delta={}, message="")),
    around("X161d", "choices is an object", frame(choices={})),
    around("X161e", "choices is a text", frame(choices="")),
    around("X161f", "content is true", chunk(content=True)),
    around("X161g", "content is an object", chunk(content={})),
    around("X161h", "refusal is false", chunk(refusal=False)),
    around("X161i", "refusal is an object", chunk(refusal={})),
    around("X161j", "reasoning is false", chunk(reasoning=False, reasoning_content={})),
    around("X161k", "a choice that is null", frame(choices=[None])),
    around("X161l", "choices is a number", frame(choices=3)),
    row("X162", "an array of chunks", send(*(data(as_json([event])) for event in PLAIN), DONE)),
    row(
        "X163",
        "content is a list of bare strings",
        stream(*(chunk(content=[piece]) for piece in TEXT_PIECES), *ended()),
    ),
    row(
        "X164",
        "index is a text",
        stream(*(frame(choices=[{"index": "0", "delta": {"content": piece}}]) for piece in TEXT_PIECES), *ended()),
    ),
    row(
        "X165",
        "only the choice of index 1",
        send(
            *(frame(choices=[{"index": 1, "delta": {"content": piece}}]) for piece in TEXT_PIECES),
            frame(choices=[{"index": 1, "delta": {}, "finish_reason": "stop"}]),
            USAGE,
            DONE,
        ),
    ),
    row(
        "X166",
        "text in place of the delta",
        stream(*(of_choice(delta=piece) for piece in TEXT_PIECES), *ended()),
    ),
    row(
        "X167",
        "content is one part",
        stream(*(chunk(content={"type": "text", "text": piece}) for piece in TEXT_PIECES), *ended()),
    ),
    row(
        "X168",
        "ids and names are numbers and lists",
        send(*(event | {"id": 7, "model": ["m"], "created": "now", "system_fingerprint": {}} for event in PLAIN), DONE),
    ),
)

EVENT_ROWS = (
    around("X170a", "null", data("null")),
    around("X170b", "a ping", data("ping")),
    around("X170c", "a number", data("17000000")),
    around("X170d", "a named event with a list", b"event: citations\n" + data('["https://example.com"]')),
    around("X170e", "a named event with words", b"event: status\n" + data("still thinking about it")),
    around("X170f", "true", data("true")),
    around("X170g", "an empty list", data("[]")),
    around("X170h", "an event of its own for the keep-alive", b"event: keep-alive\n" + data("{}")),
    after_reason("X171a", "[DONE] as a JSON string", data('"[DONE]"')),
    after_reason("X171b", "DONE", data("DONE")),
    after_reason("X171c", "[done]", data("[done]")),
    after_reason("X171d", "half a chunk of usage", data('{"choices":[],"usage":{"prompt_tokens":12,"com')),
    after_reason("X171e", "a named event with words", b"event: end\n" + data("that is all")),
    after_reason("X171f", "words", data("bye, see you soon, dear reader of this stream of events")),
    row(
        "X171g",
        "half a chunk between two finish_reasons: it may have held text",
        send(ROLE, chunk(content=TEXT_PIECES[0], finish="stop"), data('{"id":"x","cho'), *said("!"), *ended(), DONE),
        expect=Expect("failed", TEXT_PIECES[0] + "!", error_code="unreadable"),
    ),
    row(
        "X172a",
        "the whole message repeated at the end",
        stream(*said(*TEXT_PIECES), of_choice(delta=None, message={"content": TEXT}, finish_reason="stop"), USAGE),
    ),
    row(
        "X172b",
        "the whole message repeated at the end, with its thoughts",
        stream(
            *said(*THOUGHT_PIECES, key="reasoning_content"),
            *said(*TEXT_PIECES),
            of_choice(message={"content": TEXT, "reasoning_content": THOUGHT}, finish_reason="stop"),
            USAGE,
        ),
        expect=THOUGHTFUL,
    ),
    row(
        "X172c",
        "the whole message at the end, without the blanks around it",
        stream(*said("\n", *TEXT_PIECES, "\n"), of_choice(message={"content": TEXT}, finish_reason="stop"), USAGE),
        expect=replace(COMPLETE, answer=f"\n{TEXT}\n"),
    ),
    row(
        "X172d",
        "the rest of the message at the end, as a whole",
        stream(*said(*TEXT_PIECES[:2]), of_choice(message={"content": TEXT}, finish_reason="stop"), USAGE),
    ),
)

FRAMING_ROWS = (
    row("X180a", "data: glued to data:", Send(b"".join(b"data: " + as_json(e).encode() for e in PLAIN) + DONE)),
    row("X180b", "data: data:", Send(b"".join(b"data: " + sse(event) for event in PLAIN) + b"data: " + DONE)),
    row("X180c", "single newlines", Send(b"".join(sse(event, "\n") for event in PLAIN) + b"data: [DONE]\n")),
    row(
        "X180d",
        "single newlines, and [DONE] on the line of the last chunk",
        Send(b"".join(sse(event, "\n") for event in PLAIN[:-1]) + sse(PLAIN[-1], "") + DONE),
    ),
    row(
        "X180e", "a byte order mark before every event", Send(b"".join(b"\xef\xbb\xbf" + sse(e) for e in PLAIN) + DONE)
    ),
    row("X181a", "status 201", Status(201), send(*PLAIN, DONE)),
    row("X181b", "status 203", Status(203), send(*PLAIN, DONE)),
    row(
        "X182a",
        "x-gzip",
        Headers({"content-encoding": "x-gzip"}),
        Send(gzip.compress(send(*PLAIN, DONE).data)),
    ),
    row(
        "X182b",
        "deflate without a header",
        Headers({"content-encoding": "deflate"}),
        Send(zlib.compress(send(*PLAIN, DONE).data, wbits=-15)),
    ),
    row(
        "X182c",
        "several gzip members",
        Headers({"content-encoding": "gzip"}),
        Send(b"".join(gzip.compress(sse(event)) for event in PLAIN) + gzip.compress(DONE)),
    ),
    row(
        "X183",
        "a whole completion with odd types",
        *json_answer(
            frame(
                choices=[
                    {"index": "0", "message": {"role": 5, "content": TEXT, "refusal": False}, "finish_reason": "stop"}
                ],
                usage=USAGE["usage"],
            )
        ),
    ),
)

TAG_ROWS = (
    thinking("X190a", "<thinking>", "</thinking>"),
    thinking("X190b", "<thought>", "</thought>"),
    thinking("X190c", "<THINK>", "</THINK>"),
    thinking("X190d", "\n<Think>", "</think>"),
    saying("X191a", "Close the block with `</think>`, and not with `</thinking>`."),
    saying("X191b", "Models write <think> and then </think> around their thoughts."),
    saying("X191c", "x < y </think> z"),
    row(
        "X192",
        "a literal tag after reasoning in a field of its own",
        stream(*said(*THOUGHT_PIECES, key="reasoning_content"), *said(*TEXT_PIECES, "\n</think>\n"), *ended()),
        expect=replace(THOUGHTFUL, answer=f"{TEXT}\n</think>\n"),
    ),
    row(
        "X193",
        "the stop beside the last text",
        stream(*said(*TEXT_PIECES[:-1]), chunk(content=TEXT_PIECES[-1], finish="stop"), STOP, USAGE),
    ),
)

ODDITIES: tuple[Row, ...] = TYPE_ROWS + EVENT_ROWS + FRAMING_ROWS + TAG_ROWS
