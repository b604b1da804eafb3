from typing import NamedTuple
from uuid import UUID


class Hit(NamedTuple):
    """A text that was found: a message, or a title if `message` is None. Newer texts have higher ids."""

    id: int
    conversation: UUID
    message: UUID | None


class TooBroad(Exception):
    """The search would take too long."""
