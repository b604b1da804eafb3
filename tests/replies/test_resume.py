"""GET /chat/stream: the rest of a reply from any cursor; and questions whose sender has left."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.db import connection
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chat import questions, sse
from chat.events import Cursor, End, Start, Text
from chat.models import Conversation, Message
from chat.replies import reader
from chat.replies.engine import engine
from chat.replies.growing import Growing
from chat.replies.reader import Reader
from tests.support.fake_upstream.scripts import UNICODE_REASONING, UNICODE_TEXT, paced_text
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.log_lines import wait_for_lines
from tests.support.raw_http import connect, leave, question
from tests.support.site import Person, Told, events_of, stored, told
from tests.support.waiting import until

WHOLE = (UNICODE_REASONING, UNICODE_TEXT)
# One paragraph has every unusual character; the others only make the text longer.
PARAGRAPH = len(UNICODE_TEXT) // 40


def test_what_one_reader_has_and_the_rest_that_another_gets_are_the_stored_text(anna: Person) -> None:
    reply = anna.ask(model="unicode").reply

    rest = anna.follow(reply, after="20.2000")

    message = stored(reply)
    assert (message.reasoning, message.text) == WHOLE
    assert message.reasoning[:20] + rest.text("reasoning") == UNICODE_REASONING
    assert message.text[:2000] + rest.text() == UNICODE_TEXT
    assert rest.end["status"] == "complete"


def test_a_finished_reply_goes_on_from_any_code_point(anna: Person) -> None:
    reply = anna.ask(model="unicode").reply
    message = stored(reply)

    for cursor in cuts():
        rest = anna.follow(reply, after=str(cursor))
        assert message.reasoning[: cursor.reasoning] + rest.text("reasoning") == UNICODE_REASONING, cursor
        assert message.text[: cursor.answer] + rest.text() == UNICODE_TEXT, cursor
        assert rest.ids[0] == str(cursor)
        assert rest.ids[-1] == f"{len(UNICODE_REASONING)}.{len(UNICODE_TEXT)}.end"


def cuts() -> Iterator[Cursor]:
    """Yield every place in the reasoning and in the first paragraph, and enough places in the others."""
    everywhere = range(len(UNICODE_REASONING) + 1)
    yield from (Cursor(place, 0) for place in everywhere)
    yield from (Cursor(len(UNICODE_REASONING), place) for place in range(PARAGRAPH + 10))
    yield from (Cursor(len(UNICODE_REASONING), place) for place in range(PARAGRAPH, len(UNICODE_TEXT) + 1, 101))
    yield from (Cursor(place, place * 3) for place in everywhere[::7])


def test_the_reader_goes_on_from_every_code_point_of_all_of_it() -> None:
    """The same without HTTP, which would take a minute."""
    growing = Growing(Start(uuid4(), uuid4(), uuid4(), "unicode"))
    growing.append(Text(*WHOLE))
    growing.finish(End("complete"))
    everywhere = [Cursor(place, 0) for place in range(len(UNICODE_REASONING))]
    everywhere += [Cursor(len(UNICODE_REASONING), place) for place in range(len(UNICODE_TEXT) + 1)]

    async def read_from_everywhere() -> None:
        for cursor in everywhere:
            rest = parsed(b"".join([data async for data in Reader(growing, cursor, "en").events()]))
            assert UNICODE_REASONING[: cursor.reasoning] + rest.text("reasoning") == UNICODE_REASONING, cursor
            assert UNICODE_TEXT[: cursor.answer] + rest.text() == UNICODE_TEXT, cursor

    asyncio.run(read_from_everywhere())


def parsed(data: bytes) -> Told:
    events = list(sse.Decoder().feed(data))
    return Told([json.loads(event.data) for event in events], [event.id for event in events])


def test_a_running_reply_goes_on_from_any_code_point(anna: Person, upstream: FakeUpstream, settings: Any) -> None:
    """The readers start before the gate opens, at every second place in the text so far."""
    settings.LLM_MODEL = "gated/tokens=20"
    whole = paced_text(40)
    with anna.asking() as first:
        reply = read_until(first, paced_text(20)).reply
        before = [(place, anna.reading(reply, f"0.{place}")) for place in range(0, len(paced_text(20)) + 1, 2)]
        responses = [(place, stream.__enter__()) for place, stream in before]
        upstream.release()

        for place, response in responses:
            assert whole[:place] + told(response).text() == whole, place
        for _, stream in before:
            stream.__exit__(None, None, None)
    assert stored(reply).text == whole


def read_until(response: httpx.Response, text: str) -> Told:
    """Read until the answer so far is `text`, and return what was sent."""
    heard = Told()
    for id_, event in events_of(response):
        heard.ids.append(id_)
        heard.events.append(event)
        if heard.text() == text:
            return heard
    raise AssertionError(f"it ended without saying {text!r}")


def test_many_readers_at_many_places_all_get_the_same_text(anna: Person, upstream: FakeUpstream, settings: Any) -> None:
    settings.LLM_MODEL = "paced/tokens=60/interval=0.005/reasoning=20"
    thoughts, whole = "".join(f"r{number} " for number in range(20)), paced_text(60)
    places = [Cursor(number * 2, 0) for number in range(15)] + [
        Cursor(len(thoughts), number * 7) for number in range(15)
    ]
    with anna.asking() as first, ThreadPoolExecutor(len(places)) as pool:
        reply = next(events_of(first))[1]["reply"]
        rests = list(pool.map(lambda place: anna.follow(reply, after=str(place)), places))

    for place, rest in zip(places, rests, strict=True):
        assert rest.text("reasoning") == thoughts[place.reasoning :], place
        assert rest.text() == whole[place.answer :], place
        assert rest.end["status"] == "complete"
    assert (stored(reply).reasoning, stored(reply).text) == (thoughts, whole)
    assert len(upstream.chats) == 1


# --- Any sequence of cut and resume ---------------------------------------------------------------------------------


def test_any_sequence_of_cut_and_resume_gives_the_stored_text(anna: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader whose connection breaks after some events comes back with the last id that it saw."""
    monkeypatch.setattr(reader, "MOST_AT_ONCE", 400)
    reply = anna.ask(model="unicode").reply

    @hypothesis_settings(max_examples=30, deadline=None, database=None)
    @given(st.lists(st.integers(1, 12), max_size=12), st.booleans())
    def check(breaks: list[int], is_browser: bool) -> None:
        assert read_in_parts(anna, reply, breaks, is_browser=is_browser) == WHOLE

    check()


