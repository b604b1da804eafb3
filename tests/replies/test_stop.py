"""POST /chat/stop: the upstream is closed, the text is kept, and everybody is told."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.db import connection
from django.utils import timezone

from chat.models import Generation, Message, Piece
from chat.replies import engine as engine_module
from chat.replies import follower
from tests.support import factories
from tests.support.fake_upstream.scripts import paced_text
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.site import Person, Told, events_of, stored, told
from tests.support.waiting import until

# The contract: stop closes the upstream within a second.
CLOSED_WITHIN = 1.0


def stop(person: Person, reply: str) -> str:
    """Stop a reply, and return the status that it then has."""
    response = person.post("/chat/stop", reply=reply)
    assert response.status_code == 200, response.text
    return str(response.json()["status"])


def read_some(response: httpx.Response, length: int) -> Told:
    """Read until this much of the answer has arrived, and return what was sent."""
    heard = Told()
    for id_, event in events_of(response):
        heard.ids.append(id_)
        heard.events.append(event)
        if len(heard.text()) >= length:
            return heard
    raise AssertionError("it ended before")


def test_a_stop_in_the_middle_keeps_the_text_and_closes_the_upstream(
    anna: Person, upstream: FakeUpstream, settings: Any
) -> None:
    settings.LLM_MODEL = "paced/tokens=1000/interval=0.01"
    with anna.asking() as response:
        events = events_of(response)
        heard = [next(events)[1]]
        while sum(len(event.get("text", "")) for event in heard) < 20:
            heard.append(next(events)[1])

        began = time.monotonic()
        status = stop(anna, heard[0]["reply"])
        closed = upstream.wait_for_request().wait_closed_by_peer()
        heard += [event for _, event in events]

    text = "".join(event.get("text", "") for event in heard)
    message = stored(heard[0]["reply"])
    assert status == "stopped"
    assert closed - began < CLOSED_WITHIN
    assert message.text == text
    assert paced_text(1000).startswith(text)
    assert message.generation.status == "stopped"
    assert message.generation.ended_at
    assert message.evidence.chunks > 0
    assert heard[-1]["type"] == "end"
    assert heard[-1]["status"] == "stopped"
    assert heard[-1]["message"]


@pytest.mark.parametrize("model", ["hang", "mute"])
def test_a_stop_before_the_first_token_closes_the_upstream_too(
    model: str, anna: Person, upstream: FakeUpstream
) -> None:
    with anna.asking(model=model) as response:
        events = events_of(response)
        reply = next(events)[1]["reply"]
        asked = upstream.wait_for_request()

        began = time.monotonic()
        assert stop(anna, reply) == "stopped"
        assert asked.wait_closed_by_peer() - began < CLOSED_WITHIN
        assert next(events)[1]["status"] == "stopped"

    message = stored(reply)
    assert (message.text, message.reasoning) == ("", "")
    assert message.generation.status == "stopped"
    assert message.generation.first_token_at is None
    assert message.evidence.first_token_ms is None


def test_a_stop_between_two_tries_ends_the_trying(anna: Person, upstream: FakeUpstream, settings: Any) -> None:
    settings.LLM_MODEL = "refuse-first/times=9"
    with anna.asking() as response:
        events = events_of(response)
        reply = next(events)[1]["reply"]
        assert next(events)[1]["type"] == "retrying"
        assert stop(anna, reply) == "stopped"

    assert stored(reply).generation.status == "stopped"
    assert stored(reply).evidence.attempts == len(upstream.chats)


def test_a_stop_at_the_very_start_is_a_stop(anna: Person, settings: Any) -> None:
    settings.LLM_MODEL = "paced/tokens=1000/interval=0.01"
    for _ in range(5):
        with anna.asking() as response:
            assert stop(anna, next(events_of(response))[1]["reply"]) == "stopped"


def test_it_can_be_named_by_the_request_that_asked(anna: Person) -> None:
    """Until the start event arrives, the page knows no other id."""
    request_id = str(uuid4())
    with anna.asking(model="hang", request_id=request_id):
        answer = anna.post("/chat/stop", request_id=request_id)

    assert answer.json() == {"status": "stopped"}
    assert Message.objects.replies().get().generation.status == "stopped"


def test_asked_twice_it_answers_the_same(anna: Person) -> None:
    with anna.asking(model="hang") as response:
        reply = next(events_of(response))[1]["reply"]
        assert [stop(anna, reply), stop(anna, reply)] == ["stopped", "stopped"]


def test_asked_twice_at_once_it_answers_the_same(anna: Person) -> None:
    with anna.asking(model="hang") as response, ThreadPoolExecutor(4) as pool:
        reply = next(events_of(response))[1]["reply"]
        assert set(pool.map(lambda _: stop(anna, reply), range(4))) == {"stopped"}


@pytest.mark.parametrize(
    ("model", "status"), [("echo", "complete"), ("error/status=400", "failed"), ("W45e", "truncated")]
)
def test_after_the_end_it_answers_with_the_end(model: str, status: str, anna: Person, settings: Any) -> None:
    settings.LLM_MODEL = model
    reply = anna.ask().reply
    before = list(Generation.objects.values())

    assert [stop(anna, reply), stop(anna, reply)] == [status, status]
    assert list(Generation.objects.values()) == before


def test_everybody_who_reads_it_gets_the_end(anna: Person, settings: Any) -> None:
    settings.LLM_MODEL = "paced/tokens=1000/interval=0.01"
    with anna.asking() as response, ThreadPoolExecutor(6) as pool:
        heard = read_some(response, 20)
        readers = [pool.submit(anna.follow, heard.reply, f"0.{place}") for place in range(0, 12, 2)]
        stop(anna, heard.reply)
        rests = [reader.result(20) for reader in readers]

    text = stored(heard.reply).text
    assert [rest.end["status"] for rest in rests] == ["stopped"] * 6
    assert [rest.text() for rest in rests] == [text[place:] for place in range(0, 12, 2)]


def test_the_conversation_can_go_on_at_once(anna: Person) -> None:
    with anna.asking(model="hang") as response:
        start = next(events_of(response))[1]
        stop(anna, start["reply"])

        assert anna.ask("hello", model="echo", conversation=start["conversation"]).text() == "hello"


def test_a_stranger_cannot_stop_it(anna: Person, boris: Person) -> None:
    request_id = str(uuid4())
    with anna.asking(model="hang", request_id=request_id) as response:
        reply = next(events_of(response))[1]["reply"]

        answers = [boris.post("/chat/stop", reply=one) for one in (reply, str(uuid4()))]
        answers += [boris.post("/chat/stop", request_id=one) for one in (request_id, str(uuid4()))]

        assert [answer.status_code for answer in answers] == [404] * 4
        assert len({answer.content for answer in answers}) == 1
        assert Generation.objects.get().status == "streaming"
        assert Generation.objects.get().stop_requested_at is None


BAD = {
    "nothing": {},
    "reply is no UUID": {"reply": "x"},
    "reply is null": {"reply": None},
    "reply is a number": {"reply": 5},
    "request_id is no UUID": {"request_id": "x"},
    "reply is a list": {"reply": []},
}


@pytest.mark.parametrize("fields", BAD.values(), ids=BAD)
def test_a_missing_or_wrong_name_is_400(fields: dict[str, Any], anna: Person) -> None:
    response = anna.http.post("/chat/stop", content=json.dumps(fields), headers={"Content-Type": "application/json"})

    assert response.status_code == 400
    assert response.json()["error"]["code"] == "bad_field"
    assert response.json()["error"]["field"] in {"reply", "request_id"}


@pytest.mark.parametrize("data", [b"", b"x", b"[]", b'"x"'])
def test_what_is_no_json_object_is_400(data: bytes, anna: Person) -> None:
    response = anna.http.post("/chat/stop", content=data, headers={"Content-Type": "application/json"})

    assert response.status_code == 400
    assert response.json()["error"]["code"] == "bad_json"


@pytest.mark.parametrize("name", ["reply", "request_id"])
def test_a_plain_form_leads_back_to_the_conversation(name: str, anna: Person) -> None:
    request_id = str(uuid4())
    with anna.asking(model="hang", request_id=request_id) as response:
        start = next(events_of(response))[1]
        del anna.http.headers["X-CSRFToken"]
        fields = {"reply": {"reply": start["reply"]}, "request_id": {"request_id": request_id}}[name]

        answer = anna.http.post("/chat/stop", data={**fields, "csrfmiddlewaretoken": "t" * 32})

    assert answer.status_code == 303
    assert answer.headers["location"] == f"/chat/{start['conversation']}/"
    assert stored(start["reply"]).generation.status == "stopped"


# --- Of another process ---------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(anna: Person, monkeypatch: pytest.MonkeyPatch) -> Message:
    """A reply that another process is writing."""
    monkeypatch.setattr(follower, "LOOK_SECONDS", 0.05)
    reply = factories.ask(factories.make_conversation(anna.user), "And a hen?")
    Piece.objects.create(generation=reply.generation, text="A bi")
    return reply


def test_a_reply_of_another_process_is_stopped_by_its_writer(anna: Person, elsewhere: Message) -> None:
    def write() -> None:
        with closing(connection):
            until(lambda: Generation.objects.exclude(stop_requested_at=None).exists())
            factories.finish(elsewhere, "A bird", status="stopped")

    writer = threading.Thread(target=write)
    writer.start()
    status = stop(anna, str(elsewhere.pk))
    writer.join(10)

    assert status == "stopped"
    assert stored(str(elsewhere.pk)).text == "A bird"


def test_a_writer_that_does_not_hear_of_it_is_not_waited_for(
    anna: Person, elsewhere: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "STOP_SECONDS", 0.2)

    assert stop(anna, str(elsewhere.pk)) == "streaming"
    assert Generation.objects.get(pk=elsewhere.pk).stop_requested_at
    # Nobody must look for it when its row is gone.
    factories.finish(elsewhere)
    assert anna.follow(str(elsewhere.pk)).end["status"] == "complete"


def test_a_dead_reply_is_ended_with_the_text_that_was_saved(anna: Person, elsewhere: Message) -> None:
    Generation.objects.filter(pk=elsewhere.pk).update(heartbeat_at=timezone.now() - timedelta(minutes=1))

    assert stop(anna, str(elsewhere.pk)) == "interrupted"
    assert Message.objects.get(pk=elsewhere.pk).text == "A bi"


def test_what_it_told_before_is_what_it_tells_after(anna: Person, settings: Any) -> None:
    """What a reader had at the stop, together with the rest, is the stored text."""
    settings.LLM_MODEL = "paced/tokens=1000/interval=0.01/reasoning=3"
    with anna.asking() as response:
        heard = read_some(response, 10)
        stop(anna, heard.reply)

    rest = told(anna.http.get("/chat/stream", params={"reply": heard.reply, "after": heard.ids[-1]}))
    message = stored(heard.reply)
    assert heard.text() + rest.text() == message.text
    assert heard.text("reasoning") + rest.text("reasoning") == message.reasoning == "r0 r1 r2 "
