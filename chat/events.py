"""The few events that exist: from the model server to the growing text, to the browser and to the database."""

import json
import re
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple
from uuid import UUID

# How a reply may end; `Status` in chat/models/status.py has the same words for the database.
EndStatus = Literal["complete", "stopped", "timed_out", "failed", "truncated", "filtered", "interrupted"]


class BadCursor(ValueError):
    """A string that is not one of our cursors."""


class Cursor(NamedTuple):
    """How much of a reply a reader has: code points of reasoning and answer, and whether it has the end."""

    reasoning: int = 0
    answer: int = 0
    ended: bool = False

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        match = re.fullmatch(r"([0-9]{1,12})\.([0-9]{1,12})(\.end)?", text)
        if not match:
            raise BadCursor(text)
        return cls(int(match[1]), int(match[2]), bool(match[3]))

    def __str__(self) -> str:
        return f"{self.reasoning}.{self.answer}{'.end' if self.ended else ''}"


@dataclass(frozen=True, slots=True)
class Start:
    conversation: UUID
    question: UUID
    reply: UUID
    model: str
    type: ClassVar = "start"


@dataclass(frozen=True, slots=True)
class Retrying:
    """Another attempt after `delay` seconds, which is called `in` on the wire."""

    attempt: int
    delay: float
    reason: str
    type: ClassVar = "retrying"


class Text(NamedTuple):
    """New text; either part may be empty. On the wire it becomes two events, `reasoning` and `delta`."""

    reasoning: str = ""
    answer: str = ""

    def __bool__(self) -> bool:
        return bool(self.reasoning or self.answer)


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class End:
    """How a reply ended; `code`, `detail` and `timer` say why, unless the model ended it itself."""

    status: EndStatus
    finish_reason: str = ""
    usage: Usage | None = None
    code: str = ""
    detail: str = ""
    timer: str = ""


@dataclass(slots=True)
class Facts:
    """What the model server says beside the text, and measurements; stored as evidence at the end."""

    attempts: int = 0
    upstream_id: str = ""
    upstream_request_id: str = ""
    upstream_created: int | None = None
    model: str = ""
    system_fingerprint: str = ""
    finish_reason: str = ""
    usage: Usage | None = None
    done: bool = False
    refused: bool = False
    asked_for_tool: bool = False
    chunks: int = 0
    bytes: int = 0
    longest_silence: float = 0.0
    parameters: dict[str, Any] = field(default_factory=dict)
    prompt_sha256: str = ""


def start_json(start: Start) -> str:
    """Return an event as one line of JSON for the wire, as the other functions here do."""
    return json.dumps({"type": start.type, **asdict(start)}, default=str, ensure_ascii=False)


def retrying_json(retrying: Retrying, sentence: str) -> str:
    body = {"type": retrying.type, "attempt": retrying.attempt, "reason": retrying.reason, "in": retrying.delay}
    return json.dumps(body | {"message": sentence}, ensure_ascii=False)


def text_json(type_: str, text: str) -> str:
    return f'{{"type":"{type_}","text":{json.dumps(text, ensure_ascii=False)}}}'


def block_json(start: int, end: int, html: str) -> str:
    return f'{{"type":"block","from":{start},"to":{end},"html":{json.dumps(html, ensure_ascii=False)}}}'


def login_ended_json(sentence: str) -> str:
    return json.dumps({"type": "login_ended", "message": sentence}, ensure_ascii=False)


PING_JSON = '{"type":"ping"}'


def end_json(end: End, sentence: str) -> str:
    body = {
        "type": "end",
        "status": end.status,
        "code": end.code or None,
        "finish_reason": end.finish_reason or None,
        "usage": asdict(end.usage) if end.usage else None,
        "message": sentence or None,
    }
    return json.dumps(body, ensure_ascii=False)