def test_so_does_any_sequence_while_it_is_written(anna: Person, settings: Any) -> None:
    settings.LLM_MODEL = "unicode"

    @hypothesis_settings(max_examples=8, deadline=None, database=None)
    @given(st.lists(st.integers(1, 30), max_size=30), st.booleans())
    def check(breaks: list[int], is_browser: bool) -> None:
        with anna.asking() as first:
            reply = next(events_of(first))[1]["reply"]
        assert read_in_parts(anna, reply, breaks, is_browser=is_browser) == WHOLE
        assert (stored(reply).reasoning, stored(reply).text) == WHOLE

    check()


def read_in_parts(anna: Person, reply: str, breaks: list[int], *, is_browser: bool) -> tuple[str, str]:
    """Read with breaks, the last part to its end. A browser repeats the URL, and sends Last-Event-ID too."""
    cursor, heard = "0.0", Told()
    for most in [*breaks, None]:
        params = {"reply": reply, "after": "0.0" if is_browser else cursor}
        headers = {"Last-Event-ID": cursor} if is_browser else {}
        with anna.http.stream("GET", "/chat/stream", params=params, headers=headers) as response:
            if response.status_code == 204:
                break
            for number, (id_, event) in enumerate(events_of(response)):
                cursor = id_
                heard.events.append(event)
                if number == most:
                    break
    assert cursor.endswith(".end")
    return heard.text("reasoning"), heard.text()


# --- Cursors --------------------------------------------------------------------------------------------------------


def test_the_last_event_id_of_a_browser_wins(anna: Person) -> None:
    reply = anna.ask("What does a fox say?", model="echo").reply

    response = anna.http.get("/chat/stream", params={"reply": reply, "after": "0.2"}, headers={"Last-Event-ID": "0.10"})

    assert told(response).text() == "What does a fox say?"[10:]
    assert told(response).ids[0] == "0.10"


