"""Turns the data of an event into text and facts: all that OpenAI-compatible servers put into a chunk. Pure."""

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec

from chat import sse
from chat.events import Facts, Text
from chat.upstream.chunk_shapes import (
    Choice,
    Chunk,
    Delta,
    NotJson,
    chunk_of,
    decode,
    joined_text,
    reasoning_of,
    text_of,
    usage_of,
    values_in,
)
from chat.upstream.errors import Cut, EmptyReply, ReportedError, ToolOnly, Unreadable, WebPage, without_secrets
from chat.upstream.finish_reasons import meaning_of
from chat.upstream.repetition import Said
from chat.upstream.reported import is_error, message_of
from chat.upstream.text_filters import Cleaner, ThinkTags, cleaned, has_words

# "[DONE]" as it should be, and as it was seen.
_DONE = re.compile(r'"?\[?done\]?"?', re.IGNORECASE)
# A sign of life is one word or number: ping, heartbeat, 17000000. Anything longer may be a part of the answer.
_SIGN_OF_LIFE = re.compile(r'"?[\w.:+-]{0,40}"?')
# Broken JSON in which there was text.
_LOST_TEXT = re.compile(r'"(content|text|reasoning\w*|refusal|thinking)"\s*:\s*("[^"]|\[|\d)')
MOST_WORD = 42


