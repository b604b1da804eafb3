"""Small builders for the output of an OpenAI-compatible server, shared by the scripts and the wire rows."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from tests.support.fake_upstream.steps import Headers, Send, Status, Step

Json = dict[str, Any]

ID = "chatcmpl-fake-1"
MODEL = "fake-model-1"
CREATED = 1_700_000_000
DONE = b"data: [DONE]\n\n"
EVENT_STREAM = "text/event-stream"


def as_json(value: object) -> str:
    """Encode compactly and raw: characters outside ASCII go over the wire as UTF-8, not as escapes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def sse(value: object, end: str = "\n\n") -> bytes:
    return f"data: {as_json(value)}{end}".encode()


def frame(**fields: Any) -> Json:
    """Return a chunk without choices, plus the given fields."""
    return {"id": ID, "object": "chat.completion.chunk", "created": CREATED, "model": MODEL} | fields


def delta(fields: Json, *, finish: str | None = None, index: int = 0) -> Json:
    return frame(choices=[{"index": index, "delta": fields, "finish_reason": finish}])


def chunk(*, finish: str | None = None, **fields: Any) -> Json:
    """Return a chunk, as in `chunk(content="Hi")`. Add top-level keys with `chunk(...) | {"provider": "x"}`."""
    return delta(fields, finish=finish)


def usage(prompt: int = 12, completion: int = 7, reasoning: int | None = None, cached: int | None = None) -> Json:
    counts: Json = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    if cached is not None:
        counts["prompt_tokens_details"] = {"cached_tokens": cached}
    if reasoning is not None:
        counts["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    return counts


ROLE = chunk(role="assistant", content="")
STOP = chunk(finish="stop")
USAGE = frame(choices=[], usage=usage())


def said(*pieces: str, key: str = "content") -> list[Json]:
    return [delta({key: piece}) for piece in pieces]


def ended(finish: str = "stop") -> list[Json]:
    return [chunk(finish=finish), USAGE]


def joined(*events: Json | bytes) -> bytes:
    """Join chunks, which become events, and bytes, which stay as they are."""
    return b"".join(event if isinstance(event, bytes) else sse(event) for event in events)


def send(*events: Json | bytes) -> Send:
    """Send everything in one piece of the body."""
    return Send(joined(*events))


def each(events: Iterable[Json]) -> Iterator[Send]:
    """Send every event in a piece of its own."""
    return (Send(sse(event)) for event in events)


def json_answer(value: object, status: int = 200, **headers: str | None) -> tuple[Step, ...]:
    named: dict[str, str | None] = {name.replace("_", "-"): text for name, text in headers.items()}
    return (Status(status), Headers({"content-type": "application/json", **named}), Send(as_json(value).encode()))


def error(message: str, kind: str = "server_error", code: object = None) -> Json:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
