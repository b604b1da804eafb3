"""Why a question may be refused."""

import uuid


class ReplyRunning(Exception):
    """The conversation is waiting for an answer; it can't be asked again before that has ended."""

    def __init__(self, reply: uuid.UUID) -> None:
        self.reply = reply


class TooManyReplies(Exception):
    """The user has as many running replies as one person may have."""


class NothingToContinue(Exception):
    """The answer came to an end of its own, or has no text yet."""


class RequestReused(Exception):
    """The idempotency key came before, with another body."""
