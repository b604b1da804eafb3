"""W48 to W54: reasoning, under each of its names; W69 to W72: tools, which are safely ignored."""

from dataclasses import replace
from typing import Any

from tests.support.fake_upstream.chunks import ROLE, Json, chunk, delta, ended, said
from tests.support.wire_rows.base import (
    COMPLETE,
    TEXT,
    TEXT_PIECES,
    THOUGHT,
    THOUGHT_PIECES,
    THOUGHTFUL,
    TOOL_ONLY,
    Row,
    answered,
    row,
    stream,
)


def thought_as(*keys: str) -> list[Json]:
    """Return the reasoning under all of these names."""
    return [delta({"content": ""} | dict.fromkeys(keys, piece)) for piece in THOUGHT_PIECES]


def detail(piece: str, **other: Any) -> Json:
    """Return OpenRouter's reasoning_details: a list with one element per token."""
    element = {"type": "reasoning.text", "text": piece, "signature": None, "format": "unknown", "index": 0}
    return chunk(content="", reasoning_details=[element], **other)


ENCRYPTED = chunk(content="", reasoning_details=[{"type": "reasoning.encrypted", "data": "c2VjcmV0", "index": 1}])

REASONING_ROWS = (
    row("W48", "reasoning_content", answered(ROLE, *thought_as("reasoning_content")), expect=THOUGHTFUL),
    row("W49", "reasoning", answered(ROLE, *thought_as("reasoning")), expect=THOUGHTFUL),
    row(
        "W50a",
        "both at once, counted once",
        answered(ROLE, *thought_as("reasoning", "reasoning_content")),
        expect=THOUGHTFUL,
    ),
    row(
        "W50b",
        "both at once, one of them null",
        answered(ROLE, *(chunk(reasoning=None, reasoning_content=piece) for piece in THOUGHT_PIECES)),
        expect=THOUGHTFUL,
    ),
    row("W51a", "reasoning_details alone", answered(ROLE, *map(detail, THOUGHT_PIECES), ENCRYPTED), expect=THOUGHTFUL),
    row(
        "W51b",
        "reasoning_details beside reasoning, counted once",
        answered(ROLE, *(detail(piece, reasoning=piece) for piece in THOUGHT_PIECES)),
        expect=THOUGHTFUL,
    ),
    row(
        "W52a",
        "<think> at the start, both tags split",
        stream(*said("<", "thi", "nk>", *THOUGHT_PIECES, "</", "think", ">", *TEXT_PIECES), *ended()),
        expect=THOUGHTFUL,
    ),
    row(
        "W52b",
        "</think> without an opening tag",
        stream(*said("Before ", "</th", "ink>", *TEXT_PIECES), *ended()),
        expect=replace(COMPLETE, answer=f"Before {TEXT}"),
    ),
    row(
        "W52c",
        "<think> later on is text",
        stream(*said("Write <th", "ink> here. ", *TEXT_PIECES), *ended()),
        expect=replace(COMPLETE, answer=f"Write <think> here. {TEXT}"),
    ),
    row(
        "W52d",
        "what only begins like the tag is text",
        stream(*said("<th", "ead> ", *TEXT_PIECES, " <", "/thi"), *ended()),
        expect=replace(COMPLETE, answer=f"<thead> {TEXT} </thi"),
    ),
    row(
        "W52e",
        "<think> all in one piece with the answer",
        stream(*said(f"<think>{THOUGHT}</think>{TEXT}"), *ended()),
        expect=THOUGHTFUL,
    ),
    row(
        "W53",
        "only reasoning, then length",
        stream(*thought_as("reasoning_content"), *ended("length")),
        expect=replace(THOUGHTFUL, status="truncated", answer="", finish_reason="length"),
    ),
    row(
        "W54",
        "the answer arrives as reasoning",
        stream(*said(*TEXT_PIECES, key="reasoning"), *ended()),
        expect=replace(COMPLETE, answer="", reasoning=TEXT),
    ),
)


def tool(name: str | None, arguments: str, **fields: object) -> Json:
    function = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    return chunk(tool_calls=[{**fields, "function": function}])


CALLS = (
    tool("get_weather", "", index=0, id="call_1", type="function"),
    tool(None, '{"city":', index=0),
    tool(None, '"Bergen"}', index=0),
)
LATE_NAME = (tool(None, '{"city":', index=0, id="call_1"), tool("get_weather", '"Bergen"}', index=0))

TOOL_ROWS = (
    row("W69a", "only tool calls", stream(*CALLS, *ended("tool_calls")), expect=TOOL_ONLY),
    row(
        "W69b",
        "text and tool calls",
        stream(*said(*TEXT_PIECES), *CALLS, *ended("tool_calls")),
        expect=replace(COMPLETE, finish_reason="tool_calls"),
    ),
    row(
        "W70",
        "tool calls without an index, finish_reason stop (Gemini)",
        stream(tool("get_weather", '{"city":"Bergen"}', id="", type="function"), *ended()),
        expect=replace(TOOL_ONLY, finish_reason="stop"),
    ),
    row(
        "W71",
        "the tool's name comes late",
        stream(*said(*TEXT_PIECES), *LATE_NAME, *ended("tool_calls")),
        expect=replace(COMPLETE, finish_reason="tool_calls"),
    ),
    row("W72", "finish_reason tool_calls and nothing else", stream(*ended("tool_calls")), expect=TOOL_ONLY),
)

REASONING: tuple[Row, ...] = REASONING_ROWS + TOOL_ROWS
