"""People and conversations for the tests, created with the models' own methods."""

import uuid
from collections.abc import Sequence
from typing import Any

from chat.models import Conversation, Generation, Message, Submission, User

WRITER = "a writer"
# The id of no row. It must not change: processes that share the tests must give them the same names.
NO_ONES_ID = "5f0c9c2e-3f0b-4d55-9c39-0d8f4e6a7b10"


def make_user(name: str = "anna", **fields: Any) -> User:
    return User.objects.create_user(name, password="a password of anna", **fields)


def make_conversation(
    owner: User, turns: Sequence[tuple[str, str]] = (("What is a fox?", "An animal."),), **end: Any
) -> Conversation:
    """Create a conversation in which every question is answered. `end`: what the ends and their evidence share."""
    conversation = Conversation.about(turns[0][0] if turns else "", owner)
    if not turns:
        conversation.save()
    for question, answer in turns:
        finish(ask(conversation, question), answer, **end)
    return conversation


def ask(conversation: Conversation, question: str, *, model: str = "fox-1") -> Message:
    """Ask, and return the reply, which is still being written."""
    return conversation.ask(question, a_submission(model)).reply


def retry(conversation: Conversation, *, model: str = "fox-1") -> Message:
    """Ask for another answer to the last question, and return it; it is still being written."""
    assert conversation.leaf
    return conversation.retry(conversation.leaf, a_submission(model)).reply


def finish(
    reply: Message, answer: str = "An answer.", *, reasoning: str = "", status: str = "complete", **evidence: Any
) -> Generation:
    Generation.objects.finish(
        reply.pk,
        writer=WRITER,
        row={"status": status},
        text={"text": answer, "reasoning": reasoning},
        evidence={"attempts": 1, **evidence},
    )
    return Generation.objects.get(pk=reply.pk)


def a_submission(model: str = "fox-1") -> Submission:
    return Submission(idempotency_key=uuid.uuid4(), digest="", model=model, writer=WRITER, most_at_once=1_000)
