"""W31 to W47: what a chunk looks like."""

from dataclasses import replace

from tests.support.fake_upstream.chunks import (
    DONE,
    ID,
    MODEL,
    ROLE,
    STOP,
    USAGE,
    Json,
    chunk,
    delta,
    ended,
    frame,
    said,
    send,
    usage,
)
from tests.support.wire_rows.base import (
    COMPLETE,
    CUT,
    PLAIN,
    SO_FAR,
    SO_FAR_PIECES,
    TEXT_PIECES,
    THOUGHT_PIECES,
    THOUGHTFUL,
    UPSTREAM_ERROR,
    USED,
    Expect,
    Row,
    Usage,
    answered,
    interspersed,
    row,
    stream,
    with_keys,
)

SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
NAMELESS: Json = {"id": "", "object": "", "created": 0, "model": ""}
OFFSETS = {"check_offset": 44, "start_offset": 44, "end_offset": 70}
IDENTIFIED = replace(COMPLETE, upstream_id=ID, model=MODEL)


def choice(**fields: object) -> Json:
    """Return a chunk whose only choice has just these fields."""
    return frame(choices=[{"index": 0, **fields}])


def azure_filter(finish: str | None) -> Json:
    """Return what Azure's asynchronous filter sends: a choice without a delta."""
    return {
        **NAMELESS,
        "choices": [
            {"index": 0, "finish_reason": finish, "content_filter_results": SAFE, "content_filter_offsets": OFFSETS}
        ],
    }


def with_running_usage() -> list[Json]:
    """Return vLLM's continuous usage: each chunk has the counts so far."""
    return [event | {"usage": usage(12, number)} for number, event in enumerate(PLAIN[:-1])]


def groq(**fields: object) -> Json:
    return {"x_groq": {"id": "req_01hy8ppkajfqk987jv2vx88m9r", **fields}}


def of_another_choice(text: str, finish: str | None = None) -> Json:
    return delta({"content": text}, index=1, finish=finish)


GROQ_USAGE = usage() | {"queue_time": 0.0753, "prompt_time": 0.006, "completion_time": 0.022, "total_time": 0.028}
PROGRESS = {"prompt_progress": {"total": 40, "cache": 8, "processed": 24, "time_ms": 120}}
TIMINGS = {"timings": {"prompt_n": 12, "prompt_ms": 31.4, "predicted_n": 7, "predicted_per_second": 81.2}}
PARTS = [
    chunk(content=[{"type": "thinking", "thinking": [{"type": "text", "text": piece}]}]) for piece in THOUGHT_PIECES
]

CHUNK_ROWS = (
    row(
        "W31",
        "no choices first (Azure's prompt filter)",
        send(
            {**NAMELESS, "choices": [], "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": SAFE}]},
            *PLAIN,
            DONE,
        ),
        expect=IDENTIFIED,
    ),
    row(
        "W32",
        "no choices last, the usage null before",
        send(*(event | {"usage": None} for event in PLAIN[:-1]), USAGE, DONE),
    ),
    row("W33", "no key choices at all", interspersed(frame())),
    row("W34a", "delta is null", interspersed(choice(delta=None, finish_reason=None))),
    row(
        "W34b",
        "no delta: Azure's late filter, all is well",
        send(ROLE, *said(*TEXT_PIECES), STOP, azure_filter(None), USAGE, DONE),
    ),
    row(
        "W34c",
        "no delta: Azure's late filter ends the answer",
        send(ROLE, *said(*SO_FAR_PIECES), azure_filter("content_filter"), DONE),
        expect=Expect("filtered", SO_FAR, finish_reason="content_filter"),
    ),
    row("W35", "empty deltas", interspersed(chunk())),
    row("W36a", "content is null", interspersed(chunk(content=None))),
    row("W36b", "content is empty", interspersed(chunk(content=""))),
    row("W36c", "content is absent", interspersed(chunk(role="assistant"))),
    row("W37a", "content is a list of parts (Mistral)", answered(ROLE, *PARTS), expect=THOUGHTFUL),
    row(
        "W37b",
        "text as parts, the thought a plain string, a part of an unknown type",
        stream(
            *(chunk(content=[{"type": "thinking", "thinking": piece}]) for piece in THOUGHT_PIECES),
            chunk(content=[{"type": "reference", "reference_ids": [1, 2]}]),
            *(chunk(content=[{"type": "text", "text": piece}]) for piece in TEXT_PIECES),
            *ended(),
        ),
        expect=THOUGHTFUL,
    ),
    row("W38a", "role is null", answered(chunk(role=None, content=""))),
    row("W38b", "role is empty", answered(chunk(role="", content=""))),
    row("W38c", "role repeated", stream(*(chunk(role="assistant", content=piece) for piece in TEXT_PIECES), *ended())),
    row(
        "W39",
        "a second choice in between, ended before",
        stream(
            *(event for piece in TEXT_PIECES[:3] for event in (of_another_choice("no "), chunk(content=piece))),
            of_another_choice("no.", finish="length"),
            *said(*TEXT_PIECES[3:]),
            *ended(),
        ),
    ),
    row(
        "W40",
        'finish_reason "" before the end',
        stream(*(chunk(content=piece, finish="") for piece in TEXT_PIECES), *ended()),
    ),
    row(
        "W41",
        "finish_reason with the last text",
        stream(*said(*TEXT_PIECES[:-1]), chunk(content=TEXT_PIECES[-1], finish="stop"), USAGE),
    ),
    row(
        "W42",
        "no finish_reason, then [DONE]",
        stream(*said(*TEXT_PIECES)),
        expect=replace(COMPLETE, finish_reason=None, usage=None),
    ),
    row("W43a", "finish_reason, usage, the end without [DONE]", send(ROLE, *said(*TEXT_PIECES), STOP, USAGE)),
    row(
        "W43b",
        "only usage, the end without [DONE]",
        send(ROLE, *said(*SO_FAR_PIECES), USAGE),
        expect=replace(CUT, usage=USED),
    ),
)