@pytest.mark.parametrize("bad", [{"after": "nonsense"}, {"after": "9.9.end"}])
def test_even_if_the_address_has_a_bad_one(bad: dict[str, str], anna: Person) -> None:
    reply = anna.ask("hello", model="echo").reply

    response = anna.http.get("/chat/stream", params={"reply": reply, **bad}, headers={"Last-Event-ID": "0.2"})

    assert told(response).text() == "llo"


@pytest.mark.parametrize("params", [{}, {"after": ""}, {"after": "0.0"}, {"after": "0.0", "unknown": "x"}])
def test_without_a_cursor_it_begins_at_the_start(params: dict[str, str], anna: Person) -> None:
    reply = anna.ask("hello", model="echo").reply

    assert told(anna.http.get("/chat/stream", params={"reply": reply, **params})).text() == "hello"


def test_who_has_the_end_is_told_that_there_is_no_more(anna: Person) -> None:
    """204 also keeps an EventSource from reconnecting."""
    asked = anna.ask("hello", model="echo")

    by_address = anna.http.get("/chat/stream", params={"reply": asked.reply, "after": asked.ids[-1]})
    by_header = anna.http.get("/chat/stream", params={"reply": asked.reply}, headers={"Last-Event-ID": asked.ids[-1]})

    assert [by_address.status_code, by_header.status_code] == [204, 204]
    assert by_address.content == by_header.content == b""


def test_a_post_that_comes_again_goes_on_from_the_cursor(anna: Person) -> None:
    """@microsoft/fetch-event-source repeats it by itself, with the header that a browser sends with a GET."""
    body = {"request_id": str(uuid4()), "text": "hello again", "model": "echo"}
    first = anna.http.post("/chat/stream", json=body, headers={"Last-Event-ID": "0.5"})
    asked = told(first)
    assert asked.text() == "hello again", "a new reply has no cursor yet"

    for number, cursor in enumerate(asked.ids[:-1]):
        again = told(anna.http.post("/chat/stream", json=body, headers={"Last-Event-ID": cursor}))
        assert again.text() == asked.text()[Cursor.parse(cursor).answer :], number
    assert anna.http.post("/chat/stream", json=body, headers={"Last-Event-ID": asked.ids[-1]}).status_code == 204
    assert anna.http.post("/chat/stream", json=body, headers={"Last-Event-ID": "nonsense"}).status_code == 400


def test_who_has_all_text_but_not_the_end_gets_just_the_end(anna: Person) -> None:
    asked = anna.ask("hello", model="echo")

    rest = anna.follow(asked.reply, after="0.5")

    assert [event["type"] for event in rest.events] == ["start", "end"]
    assert rest.ids == ["0.5", "0.5.end"]
    assert rest.end == asked.end


def test_who_has_the_end_of_a_reply_that_runs_hears_it_end(anna: Person, settings: Any) -> None:
    """This can't happen, but nobody must be left waiting forever."""
    with anna.asking(model="hang") as first:
        reply = next(events_of(first))[1]["reply"]
        with anna.reading(reply, "0.0.end") as response:
            events = events_of(response)
            next(events)
            anna.post("/chat/stop", reply=reply)
            assert next(events)[1]["type"] == "end"


MALFORMED = (
    "x", "1", "1.", ".1", ".", "..", "-1.0", "0.-1", "1.2.3", "1.2.END", "1.2.end.end", "1.2.", "1.2.end ", " 1.2",
    "1.2 ", "1,2", "1.2\n", "1.2\0", "１.２", "٣.٣", "1e3.0", "0x1.0", "+1.0", "1_0.0", "1" * 13 + ".0",
    "0." + "1" * 13, "1" * 5000 + ".0", "null", "undefined", "NaN.NaN", "0.0;", "0.0.end;", "²." + "2",
)  # fmt: skip


@pytest.mark.parametrize("cursor", MALFORMED, ids=lambda cursor: ascii(cursor[:20]))
def test_a_cursor_that_was_never_given_out_is_400(cursor: str, anna: Person) -> None:
    reply = anna.ask("hello", model="echo").reply

    response = anna.http.get("/chat/stream", params={"reply": reply, "after": cursor})

    assert response.status_code == 400
    assert response.json()["error"]["code"] == "bad_cursor"
    assert response.json()["error"]["message"]


