"""The model and the settings of a question, as a script sends them."""

import json
from typing import Any

import pytest

from chat.models import Conversation, Preset
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.site import Person, stored

SETTINGS = {"instructions": "Be brief.", "temperature": 0.5, "top_p": 0.9, "max_tokens": 300}
PARAMETERS = {name: value for name, value in SETTINGS.items() if name != "instructions"}


def test_a_new_conversation_takes_settings_with_its_first_question(anna: Person, upstream: FakeUpstream) -> None:
    first = anna.ask("hello", model="unicode", **SETTINGS)
    sent = upstream.chats[-1].json
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
    assert sent | PARAMETERS == sent
    assert stored(first.reply).evidence.parameters == {**PARAMETERS, "model": "unicode", "stream": True}

    anna.ask("again", conversation=first.events[0]["conversation"])
    again = upstream.chats[-1].json
    assert again | PARAMETERS == again
    assert again["model"] == "unicode", "the conversation's own"


def test_what_is_empty_is_not_sent(anna: Person, upstream: FakeUpstream) -> None:
    anna.ask("hello", instructions="", temperature=None, top_p="", max_tokens=None)
    assert set(upstream.chats[-1].json) == {"model", "stream", "stream_options", "messages"}
    assert [message["role"] for message in upstream.chats[-1].messages] == ["user"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 2.1),
        ("temperature", [1]),
        ("top_p", "much"),
        ("max_tokens", 0),
        ("instructions", "\ud800"),
        ("instructions", ["Be brief."]),
        ("instructions", "x" * 20_001),
    ],
)
def test_what_is_out_of_bounds_is_named(anna: Person, upstream: FakeUpstream, field: str, value: Any) -> None:
    request = {"request_id": "8c24ee3c-44f5-4c9c-8c74-8f0eb1a4a4f8", "text": "hello"}
    # ASCII escapes: half of a surrogate pair can't be sent in any other way.
    response = anna.http.post("/chat/stream", content=json.dumps(request | {field: value}))
    assert response.status_code == 400
    assert response.json()["error"]["field"] == field
    assert not upstream.chats
    assert not Conversation.objects.exists()


def test_one_that_has_begun_takes_none(anna: Person, upstream: FakeUpstream) -> None:
    here = anna.ask("hello").events[0]["conversation"]
    request = {"request_id": "8c24ee3c-44f5-4c9c-8c74-8f0eb1a4a4f8", "text": "again", "conversation": here}
    assert anna.post(**request, temperature=0.5).status_code == 400
    assert len(upstream.chats) == 1


def test_who_sends_no_settings_begins_with_their_own(anna: Person, upstream: FakeUpstream) -> None:
    preset = Preset.objects.create(owner=anna.user, name="Pirate", instructions="Say arr.", parameters={"top_p": 0.5})
    type(anna.user).objects.update(preset=preset, model="unicode")
    anna.ask("hello")
    sent = upstream.chats[-1].json
    assert (sent["model"], sent["top_p"], sent["messages"][0]["content"]) == ("unicode", 0.5, "Say arr.")
