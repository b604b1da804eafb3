"""Chunks as typed structs: decoded at once if they look as they should, otherwise piece by piece. Pure."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from chat.events import Usage

# Text that comes as a number keeps its digits: "6.50" is not 6.5.
_LENIENT = json.JSONDecoder(strict=False, parse_float=Decimal)


class Delta(msgspec.Struct, gc=False):
    content: str | list[Any] | None = None
    refusal: str | None = None
    reasoning_content: Any = None  # DeepSeek, llama.cpp, older vLLM
    reasoning: Any = None  # Ollama, OpenRouter, Groq, newer vLLM
    reasoning_details: Any = None  # OpenRouter: a list with one element per token
    tool_calls: Any = None
    function_call: Any = None


class Choice(msgspec.Struct, gc=False):
    delta: Delta | None = None
    message: Delta | None = None  # a whole completion instead of a stream
    text: str | None = None  # the older API for completions
    finish_reason: str | None = None
    index: Any = 0
    error: Any = None  # OpenRouter


class Chunk(msgspec.Struct, gc=False):
    choices: list[Choice] | None = None
    id: Any = None
    created: Any = None
    model: Any = None
    system_fingerprint: Any = None
    usage: Any = None
    x_groq: Any = None
    error: Any = None
    success: Any = None
    error_code: Any = None


decode = msgspec.json.Decoder(Chunk).decode


class NotJson(Exception):
    """The rest of an event's data, which can't be parsed."""

    def __init__(self, rest: str) -> None:
        super().__init__(rest)
        self.rest = rest


def values_in(data: str) -> Iterator[Any]:
    """Yield the JSON values in an event's data: usually one, sometimes several in a row. Raises NotJson."""
    at = 0
    while at < len(data):
        try:
            parsed, end = _LENIENT.raw_decode(data, at)
        except (ValueError, RecursionError):
            raise NotJson(data[at:]) from None
        yield parsed
        at = _next_value(data, end)


def _next_value(data: str, at: int) -> int:
    """Return where the next value begins: behind blanks, and behind a `data:` that lost its line break."""
    while data[at : at + 1].isspace():
        at += 1
    if not data.startswith("data:", at):
        return at
    return _next_value(data, at + len("data:"))


def chunk_of(told: dict[str, Any]) -> Chunk:
    """Return the chunk in an object: what has an unexpected type becomes text if it can, and is left out otherwise."""
    plain = {name: told[name] for name in Chunk.__struct_fields__ if name in told and name != "choices"}
    choices = told.get("choices")
    listed = choices if isinstance(choices, list) else [choices]
    return Chunk(choices=[_choice_of(choice) for choice in listed if isinstance(choice, dict)], **plain)


def _choice_of(told: dict[str, Any]) -> Choice:
    return Choice(
        delta=_delta_of(told.get("delta")),
        message=_delta_of(told.get("message")),
        text=text_of(told.get("text")) or None,
        finish_reason=text_of(told.get("finish_reason")) or None,
        index=told.get("index"),
        error=told.get("error"),
    )


def _delta_of(told: Any) -> Delta | None:
    if isinstance(told, dict):
        fields = {name: told.get(name) for name in Delta.__struct_fields__}
        return Delta(**fields | {"content": _content_of(fields["content"]), "refusal": text_of(fields["refusal"])})
    # Text may stand where the object with the text should.
    return Delta(content=text) if (text := text_of(told)) else None


def _content_of(content: Any) -> str | list[Any]:
    if isinstance(content, dict):
        return [content]
    return content if isinstance(content, list) else text_of(content)


def text_of(value: Any) -> str:
    """Return a string, or a number as its digits (Workers AI sends a token that is a digit so); nothing otherwise."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else ""


def reasoning_of(delta: Delta) -> str:
    """Return the reasoning under whichever name it has, but only once: some servers send the same text under two."""
    for value in (delta.reasoning_content, delta.reasoning):
        if value and (text := text_of(value)):
            return text
    return joined_text(delta.reasoning_details) if delta.reasoning_details else ""


def joined_text(parts: Any) -> str:
    if not isinstance(parts, list):
        return ""
    texts = (part.get("text") or part.get("summary") for part in parts if isinstance(part, dict))
    return "".join(text for text in texts if isinstance(text, str))


def usage_of(usage: dict[str, Any]) -> Usage:
    details = {
        "reasoning_tokens": usage.get("completion_tokens_details"),
        "cached_tokens": usage.get("prompt_tokens_details"),
    }
    inner = {name: detail.get(name) for name, detail in details.items() if isinstance(detail, dict)}
    outer = {name: usage.get(name) for name in ("prompt_tokens", "completion_tokens")}
    return Usage(**{name: n for name, n in (outer | inner).items() if isinstance(n, int) and 0 <= n < 2**31})
