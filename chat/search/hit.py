from typing import NamedTuple
from uuid import UUID


class Hit(NamedTuple):
    """A text that was found; without a message, a title. The later the id, the newer."""

    id: int
    conversation: UUID
    message: UUID | None


class TooBroad(Exception):
    """It would take too long."""