class ChunkReader:
    """Reads the events of one reply: `facts` holds the facts, and `grown` hands out the text."""

    def __init__(self, facts: Facts, *, begins_in_reasoning: bool = False, secrets: Sequence[str] = ()) -> None:
        self.facts = facts
        self._secrets = secrets
        self._tags = ThinkTags(begins_in_reasoning=begins_in_reasoning)
        self._clean_reasoning, self._clean_answer = Cleaner(), Cleaner()
        self._reasoning: list[str] = []
        self._answer: list[str] = []
        self._thought, self._said = Said(), Said()
        self._choice_read: int | None = None
        self._has_grown = self._has_words = self._skipped_words = self._skipped_data = False
        self._remark = ""
        self.has_text = False
        # Whether text came after a finish_reason: then this server's next one may not be the end either.
        self.went_on = False
        # What the server said in an earlier attempt does not apply to this answer.
        facts.upstream_id = facts.model = facts.system_fingerprint = facts.finish_reason = ""
        facts.upstream_created = facts.usage = None
        facts.asked_for_tool = facts.refused = False

    @property
    def may_be_over(self) -> bool:
        """Whether a silence may be the end: there is an answer, and a finish_reason that has meant the end so far."""
        reason = self.facts.finish_reason
        return self.has_text and not self.went_on and bool(reason) and meaning_of(reason) != "tool"

    def take(self, event: sse.Event) -> None:
        """Read one event. Raises ReportedError, Unreadable, WebPage; what was read before is kept."""
        data = event.data
        if self.facts.done:
            return
        if event.type != "message" or not data.startswith("{"):
            data = self._unusual(data, event.type)
            if not data:
                return
        try:
            chunk = decode(data)
        except (msgspec.DecodeError, RecursionError):
            # Other types, lone surrogates, raw control characters, several values or no JSON at all.
            self._patiently(data, event.type)
            return
        self._chunk(chunk)
        if not chunk.choices or chunk.success is False or chunk.error_code:
            self._look_again(data)

    def _unusual(self, data: str, type_: str) -> str:
        """Return the data of an event that does not look like a chunk; nothing if there is none in it."""
        data = data.strip()
        while data.startswith("data:"):
            data = data.removeprefix("data:").lstrip()
        if data == "[DONE]":
            self.facts.done = True
            return ""
        if data and "error" in type_.lower():
            raise ReportedError(message_of(data))
        # A comment may be wrapped as data.
        return "" if data.startswith(":") else data

    def grown(self) -> Text:
        """Return the text that has arrived since the last call."""
        text = Text("".join(self._reasoning), "".join(self._answer))
        self._reasoning.clear()
        self._answer.clear()
        self.has_text = self.has_text or bool(text)
        self._has_words = self._has_words or has_words(text.answer) or has_words(text.reasoning)
        return text

    def finish(self) -> Text:
        """Return the text that was held back in case its other half was still to come."""
        reasoning, answer = self._tags.split(rest) if (rest := self._clean_answer.flush()) else ("", "")
        held_reasoning, held_answer = self._tags.flush()
        self._reasoning += [self._clean_reasoning.flush(), reasoning, held_reasoning]
        self._answer += [answer, held_answer]
        return self.grown()

    def check_end(self) -> None:
        """Raise what is wrong with an answer that has ended: an error that it names, no text, or no end."""
        self.check_not_empty()
        if meaning_of(self.facts.finish_reason) == "failed":
            raise ReportedError(f"finish_reason {self.facts.finish_reason}")
        if not self.facts.done and not self.facts.finish_reason:
            raise Cut(self._remark)

    def check_not_empty(self) -> None:
        """Raise ToolOnly or EmptyReply if there is no text, unless a content filter or an error explains why."""
        meaning = meaning_of(self.facts.finish_reason)
        if self._has_words or meaning in {"filtered", "failed"}:
            return
        if self._skipped_words:
            raise Unreadable
        raise ToolOnly if self.facts.asked_for_tool or meaning == "tool" else EmptyReply(self._remark)

    def _patiently(self, data: str, type_: str) -> None:
        try:
            for value in values_in(data):
                self._value(value)
        except NotJson as broken:
            self._not_json(broken.rest.strip(), type_)

    def _value(self, value: Any) -> None:
        """Read one JSON value: a chunk, a list of them, or something else, which is skipped."""
        if self.facts.done:
            return
        if isinstance(value, dict):
            self._chunk(chunk := chunk_of(value))
            if not chunk.choices or chunk.success is False or chunk.error_code:
                self._look_for_error(value)
        elif isinstance(value, list):
            for inner in value:
                if isinstance(inner, dict):
                    self._value(inner)
        elif isinstance(value, str):
            self._not_json(value, "message")

    def _not_json(self, data: str, type_: str) -> None:
        """Decide about data that is no JSON: an end, an error, a sign of life; or a doubt, which is Unreadable."""
        if len(data) <= MOST_WORD and _DONE.fullmatch(data):
            self.facts.done = True
        elif data.lower().startswith("error"):
            raise ReportedError(data)
        elif _LOST_TEXT.search(data):
            raise Unreadable
        elif type_ != "message" and not data.startswith(("{", "[")):
            return
        elif len(data) <= MOST_WORD and _SIGN_OF_LIFE.fullmatch(data):
            self._skipped_words = True
        elif self.facts.finish_reason and not self.went_on:
            self._skipped_data = True
        else:
            raise WebPage if data.startswith("<") else Unreadable

    def _look_again(self, data: str) -> None:
        """Look at an object as a whole: it may report an error under another name."""
        with suppress(NotJson):
            for told in values_in(data):
                self._look_for_error(told)

    def _look_for_error(self, told: dict[str, Any]) -> None:
        if is_error(told):
            raise ReportedError(message_of(told))
        # Alone it is no error; it may explain why there is nothing else.
        if "usage" not in told and isinstance(remark := told.get("message") or told.get("msg"), str):
            self._remark = remark

    def _chunk(self, chunk: Chunk) -> None:
        self.facts.chunks += 1
        self._has_grown = False
        reason: str | None = None
        error: Any = None
        for choice in chunk.choices or ():
            if self._is_ours(choice):
                self._choice(choice)
                reason, error = choice.finish_reason or reason, error or choice.error
        self._note(chunk)
        self._finish(reason)
        if error := chunk.error or error:
            raise ReportedError(message_of(error))

    def _finish(self, reason: str | None) -> None:
        """Keep a finish_reason. One that text has followed was none."""
        if self._has_grown and self.facts.finish_reason:
            self.facts.finish_reason, self.went_on = "", True
        ends = reason if reason and meaning_of(reason) != "none" else ""
        if self._skipped_data and (ends or self._has_grown):
            # What seemed to come after the answer was in the middle of it.
            raise Unreadable
        if ends:
            self.facts.finish_reason = self._plain(ends)

    def _is_ours(self, choice: Choice) -> bool:
        """Tell whether a choice is the one that is read: that of index 0, or the first one if there is none of that."""
        if not choice.index:
            self._choice_read = 0
            return True
        number = int(text) if (text := text_of(choice.index)).isdecimal() else 0
        if self._choice_read is None:
            self._choice_read = number
        return number == self._choice_read

    def _choice(self, choice: Choice) -> None:
        if choice.delta is not None:
            self._delta(choice.delta)
        if choice.message is not None and not self._has_grown:
            self._delta(self._rest_of(choice.message))
        if choice.text and choice.delta is None and choice.message is None:
            self._say(choice.text)

    def _rest_of(self, message: Delta) -> Delta:
        """Return what a whole message adds to what was said: nothing if it repeats it."""
        if isinstance(message.content, str):
            message.content = self._said.rest_of(message.content)
        if isinstance(message.reasoning_content, str):
            message.reasoning_content = self._thought.rest_of(message.reasoning_content)
        if isinstance(message.reasoning, str):
            message.reasoning = self._thought.rest_of(message.reasoning)
        return message

    def _delta(self, delta: Delta) -> None:
        if delta.tool_calls or delta.function_call:
            self.facts.asked_for_tool = True
        if reasoning := reasoning_of(delta):
            self._reason(reasoning)
            self._tags.reasoning_has_a_field()
        if isinstance(delta.content, str):
            self._say(delta.content)
        elif delta.content:
            self._parts(delta.content)
        if delta.refusal:
            self.facts.refused = True
            self._say(delta.refusal)

    def _parts(self, parts: list[Any]) -> None:
        """Read content that is a list of thinking and text (Mistral), or of bare strings."""
        for part in parts:
            if not isinstance(part, dict):
                self._say(text_of(part))
            elif part.get("type") == "thinking":
                thinking = part.get("thinking")
                self._reason(text_of(thinking) or joined_text(thinking))
            else:
                self._say(text_of(part.get("text")))

    def _reason(self, text: str) -> None:
        if text:
            self._has_grown = True
            self._thought.add(text)
            self._reasoning.append(self._clean_reasoning.clean(text))

    def _say(self, text: str) -> None:
        if not text:
            return
        self._has_grown = True
        self._said.add(text)
        if text := self._clean_answer.clean(text):
            reasoning, answer = self._tags.split(text)
            self._reasoning.append(reasoning)
            self._answer.append(answer)

    def _note(self, chunk: Chunk) -> None:
        """Record the facts of a chunk: the first id and name are kept, and the last usage."""
        facts = self.facts
        facts.upstream_id = facts.upstream_id or self._plain(chunk.id)
        facts.model = facts.model or self._plain(chunk.model)
        facts.system_fingerprint = facts.system_fingerprint or self._plain(chunk.system_fingerprint)
        if facts.upstream_created is None and isinstance(chunk.created, int):
            facts.upstream_created = max(0, min(chunk.created, 2**63 - 1))
        usage = chunk.usage or (chunk.x_groq.get("usage") if isinstance(chunk.x_groq, dict) else None)
        if isinstance(usage, dict):
            facts.usage = usage_of(usage)

    def _plain(self, value: Any) -> str:
        """Return an id or a name that can be stored and shown, or an empty string for anything else."""
        return without_secrets(cleaned(value), *self._secrets)[:200] if isinstance(value, str) else ""
