"""Whatever the model server sends fits the columns: PostgreSQL refuses what is too long, SQLite would take it."""

from typing import Any

import pytest
from django.db import models

from chat.models import Message
from chat.replies.engine import engine
from tests.support.fake_upstream.chunks import DONE, ROLE, chunk, error, frame, json_answer, said, send
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.fake_upstream.steps import Headers, Script
from tests.support.site import Person, stored

LONG = "x" * 5_000
FACTS: dict[str, Any] = {"id": LONG, "model": LONG, "system_fingerprint": LONG, "created": 10**40}
HUGE_USAGE = {"prompt_tokens": 10**20, "completion_tokens": -5, "total_tokens": 2**31}

SCRIPTS: dict[str, Script] = {
    "facts": (
        Headers({"x-request-id": LONG}),
        send(
            *(event | FACTS for event in (ROLE, *said("Hello"), chunk(finish=f"zorp {LONG}"))),
            frame(choices=[], usage=HUGE_USAGE),
            DONE,
        ),
    ),
    "error": (send(ROLE, *said("Hello"), error(LONG, LONG, LONG)),),
    "status": json_answer(error(LONG), 418),
    "reason": (send(ROLE, *said("Hello"), chunk(finish=f"error {LONG}"), DONE),),
}


@pytest.fixture
def _fresh_list() -> Any:
    yield
    engine._upstream.catalogue._until = float("-inf")


def too_long(message: Message) -> list[str]:
    """Which columns hold more than they may."""
    rows: tuple[models.Model, ...] = (message, message.generation, message.evidence, message.conversation)
    return [
        f"{type(row).__name__}.{field.name}"
        for row in rows
        for field in row._meta.concrete_fields
        if isinstance(field, models.CharField) and len(getattr(row, field.attname)) > (field.max_length or 0)
    ]


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_column_has_room_for_what_was_sent(
    script: str, anna: Person, upstream: FakeUpstream, settings: Any
) -> None:
    settings.LLM_MODEL = upstream.add(f"long-{script}", SCRIPTS[script])
    told = anna.ask()
    message = stored(told.reply)

    assert message.generation.status == told.end["status"] != "streaming"
    assert message.evidence.error_code != "not_stored"
    assert too_long(message) == []


@pytest.mark.usefixtures("_fresh_list")
def test_a_model_whose_name_is_longer_than_the_column_can_be_asked(
    anna: Person, upstream: FakeUpstream, settings: Any
) -> None:
    settings.LLM_MODEL = ""
    name = upstream.add(f"m{'n' * 300}", (send(ROLE, *said("Hello"), chunk(finish="stop"), DONE),))
    try:
        engine._upstream.catalogue._until = float("-inf")
        anna.ask(model="echo")
        [offered] = [model.id for model in engine.offered() if model.name == name]
        message = stored(anna.ask(model=offered).reply)
    finally:
        del upstream.scripts[name]

    assert message.text == "Hello"
    assert upstream.chats[-1].model == name
    assert message.generation.model == offered
    assert too_long(message) == []
