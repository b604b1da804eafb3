"""Why a question may be refused."""

import uuid


class ReplyRunning(Exception):
    """The conversation is waiting for an answer; nothing else can be asked there until it has ended."""

    def __init__(self, reply: uuid.UUID) -> None:
        self.reply = reply


class TooManyReplies(Exception):
    """The user has reached the limit of running replies."""


class NothingToContinue(Exception):
    """The answer is complete, or has no text yet."""


class RequestReused(Exception):
    """The idempotency key was used before, with a different body."""