@pytest.mark.parametrize("cursor", ["x", "1", "1.2.3", "1.2.END", "-1.0", "\xb2.2", "1" * 13 + ".0"])
def test_so_it_is_as_a_last_event_id(cursor: str, anna: Person) -> None:
    reply = anna.ask("hello", model="echo").reply

    headers = [(b"Last-Event-ID", cursor.encode("latin-1"))]
    response = anna.http.get("/chat/stream", params={"reply": reply, "after": "0.0"}, headers=headers)

    assert response.status_code == 400
    assert response.json()["error"]["code"] == "bad_cursor"


@pytest.mark.parametrize("params", [{}, {"reply": ""}, {"reply": "x"}, {"after": "0.0"}, {"reply": "\0"}])
def test_a_reply_must_be_named(params: dict[str, str], anna: Person) -> None:
    response = anna.http.get("/chat/stream", params=params)

    assert response.status_code == 400
    assert response.json()["error"]["field"] == "reply"


def test_a_strangers_reply_is_as_if_it_were_not_there(anna: Person, boris: Person) -> None:
    ids = (boris.ask().reply, str(uuid4()))

    for after in ("0.0", "0.5.end", "nonsense"):
        answers = [anna.http.get("/chat/stream", params={"reply": id_, "after": after}) for id_ in ids]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content


def test_a_cursor_beyond_the_text_hears_nothing_until_the_text_passes_it(
    anna: Person, upstream: FakeUpstream, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash lost the last second of text, which the reader already had."""
    settings.LLM_MODEL = "gated/tokens=3"
    monkeypatch.setattr(reader, "PING_SECONDS", 0.05)
    with anna.asking() as first:
        reply = read_until(first, paced_text(3)).reply
        with anna.reading(reply, "0.15") as response:
            events = events_of(response)
            heard = [next(events) for _ in range(3)]
            assert [event["type"] for _, event in heard] == ["start", "ping", "ping"]
            upstream.release()
            rest = [event for _, event in events if event["type"] != "ping"]

    assert "".join(event.get("text", "") for event in rest) == paced_text(6)[15:]
    assert rest[-1]["type"] == "end"


@pytest.mark.parametrize("after", ["0.99999", "99999.0", "999999999999.999999999999"])
def test_or_until_the_end(after: str, anna: Person) -> None:
    reply = anna.ask("hello", model="echo").reply

    rest = anna.follow(reply, after=after)

    assert rest.text() == ("hello" if after == "99999.0" else "")
    assert rest.end["status"] == "complete"
    assert rest.ids[-1] == "0.5.end"


# --- Who asked has left ---------------------------------------------------------------------------------------------


def the_only_reply(text: str) -> Message:
    """Wait for the only reply, and for its end."""
    over = Message.objects.replies().exclude(generation__status="streaming")
    reply = until(lambda: list(over.all()))[0]
    assert Conversation.objects.count() == 1
    assert Message.objects.count() == 2
    assert reply.text == text
    assert reply.generation.status == "complete"
    return reply


def test_a_closed_tab_ends_a_reader_but_never_a_reply(anna: Person, upstream: FakeUpstream, settings: Any) -> None:
    settings.LLM_MODEL = "gated/tokens=3"
    with anna.asking() as response:
        read_until(response, paced_text(3))
    upstream.release()

    the_only_reply(paced_text(6))
    assert len(upstream.chats) == 1


@pytest.mark.parametrize("rudely", [False, True])
@pytest.mark.parametrize("part", ["nothing", "half of the head", "the head", "half of the body", "all but one byte"])
def test_a_question_that_did_not_arrive_whole_was_never_asked(
    part: str, rudely: bool, anna: Person, upstream: FakeUpstream
) -> None:
    head, body = question(anna, "hello")
    whole, sizes = head + body, {"nothing": 0, "half of the head": len(head) // 2, "the head": len(head)}
    size = {**sizes, "half of the body": len(head) + len(body) // 2, "all but one byte": len(whole) - 1}[part]

    client = connect(anna)
    client.sendall(whole[:size])
    leave(client, rudely=rudely)

    # Later requests on the loop are answered, and nothing of this one is left.
    assert anna.http.get("/healthz").status_code == 200
    assert anna.ask("another").text() == "another"
    assert Message.objects.count() == 2
    assert len(upstream.chats) == 1


@pytest.mark.parametrize("rudely", [False, True])
@pytest.mark.parametrize("waits_for", ["nothing", "the first byte", "the start"])
@pytest.mark.parametrize("round_", range(4))
def test_a_question_that_did_is_answered_whoever_waits_for_it(
    round_: int, waits_for: str, rudely: bool, anna: Person, upstream: FakeUpstream
) -> None:
    head, body = question(anna, "hello")

    client = connect(anna)
    client.sendall(head + body)
    if waits_for == "the first byte":
        client.recv(1)
    elif waits_for == "the start":
        read_past(client, b'"type": "start"')
    leave(client, rudely=rudely)

    the_only_reply("hello")
    assert len(upstream.chats) == 1


def read_past(client: socket.socket, mark: bytes) -> None:
    data = b""
    while mark not in data:
        data += client.recv(4096)


def test_a_reset_that_comes_together_with_the_question_is_noticed(
    anna: Person, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The kernel has both before the loop reads."""
    settings.LLM_MODEL = "hang"
    engine._loop.call_soon_threadsafe(time.sleep, 0.2)
    client = connect(anna)
    port = client.getsockname()[1]
    client.sendall(b"".join(question(anna, "hello")))
    leave(client, rudely=True)

    [line] = wait_for_lines(caplog, "request")
    assert line["path"] == "/chat/stream"
    until(lambda: port not in clients_of_the_server())
    assert Message.objects.replies().get().generation.is_running


def clients_of_the_server() -> set[int]:
    """Return the ports of the clients that are connected."""
    from twisted.internet import reactor, tcp

    readers = reactor.getReaders()  # type: ignore[misc]
    return {reader.getPeer().port for reader in readers if isinstance(reader, tcp.Server)}


def test_so_it_is_while_the_database_lets_it_wait(anna: Person, upstream: FakeUpstream) -> None:
    with locked_database():
        send_and_leave(anna)

    the_only_reply("hello")
    assert len(upstream.chats) == 1


LOCK = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "BEGIN; LOCK TABLE chat_user, chat_message, chat_generation IN EXCLUSIVE MODE",
}


