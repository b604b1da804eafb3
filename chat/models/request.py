"""What comes with every question, what it leads to, and why it may be refused."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chat.models.message import Message


class ReplyRunning(Exception):
    """The conversation is waiting for an answer; it can't be asked again before its end."""

    def __init__(self, reply: uuid.UUID) -> None:
        self.reply = reply


class TooManyReplies(Exception):
    """The user has as many running replies as one may have."""


class NothingToContinue(Exception):
    """The answer came to an end of its own, or has no text yet."""


@dataclass(frozen=True)
class Request:
    """What comes with every question: `id` and `digest` make it the same one when it comes again.

    `alive`: the replies that its process writes; only their heartbeat may be late.
    """

    id: uuid.UUID
    digest: str
    model: str
    writer: str
    most_at_once: int
    alive: Collection[uuid.UUID] = ()


@dataclass(frozen=True)
class Asked:
    """What a request has led to. `turns` is empty when the same request had been there before.

    `said`: which messages the turns are, without the instructions.
    """

    reply: Message
    turns: tuple[dict[str, Any], ...] = ()
    said: tuple[uuid.UUID, ...] = ()

    @property
    def is_new(self) -> bool:
        return bool(self.turns)
