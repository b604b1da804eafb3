"""What `manage.py stream` prints if there is no answer, or only a part of one."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chat.models.endings import ERRORS, TIMERS
from tests.support.fake_upstream.server import FakeUpstream


@pytest.fixture(autouse=True)
def fresh(upstream: FakeUpstream) -> None:
    upstream.forget()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("no-such", f"{ERRORS['unknown_model']} “The model 'no-such' does not exist.”"),
        ("error/status=429", f"{ERRORS['rate_limited']} “Something broke.”"),
        ("error/status=500", f"{ERRORS['server_error']} “Something broke.”"),
        ("error/status=503", f"{ERRORS['overloaded']} “Something broke.”"),
        ("W27a", ERRORS["html"]),
        ("W25", ERRORS["empty_reply"]),
        ("W69a", ERRORS["tool_only"]),
        ("X21", ERRORS["unreadable"]),
        ("W58a", f"{ERRORS['upstream_error']} “"),
        ("W30d", ERRORS["cut"]),
        ("X45", ERRORS["unreachable"]),
        ("hang", TIMERS["first_token"]),
        ("mute", TIMERS["idle"]),
        ("X31", TIMERS["total"]),
    ],
)
def test_each_failure_has_its_sentence(upstream: FakeUpstream, settings: Any, model: str, message: str) -> None:
    settings.LLM_BASE_URL = upstream.base_url
    settings.LLM_FIRST_TOKEN_TIMEOUT, settings.LLM_IDLE_TIMEOUT, settings.LLM_TOTAL_TIMEOUT = 4, 1.5, 4.5
    with pytest.raises(CommandError) as failure:
        call_command("stream", "Hello?", model=model, stdout=StringIO(), stderr=StringIO())
    assert str(failure.value).startswith(str(message))
