"""Why a question may be refused, and what the errors of a database mean."""

import uuid

POSTGRES_DISK_FULL = "53100"


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


def is_full(error: BaseException) -> bool:
    """Tell whether the database fails because its disk is full, which waiting seconds does not cure."""
    cause = error.__cause__
    is_postgres_full = getattr(cause, "sqlstate", None) == POSTGRES_DISK_FULL
    return is_postgres_full or getattr(cause, "sqlite_errorname", None) == "SQLITE_FULL"
