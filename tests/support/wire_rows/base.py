"""A wire row: what the upstream sends, and what must be stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support.fake_upstream.chunks import DONE, ROLE, Json, ended, said, send
from tests.support.fake_upstream.steps import Instead, Send, Step, the_first

TEXT_PIECES = ("Hello", ", wörld", "! 你好", " 👋🏽", " — done.")
TEXT = "".join(TEXT_PIECES)
THOUGHT_PIECES = ("The user ", "grüßt; ", "I greet 🙂.")
THOUGHT = "".join(THOUGHT_PIECES)
SO_FAR_PIECES = TEXT_PIECES[:2]
SO_FAR = "".join(SO_FAR_PIECES)

# The plain stream that the rows about framing send in different forms.
PLAIN: tuple[Json, ...] = (ROLE, *said(*TEXT_PIECES), *ended())

# Before a cut or a reset, to make sure that what was sent has been read: some clients drop their buffer when the
# connection breaks.
PAUSE = 0.15


@dataclass(frozen=True)
class Usage:
    prompt: int
    completion: int
    reasoning: int | None = None
    cached: int | None = None


@dataclass(frozen=True)
class Expect:
    """What is stored. `upstream_id` and `model` are not checked if they are None."""

    status: str
    answer: str
    reasoning: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    error_contains: str | None = None
    error_code: str | None = None
    timer: str | None = None
    attempts: int = 1
    requests: int = 1
    upstream_id: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Row:
    name: str
    about: str
    # The report of a failed test should not contain a megabyte of bytes.
    steps: tuple[Step | Instead, ...] = field(repr=False)
    expect: Expect
    settings: Mapping[str, Any] = field(default_factory=dict)


USED = Usage(12, 7)
COMPLETE = Expect("complete", TEXT, finish_reason="stop", usage=USED)
THOUGHTFUL = replace(COMPLETE, reasoning=THOUGHT)
UPSTREAM_ERROR = Expect("failed", SO_FAR, error_code="upstream_error")
CUT = Expect("failed", SO_FAR, error_code="cut")
TOOL_ONLY = Expect("failed", "", finish_reason="tool_calls", usage=USED, error_code="tool_only")


def row(name: str, about: str, *steps: Step | Instead, expect: Expect = COMPLETE, **settings: Any) -> Row:
    return Row(name, about, steps, expect, settings)


def stream(*events: Json | bytes) -> Send:
    """Send the role, these events, and [DONE]."""
    return send(ROLE, *events, DONE)


def interspersed(extra: Json | bytes) -> Send:
    """Send the plain stream with something extra between all its events."""
    events: list[Json | bytes] = [extra]
    for event in PLAIN:
        events += [event, extra]
    return send(*events, DONE)


def with_keys(**keys: Any) -> Send:
    """Send the plain stream with these keys added to each of its chunks."""
    return send(*(event | keys for event in PLAIN), DONE)


def answered(*events: Json) -> Send:
    """Send these events in place of the role, then the plain answer."""
    return send(*events, *said(*TEXT_PIECES), *ended(), DONE)


def after_refusal(*refusal: Step, times: int = 1) -> tuple[Step | Instead, ...]:
    """Refuse the first requests, and send the plain stream to the next one."""
    return (Instead(the_first(times), refusal), send(*PLAIN, DONE))


def body_of(row: Row) -> bytes:
    """Return the bytes of the body, for tests that need no socket."""
    return b"".join(step.data for step in row.steps if isinstance(step, Send))
