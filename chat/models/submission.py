"""What comes with every question, whichever way it is asked."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Submission:
    """`idempotency_key` and `digest` (of the body) identify a question that is sent again.

    `trace_id` is that of the request. `alive`: the replies that this process writes; only their heartbeat may be late.
    """

    idempotency_key: uuid.UUID
    digest: str
    model: str
    writer: str
    most_at_once: int
    alive: Collection[uuid.UUID] = ()
    trace_id: str = ""