@contextmanager
def locked_database() -> Iterator[None]:
    """Lock the database, so that nobody else can write."""
    with closing(connection.copy()) as other, other.cursor() as cursor:
        cursor.execute(LOCK[connection.vendor])
        yield
        cursor.execute("ROLLBACK")


def send_and_leave(anna: Person, reached: threading.Event | None = None) -> None:
    """Send a question, and leave when it has reached a place. When this returns, the server knows."""
    client = connect(anna)
    head, body = question(anna, "hello")
    client.sendall(head + body)
    assert reached is None or reached.wait(10)
    leave(client, rudely=True)
    # The loop that serves this request has already read that the client left.
    for _ in range(3):
        assert anna.http.get("/healthz").status_code == 200


class Held:
    """A step on the path of a question that waits for the test."""

    def __init__(self, step: Callable[..., Any]) -> None:
        self.reached, self.go_on, self._step = threading.Event(), threading.Event(), step

    def __call__(self, *args: Any) -> Any:
        self.wait()
        return self._step(*args)

    async def in_loop(self, *args: Any) -> Any:
        await asyncio.to_thread(self.wait)
        return await self._step(*args)

    def wait(self) -> None:
        self.reached.set()
        assert self.go_on.wait(10)


@pytest.mark.parametrize("step", ["before the models", "before it is stored", "when it is stored", "before its stream"])
def test_so_it_is_wherever_it_is_on_its_way(
    step: str, anna: Person, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    if step == "before the models":
        held = Held(engine.models)
        monkeypatch.setattr(engine, "models", held.in_loop)
    elif step == "before it is stored":
        held = Held(questions._find)
        monkeypatch.setattr(questions, "_find", held)
    elif step == "when it is stored":
        held = Held(engine.begin)
        monkeypatch.setattr(engine, "begin", held)
    else:
        held = Held(engine.growing_of)
        monkeypatch.setattr(engine, "growing_of", held.in_loop)

    send_and_leave(anna, held.reached)
    held.go_on.set()

    the_only_reply("hello")
    assert len(upstream.chats) == 1
