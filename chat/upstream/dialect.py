"""How a server writes its streams, worked out from the bytes of one answer. Pure."""

import json
import re
from collections.abc import Iterator
from typing import Any

from chat import sse

REASONING_KEYS = ("reasoning_content", "reasoning", "reasoning_details")
# Enough of a comment to show what it is.
COMMENT_SIZE = 40

Json = dict[str, Any]


def line_endings(body: bytes) -> str:
    found = {
        "CRLF": body.count(b"\r\n"),
        "LF": len(re.findall(rb"(?<!\r)\n", body)),
        "CR": len(re.findall(rb"\r(?!\n)", body)),
    }
    return " and ".join(name for name, count in found.items() if count) or "none"


def comments(body: bytes) -> str:
    lines = [line for line in re.split(rb"\r\n|\n|\r", body) if re.match(rb":|data: ?:", line)]
    if not lines:
        return "none"
    return f"{len(lines)}, such as {lines[0][:COMMENT_SIZE].decode('utf-8', 'replace')!r}"


def ends_with_done(body: bytes) -> str:
    return "yes" if any(event.data.strip() == "[DONE]" for event in _events(body)) else "no"


def usage_place(body: bytes) -> str:
    """Say where the server reports token usage."""
    chunks = chunks_of(body)
    told = [chunk for chunk in chunks if _usage_of(chunk)]
    if not told:
        return "none"
    if len(told) > 1:
        return f"in {len(told)} of {len(chunks)} chunks"
    place = "in the chunk of the finish_reason" if _finishes(told[0]) else "in a chunk of its own"
    return place if told[0].get("usage") else f"{place}, as x_groq.usage"


def reasoning_keys(body: bytes) -> str:
    """Say under which names the reasoning comes."""
    deltas = [delta for chunk in chunks_of(body) for delta in _deltas(chunk)]
    found = [key for key in REASONING_KEYS if any(delta.get(key) for delta in deltas)]
    if any(isinstance(delta.get("content"), list) for delta in deltas):
        found.append("a list of parts as content")
    text = "".join(delta["content"] for delta in deltas if isinstance(delta.get("content"), str))
    if "</think>" in text or text.lstrip().startswith("<think>"):
        found.append("<think> tags in the content")
    return ", ".join(found) or "none seen"


def error_shape(body: bytes) -> str:
    """Describe an error by its keys and the types of their values, never the values: some servers quote the API key."""
    try:
        return _shape(json.loads(body))
    except (ValueError, RecursionError):
        return "a web page" if body.lstrip().startswith(b"<") else "not JSON" if body else "empty"


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}": {_shape(inner)}' for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return f"[{_shape(value[0])}]" if value else "[]"
    return {str: "text", bool: "true or false", int: "number", float: "number"}.get(type(value), "null")


def chunks_of(body: bytes) -> list[Json]:
    """Return the chunks that can be parsed."""
    return [parsed for event in _events(body) if isinstance(parsed := _parsed(event.data), dict)]


def _events(body: bytes) -> Iterator[sse.Event]:
    decoder = sse.Decoder(max_line=len(body))
    yield from decoder.feed(body)
    yield from decoder.flush()


def _parsed(data: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _choices(chunk: Json) -> list[Json]:
    choices = chunk.get("choices")
    return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []


def _deltas(chunk: Json) -> list[Json]:
    return [choice["delta"] for choice in _choices(chunk) if isinstance(choice.get("delta"), dict)]


def _finishes(chunk: Json) -> bool:
    return any(choice.get("finish_reason") for choice in _choices(chunk))


def _usage_of(chunk: Json) -> Any:
    groq = chunk.get("x_groq")
    return chunk.get("usage") or (groq.get("usage") if isinstance(groq, dict) else None)
