"""Turns the data of an event into text and facts: all that OpenAI-compatible servers put into a chunk. Pure."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from chat import sse
from chat.events import Facts, Text, Usage
from chat.upstream.errors import EmptyReply, ReportedError, ToolOnly, Unreadable, WebPage
from chat.upstream.text_filters import Cleaner, ThinkTags, cleaned

FAILED_REASONS = {"error", "abort"}
TOOL_REASONS = {"tool_calls", "function_call"}
# Gateways wrap the error that they received in one of their own, sometimes several times.
MOST_WRAPPINGS = 10
ERROR_KEYS = ("message", "error", "detail", "msg", "code")


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
    finish_reason: Any = None
    index: Any = 0


class Chunk(msgspec.Struct, gc=False):
    choices: list[Choice] | None = None
    id: Any = None
    created: Any = None
    model: Any = None
    system_fingerprint: Any = None
    usage: Any = None
    x_groq: Any = None
    error: Any = None


_decode_chunk = msgspec.json.Decoder(Chunk).decode


class ChunkReader:
    """Reads the events of one reply: `facts` holds the facts, and `grown` hands out the text."""

    def __init__(self, facts: Facts, *, begins_in_reasoning: bool = False) -> None:
        self.facts = facts
        self._tags = ThinkTags(begins_in_reasoning=begins_in_reasoning)
        self._clean_reasoning, self._clean_answer = Cleaner(), Cleaner()
        self._reasoning: list[str] = []
        self._answer: list[str] = []
        self.has_text = False
        # What the server said in an earlier attempt does not apply to this answer.
        facts.upstream_id = facts.model = facts.system_fingerprint = ""
        facts.upstream_created = facts.usage = None
        facts.asked_for_tool = False

    def take(self, event: sse.Event) -> None:
        """Read one event. Raises ReportedError, Unreadable, WebPage; what was read before is kept."""
        data = event.data.strip()
        if self.facts.done or not data or data.startswith(":"):
            return  # text after [DONE]; an empty event; a comment wrapped as data
        if data == "[DONE]":
            self.facts.done = True
            return
        if event.type == "error":
            raise ReportedError(message_of(data))
        for chunk in chunks_of(data):
            self._chunk(chunk)

    def grown(self) -> Text:
        """Return the text that has arrived since the last call."""
        text = Text("".join(self._reasoning), "".join(self._answer))
        self._reasoning.clear()
        self._answer.clear()
        self.has_text = self.has_text or bool(text)
        return text

    def finish(self) -> Text:
        """Return the text that was held back in case its other half was still to come."""
        reasoning, answer = self._tags.split(rest) if (rest := self._clean_answer.flush()) else ("", "")
        held_reasoning, held_answer = self._tags.flush()
        self._reasoning += [self._clean_reasoning.flush(), reasoning, held_reasoning]
        self._answer += [answer, held_answer]
        return self.grown()

    def check_not_empty(self) -> None:
        """Raise ToolOnly or EmptyReply if there is no text, unless a content filter explains why."""
        if self.has_text or self.facts.finish_reason == "content_filter":
            return
        asked_for_tool = self.facts.asked_for_tool or self.facts.finish_reason in TOOL_REASONS
        raise ToolOnly if asked_for_tool else EmptyReply

    def _chunk(self, chunk: Chunk) -> None:
        self.facts.chunks += 1
        for choice in chunk.choices or ():
            if not choice.index:
                self._choice(choice)
        self._note(chunk)
        if chunk.error:
            raise ReportedError(message_of(chunk.error))
        if self.facts.finish_reason in FAILED_REASONS:
            raise ReportedError(f"finish_reason {self.facts.finish_reason}")

    def _choice(self, choice: Choice) -> None:
        self.facts.finish_reason = plain(choice.finish_reason) or self.facts.finish_reason
        delta = choice.delta or choice.message
        if delta is None:
            return
        self.facts.asked_for_tool |= bool(delta.tool_calls or delta.function_call)
        self._reason(reasoning_of(delta))
        if isinstance(delta.content, str):
            self._say(delta.content)
        else:
            self._parts(delta.content or ())
        if delta.refusal:
            self.facts.refused = True
            self._say(delta.refusal)

    def _parts(self, parts: Any) -> None:
        """Read content that is a list of thinking and text (Mistral)."""
        for part in parts:
            if not isinstance(part, dict):
                continue
            if part.get("type") == "thinking":
                thinking = part.get("thinking")
                self._reason(thinking if isinstance(thinking, str) else joined_text(thinking))
            elif isinstance(part.get("text"), str):
                self._say(part["text"])

    def _reason(self, text: str) -> None:
        if text:
            self._reasoning.append(self._clean_reasoning.clean(text))

    def _say(self, text: str) -> None:
        if text := self._clean_answer.clean(text) if text else "":
            reasoning, answer = self._tags.split(text)
            self._reasoning.append(reasoning)
            self._answer.append(answer)

    def _note(self, chunk: Chunk) -> None:
        """Record the facts of a chunk: the first id and name are kept, and the last usage."""
        facts = self.facts
        facts.upstream_id = facts.upstream_id or plain(chunk.id)
        facts.model = facts.model or plain(chunk.model)
        facts.system_fingerprint = facts.system_fingerprint or plain(chunk.system_fingerprint)
        if facts.upstream_created is None and isinstance(chunk.created, int):
            facts.upstream_created = max(0, min(chunk.created, 2**63 - 1))
        usage = chunk.usage or (chunk.x_groq.get("usage") if isinstance(chunk.x_groq, dict) else None)
        if isinstance(usage, dict):
            facts.usage = usage_of(usage)


def chunks_of(data: str) -> Iterator[Chunk]:
    """Yield the chunks in an event's data: usually one, sometimes several JSON objects in a row.

    Raises Unreadable, WebPage, ReportedError.
    """
    try:
        yield _decode_chunk(data)
    except (msgspec.DecodeError, RecursionError):
        # Lone surrogates, raw control characters, several objects or broken JSON: the slow parser is more lenient.
        yield from _patiently(data)


def _patiently(data: str) -> Iterator[Chunk]:
    decoder, at = json.JSONDecoder(strict=False), 0
    while at < len(data):
        try:
            parsed, at = decoder.raw_decode(data, at)
            chunk = msgspec.convert(parsed, Chunk)
        except (ValueError, RecursionError) as error:
            raise _unreadable(data[at:]) from error
        yield chunk
        while data[at : at + 1].isspace():
            at += 1


def _unreadable(data: str) -> Exception:
    if data.lower().startswith("error"):
        return ReportedError(data)
    if data.startswith("<"):
        return WebPage()
    return Unreadable()


def reasoning_of(delta: Delta) -> str:
    """Return the reasoning under whichever name it has, but only once: some servers send the same text under two."""
    for text in (delta.reasoning_content, delta.reasoning):
        if isinstance(text, str) and text:
            return text
    return joined_text(delta.reasoning_details)


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


def message_of(error: Any) -> str:
    """Return the message in an error of any shape: a string, {"message"}, {"error": …} nested or bare, {"detail"}."""
    for _ in range(MOST_WRAPPINGS):
        match error:
            case str():
                inner = _parsed(error)
                if not isinstance(inner, dict | list):
                    return error
                error = inner
            case dict():
                error = next((error[key] for key in ERROR_KEYS if error.get(key)), None)
            case list():
                error = error[0] if error else None
            case _:
                return "" if error is None else str(error)
    return ""


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def plain(value: Any) -> str:
    """Return an id or a name that can be stored, or an empty string for anything else."""
    return cleaned(value)[:200] if isinstance(value, str) else ""