USAGE_ROWS = (
    row("W44a", "usage in each chunk (vLLM)", send(*with_running_usage(), USAGE, DONE)),
    row(
        "W44b",
        "usage with the finish_reason (llama.cpp)",
        stream(*said(*TEXT_PIECES), STOP | {"usage": usage(12, 7, reasoning=3, cached=8)}),
        expect=replace(COMPLETE, usage=Usage(12, 7, reasoning=3, cached=8)),
    ),
    row(
        "W44c",
        "usage in x_groq",
        send(ROLE | groq(), *said(*TEXT_PIECES), STOP | groq(usage=GROQ_USAGE), DONE),
    ),
    row(
        "W44d",
        "usage twice (Grok)",
        stream(
            *said(*TEXT_PIECES),
            STOP | {"usage": usage(12, 5)},
            frame(choices=[], usage=usage(12, 7)),
            frame(usage=None),
        ),
    ),
)


def ending(name: str, finish: str, status: str) -> Row:
    expect = replace(COMPLETE, status=status, finish_reason=finish)
    return row(name, f"finish_reason {finish}", stream(*said(*TEXT_PIECES), *ended(finish)), expect=expect)


def breaking(name: str, finish: str) -> Row:
    """Return a row with a finish_reason that is an error: what follows it is not guaranteed."""
    expect = replace(UPSTREAM_ERROR, finish_reason=finish)
    return row(name, f"finish_reason {finish}", stream(*said(*SO_FAR_PIECES), chunk(finish=finish)), expect=expect)


FINISH_ROWS = (
    breaking("W45a", "error"),
    breaking("W45b", "abort"),
    ending("W45c", "model_length", "truncated"),
    ending("W45d", "eos", "complete"),
    ending("W45e", "length", "truncated"),
    ending("W45f", "stop_sequence", "complete"),
)

EXTRA_KEY_ROWS = (
    row(
        "W46a", "keys of OpenRouter", with_keys(provider="Example", native_finish_reason="end_turn", service_tier=None)
    ),
    row(
        "W46b",
        "obfuscation of OpenAI",
        with_keys(obfuscation="Zx9kQ", system_fingerprint="fp_1", moderation={"flagged": False}),
    ),
    row(
        "W46c",
        "progress and timings of llama.cpp",
        send(chunk(role="assistant", content=None) | PROGRESS, *PLAIN[1:-1], USAGE | TIMINGS, DONE),
    ),
    row(
        "W47a",
        "id, created and model change on the way",
        stream(
            *(
                chunk(content=piece) | {"id": f"other-{number}", "created": number, "model": f"model-{number}"}
                for number, piece in enumerate(TEXT_PIECES)
            ),
            *ended(),
        ),
        expect=IDENTIFIED,
    ),
    row("W47b", "the model is named late", send(ROLE | {"model": ""}, *PLAIN[1:], DONE), expect=IDENTIFIED),
)

SHAPES: tuple[Row, ...] = CHUNK_ROWS + USAGE_ROWS + FINISH_ROWS + EXTRA_KEY_ROWS
