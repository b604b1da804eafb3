"""What is saved of a reply while it is being written, and that it ends exactly once, whoever is faster."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import DataError, OperationalError, connection, transaction
from django.utils import timezone

from chat.events import End, Start
from chat.models import Evidence, Generation, Message, Piece, Process
from chat.models.generation import GenerationQuerySet
from chat.replies import engine as engine_module
from chat.replies import follower, snapshots
from chat.replies.engine import Engine, engine
from chat.replies.growing import Growing
from chat.replies.writer import Job, Writer
from chat.upstream import Upstream
from tests.support import factories
from tests.support.bell import Bell
from tests.support.fake_upstream.scripts import paced_text
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.log_lines import said as logged
from tests.support.log_lines import wait_for_lines
from tests.support.site import Person, events_of, stored
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make what happens every second happen more often."""
    monkeypatch.setattr(snapshots, "SNAPSHOT_SECONDS", 0.05)
    monkeypatch.setattr(follower, "LOOK_SECONDS", 0.05)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run async work on the server's event loop."""
    return asyncio.run_coroutine_threadsafe(work, engine._loop).result(10)


def sweep() -> None:
    run(engine._snapshots._sweep())


def age(reply: str) -> None:
    """Set the last heartbeat to a minute ago."""
    Generation.objects.filter(message_id=reply).update(heartbeat_at=timezone.now() - timedelta(minutes=1))


def status_of(reply: str | UUID) -> str:
    return Generation.objects.get(message_id=reply).status


def saved(reply: str) -> str:
    return "".join(Piece.objects.filter(generation__message_id=reply).order_by("pk").values_list("text", flat=True))


def wait_until_saved(reply: str, text: str) -> None:
    until(lambda: saved(reply) == text)


# --- Every second ---------------------------------------------------------------------------------------------------


def test_what_has_grown_is_saved_in_pieces_which_are_gone_at_the_end(
    anna: Person, upstream: FakeUpstream, settings: Any
) -> None:
    settings.LLM_MODEL = "gated/tokens=3/gates=2"
    with anna.asking() as response:
        events = events_of(response)
        reply = next(events)[1]["reply"]
        for tokens in (3, 6):
            wait_until_saved(reply, paced_text(tokens))
            assert Message.objects.get(pk=reply).text == ""
            upstream.release()
        list(events)

    assert stored(reply).text == paced_text(9)
    assert not Piece.objects.exists()


def test_a_snapshot_has_only_what_grew_since_the_last(anna: Person, upstream: FakeUpstream, settings: Any) -> None:
    settings.LLM_MODEL = "gated/tokens=3/gates=2"
    with anna.asking() as response:
        reply = next(events_of(response))[1]["reply"]
        wait_until_saved(reply, paced_text(3))
        before = Piece.objects.count()
        upstream.release()
        wait_until_saved(reply, paced_text(6))
        later = Piece.objects.order_by("pk")[before:]

        assert "".join(piece.text for piece in later) == paced_text(6).removeprefix(paced_text(3))
        upstream.release()
        assert anna.follow(reply).text() == paced_text(9)


def test_thoughts_are_saved_too(anna: Person, settings: Any) -> None:
    settings.LLM_MODEL = "paced/tokens=1000/interval=0.01/reasoning=2"
    with anna.asking() as response:
        reply = next(events_of(response))[1]["reply"]
        until(lambda: "t1" in saved(reply))

        assert "".join(piece.reasoning for piece in Piece.objects.order_by("pk")) == "r0 r1 "


def test_its_heart_beats_before_the_first_token_too(anna: Person) -> None:
    with anna.asking(model="hang") as response:
        next(events_of(response))
        until(lambda: Process.objects.filter(name=engine.boot_id).exists())
        first = Process.objects.get(name=engine.boot_id).beat_at

        until(lambda: Process.objects.get(name=engine.boot_id).beat_at > first)
        assert not Piece.objects.exists()


def test_a_snapshot_of_a_reply_that_has_just_ended_leaves_nothing_behind(anna: Person) -> None:
    """The snapshot was taken before the end, and reached the database after it."""
    reply = factories.ask(factories.make_conversation(anna.user, ()), "What is a fox?")
    factories.finish(reply, "An animal.")

    wishes = Generation.objects.save_snapshot(factories.WRITER, [Piece(generation_id=reply.pk, text="mal.")])

    assert wishes == set()
    assert not Piece.objects.exists()
    assert stored(str(reply.pk)).text == "An animal."


def test_a_snapshot_is_of_the_writers_own_replies_only(anna: Person) -> None:
    reply = factories.ask(factories.make_conversation(anna.user, ()), "What is a fox?")
    age(str(reply.pk))

    Generation.objects.save_snapshot("somebody else", [Piece(generation_id=reply.pk, text="mal.")])

    assert not Piece.objects.exists()
    assert Generation.objects.dead().count() == 1


def test_one_reply_that_can_not_be_saved_does_not_keep_the_others_from_it(
    anna: Person, boris: Person, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.LLM_MODEL = "gated/tokens=3"
    save, bad = GenerationQuerySet.save_snapshot, []

    def picky(self: GenerationQuerySet, writer: str, pieces: list[Piece]) -> Any:
        if any(str(piece.generation_id) in bad for piece in pieces):
            raise DataError("this row can't be stored")
        return save(self, writer, pieces)

    monkeypatch.setattr(GenerationQuerySet, "save_snapshot", picky)
    with anna.asking() as first, boris.asking() as second:
        bad.append(next(events_of(first))[1]["reply"])
        other = next(events_of(second))[1]["reply"]
        wait_until_saved(other, paced_text(3))
        until(lambda: logged(caplog, "snapshot failed"))

    assert {line["reply"] for line in logged(caplog, "snapshot failed")} == set(bad)


def test_a_database_that_was_away_gets_all_that_grew_meanwhile(
    anna: Person,
    upstream: FakeUpstream,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.LLM_MODEL = "gated/tokens=3/gates=2"
    save = GenerationQuerySet.save_snapshot
    with anna.asking() as response:
        reply = next(events_of(response))[1]["reply"]
        wait_until_saved(reply, paced_text(3))
        monkeypatch.setattr(GenerationQuerySet, "save_snapshot", away)
        until(lambda: logged(caplog, "database is away: replies go on in memory"))
        upstream.release()
        assert anna_reads(anna, reply, paced_text(6))
        assert saved(reply) == paced_text(3)
        monkeypatch.setattr(GenerationQuerySet, "save_snapshot", save)
        wait_until_saved(reply, paced_text(6))
        until(lambda: logged(caplog, "database is back"))

    assert len(logged(caplog, "database is away: replies go on in memory")) == 1


def away(*args: Any, **kwargs: Any) -> Any:
    raise OperationalError("connection refused")


def anna_reads(anna: Person, reply: str, text: str) -> bool:
    with anna.reading(reply) as response:
        heard = ""
        for _, event in events_of(response):
            heard += event.get("text", "")
            if heard == text:
                return True
    return False


# --- Exactly one end ------------------------------------------------------------------------------------------------


@pytest.fixture
def running(anna: Person) -> Message:
    """A reply from another process, with a piece of its text saved."""
    reply = factories.ask(factories.make_conversation(anna.user), "And a hen?")
    Piece.objects.create(generation=reply.generation, text="A bi")
    return reply


def end(reply: Message, status: str, text: str, *, writer: str = factories.WRITER) -> bool:
    return Generation.objects.finish(
        reply.pk, writer=writer, row={"status": status}, text={"text": text, "reasoning": ""}, evidence={"attempts": 1}
    )


def test_a_reply_ends_once(running: Message) -> None:
    assert end(running, "complete", "A bird.")
    assert not end(running, "stopped", "A bi")

    assert (stored(str(running.pk)).text, status_of(running.pk)) == ("A bird.", "complete")


def test_of_two_ends_at_once_one_is_written(running: Message) -> None:
    barrier = threading.Barrier(2)

    def write(status: str) -> bool:
        barrier.wait(10)
        with closing(connection):
            return end(running, status, status)

    with ThreadPoolExecutor(2) as pool:
        written = list(pool.map(write, ("complete", "stopped")))

    assert sorted(written) == [False, True]
    assert stored(str(running.pk)).text == status_of(running.pk)
    assert Evidence.objects.filter(message=running).count() == 1


def test_nobody_but_its_writer_ends_it(running: Message) -> None:
    assert not end(running, "complete", "A bird.", writer="somebody else")
    assert status_of(running.pk) == "streaming"


def test_a_stop_and_the_end_at_once_are_one_end(anna: Person, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.LLM_MODEL = "paced/tokens=20/interval=0.001"
    for number in range(1, 11):
        with anna.asking() as response, ThreadPoolExecutor(1) as pool:
            events = events_of(response)
            # The stop comes after this many events, somewhere between the first token and the end.
            heard = [next(events)[1] for _ in range(number)]
            stopping = pool.submit(anna.post, "/chat/stop", reply=heard[0]["reply"])
            heard += [event for _, event in events]
            answer = stopping.result().json()["status"]

        message = stored(heard[0]["reply"])
        assert heard[-1]["status"] == answer == message.generation.status
        assert "".join(event.get("text", "") for event in heard) == message.text
        assert answer in {"complete", "stopped"}
        wait_for_lines(caplog, "reply ended", number)


def test_a_verdict_of_a_sweep_is_replaced_by_the_writer(anna: Person, upstream: FakeUpstream, settings: Any) -> None:
    """The writer was only cut off from the database."""
    settings.LLM_MODEL = "gated/tokens=3"
    with anna.asking() as response:
        events = events_of(response)
        reply = next(events)[1]["reply"]
        wait_until_saved(reply, paced_text(3))
        # As a process that does not know that this one is alive. No heartbeat comes in between.
        with transaction.atomic():
            age(reply)
            Generation.objects.sweep(but=())
        assert status_of(reply) == "interrupted"
        assert Message.objects.get(pk=reply).text == paced_text(3)
        upstream.release()
        heard = [event for _, event in events]

    assert heard[-1]["status"] == "complete"
    message = stored(reply)
    assert (message.text, message.generation.status) == (paced_text(6), "complete")
    assert message.evidence.finish_reason == "stop"
    assert not Piece.objects.exists()


def test_but_not_by_anybody_else_and_not_twice(running: Message) -> None:
    age(str(running.pk))
    Generation.objects.sweep(but=())

    assert not end(running, "complete", "A bird.", writer="somebody else")
    assert end(running, "complete", "A bird.")
    assert not end(running, "failed", "")
    assert stored(str(running.pk)).text == "A bird."


def test_an_end_waits_for_a_database_that_is_away_and_is_told_when_it_is_saved(
    anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, tries = GenerationQuerySet.finish, iter([True, True])

    def often_away(self: GenerationQuerySet, *args: Any, **kwargs: Any) -> bool:
        return away() if next(tries, False) else finish(self, *args, **kwargs)

    monkeypatch.setattr(GenerationQuerySet, "finish", often_away)
    told = anna.ask("hello")

    assert told.end["status"] == "complete"
    assert stored(told.reply).text == "hello"
    assert next(tries, None) is None


def test_who_waits_for_the_end_finds_it_in_the_database(anna: Person) -> None:
    for _ in range(5):
        with anna.asking("hello") as response:
            for _, event in events_of(response):
                if event["type"] == "end":
                    assert status_of(Message.objects.replies().latest("created_at").pk) == "complete"


def test_an_end_that_can_not_be_saved_is_left_to_the_sweep(
    anna: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> bool:
        raise DataError("this row can't be stored")

    with monkeypatch.context() as patch:
        patch.setattr(GenerationQuerySet, "finish", refuse)
        heard = anna.ask("hello")
    reply = heard.reply
    assert (heard.text(), heard.end["status"], heard.end["code"]) == ("hello", "failed", "not_stored")
    assert heard.end["message"] == "This answer could not be stored. Copy it now."
    [line] = logged(caplog, "reply not saved")
    assert line["reply"] == reply
    assert "hello" not in str(line)
    assert status_of(reply) == "streaming"

    age(reply)
    sweep()
    assert status_of(reply) == "interrupted"


def test_an_accident_of_our_own_ends_the_reply_as_failed(
    anna: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("chat.replies.writer.fit", broken)
    told = anna.ask("hello")

    assert told.end["status"] == "failed"
    assert told.end["message"]
    assert stored(told.reply).evidence.error_code == "internal"
    assert logged(caplog, "reply failed")[0]["reply"] == told.reply


def test_a_reply_that_is_stopped_before_it_begins_asks_nobody(anna: Person, upstream: FakeUpstream) -> None:
    reply = factories.ask(factories.make_conversation(anna.user), "And a hen?")
    start = Start(reply.conversation_id, reply.parent_id or reply.pk, reply.pk, "echo")

    async def write() -> End:
        writer = Writer(Job(start, anna.user.pk, ({"role": "user", "content": "hello"},), {}, ""), Growing(start))
        writer.cut_short("stopped")
        client = Upstream(upstream.base_url)
        try:
            return await writer.run(client)
        finally:
            await client.aclose()

    assert asyncio.run(write()).status == "stopped"
    assert not upstream.chats


# --- The dead -------------------------------------------------------------------------------------------------------


def test_a_sweep_ends_the_dead_and_leaves_the_living_and_its_own(
    anna: Person, running: Message, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    dead = factories.ask(factories.make_conversation(anna.user), "And a cow?")
    Piece.objects.create(generation=dead.generation, text="A cow", reasoning="Hm")
    Piece.objects.create(generation=dead.generation, text=" is")
    ended = factories.make_conversation(anna.user).leaf
    assert ended
    with anna.asking(model="hang") as response:
        own = next(events_of(response))[1]["reply"]
        monkeypatch.setattr(GenerationQuerySet, "save_snapshot", lambda *args: set())
        for reply in (str(dead.pk), str(ended.pk), own):
            age(reply)
        sweep()

        assert status_of(dead.pk) == "interrupted"
        assert status_of(running.pk) == "streaming"
        assert status_of(own) == "streaming"
        assert status_of(ended.pk) == "complete"
    message = Message.objects.get(pk=dead.pk)
    assert (message.text, message.reasoning) == ("A cow is", "Hm")
    assert Generation.objects.get(pk=dead.pk).ended_at
    assert [line["reply"] for line in logged(caplog, "reply swept")] == [str(dead.pk)]
    assert list(Piece.objects.values_list("generation_id", flat=True)) == [running.pk]


def test_a_sweep_tells_the_tabs(anna: Person) -> None:
    dead = factories.ask(factories.make_conversation(anna.user), "And a cow?")
    age(str(dead.pk))
    with Bell(anna) as bell:
        bell.hear()
        sweep()
        assert bell.hear_of("changed")["reply"] == str(dead.pk)


def test_a_sweep_deletes_for_good_what_was_deleted_long_ago(anna: Person, caplog: pytest.LogCaptureFixture) -> None:
    kept, gone = (factories.make_conversation(anna.user) for _ in range(2))
    for conversation, days in ((kept, 29), (gone, 31)):
        conversation.soft_delete()
        type(conversation).objects.filter(pk=conversation.pk).update(deleted_at=timezone.now() - timedelta(days=days))
    sweep()
    assert list(anna.user.conversations.values_list("pk", flat=True)) == [kept.pk]
    assert [line["rows"] for line in logged(caplog, "deleted for good")] == [1]


Look = Callable[[Person, Message], Any]
LOOKS: dict[str, Look] = {
    "the stream": lambda anna, reply: anna.follow(str(reply.pk)),
    "the conversation": lambda anna, reply: anna.http.get(f"/chat/{reply.conversation_id}/"),
    "the message": lambda anna, reply: anna.http.get(f"/chat/{reply.conversation_id}/messages/{reply.pk}/"),
    "stop": lambda anna, reply: anna.post("/chat/stop", reply=str(reply.pk)),
    "the next question": lambda anna, reply: anna.ask("Why?", conversation=str(reply.conversation_id)),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_whoever_looks_at_a_dead_reply_ends_it(look: Look, anna: Person, running: Message) -> None:
    age(str(running.pk))

    look(anna, running)

    assert status_of(running.pk) == "interrupted"
    assert Message.objects.get(pk=running.pk).text == "A bi"
    assert not Piece.objects.exists()


@pytest.mark.parametrize("look", [LOOKS["the conversation"], LOOKS["the message"]], ids=["conversation", "message"])
def test_nobody_ends_one_that_lives(look: Look, anna: Person, running: Message) -> None:
    answer = look(anna, running)

    assert "A bi" in answer.text
    assert status_of(running.pk) == "streaming"


@pytest.mark.parametrize("look", [LOOKS["the conversation"], LOOKS["the message"]], ids=["conversation", "message"])
def test_nobody_ends_one_that_is_written_here(look: Look, anna: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its heartbeat could not be saved for a while."""
    monkeypatch.setattr(GenerationQuerySet, "save_snapshot", lambda *args: set())
    with anna.asking(model="hang") as response:
        reply = next(events_of(response))[1]["reply"]
        age(reply)
        look(anna, Message.objects.get(pk=reply))
        with anna.reading(reply) as again:
            next(events_of(again))

        assert status_of(reply) == "streaming"


def test_all_who_read_a_dead_reply_hear_its_end(anna: Person, running: Message) -> None:
    age(str(running.pk))

    with ThreadPoolExecutor(4) as pool:
        heard = list(pool.map(lambda place: anna.follow(str(running.pk), f"0.{place}"), range(4)))

    assert [one.text() for one in heard] == ["A bi", " bi", "bi", "i"]
    assert {one.end["status"] for one in heard} == {"interrupted"}
    assert all(one.end["message"] for one in heard)


# --- A reply of another process -------------------------------------------------------------------------------------


def test_a_reply_of_another_process_is_followed_by_its_snapshots(anna: Person, running: Message) -> None:
    with anna.reading(str(running.pk)) as response:
        events = events_of(response)
        assert next(events)[1]["type"] == "start"
        assert next(events)[1]["text"] == "A bi"
        Piece.objects.create(generation=running.generation, text="rd", reasoning="Hm")
        assert {event["type"]: event["text"] for event in (next(events)[1], next(events)[1])} == {
            "reasoning": "Hm",
            "delta": "rd",
        }
        Generation.objects.finish(
            running.pk,
            writer=factories.WRITER,
            row={"status": "truncated"},
            text={"text": "A bird is", "reasoning": "Hm"},
            evidence={"finish_reason": "length", "prompt_tokens": 3},
        )
        rest = [event for _, event in events]

    assert rest[0] == {"type": "delta", "text": " is"}
    assert rest[1]["status"] == "truncated"
    assert rest[1]["finish_reason"] == "length"
    assert rest[1]["usage"]["prompt_tokens"] == 3
    assert rest[1]["message"]


def test_all_who_follow_it_get_the_same_text(anna: Person, running: Message) -> None:
    with ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(anna.follow, str(running.pk), f"0.{place}") for place in range(8)]
        Piece.objects.create(generation=running.generation, text="rd ")
        factories.finish(running, "A bird is no fox.")
        heard = [reader.result(20) for reader in readers]

    assert [one.text() for one in heard] == ["A bird is no fox."[place:] for place in range(8)]
    assert {one.end["status"] for one in heard} == {"complete"}


def test_it_is_followed_over_a_database_that_is_away(
    anna: Person, running: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    state_of = GenerationQuerySet.state_of
    tried = threading.Event()

    def away_for_now(*args: Any) -> Any:
        tried.set()
        away()

    with anna.reading(str(running.pk)) as response:
        events = events_of(response)
        next(events)
        monkeypatch.setattr(GenerationQuerySet, "state_of", away_for_now)
        assert tried.wait(10)
        factories.finish(running, "A bird.")
        monkeypatch.setattr(GenerationQuerySet, "state_of", state_of)
        heard = [event for _, event in events]

    assert "".join(event.get("text", "") for event in heard) == "A bird."
    assert heard[-1]["status"] == "complete"


def test_a_writer_that_dies_is_noticed_by_who_follows(anna: Person, running: Message) -> None:
    with anna.reading(str(running.pk)) as response:
        events = events_of(response)
        next(events)
        age(str(running.pk))
        heard = [event for _, event in events]

    assert "".join(event.get("text", "") for event in heard) == "A bi"
    assert heard[-1]["status"] == "interrupted"


def test_an_end_that_was_only_provisional_is_not_told_for_long(
    anna: Person, running: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "SWEPT_SECONDS", 0.05)
    age(str(running.pk))
    assert anna.follow(str(running.pk)).end["status"] == "interrupted"
    factories.finish(running, "A bird.")

    until(lambda: anna.follow(str(running.pk)).end["status"] == "complete")
    assert anna.follow(str(running.pk), after="0.4").text() == "rd."


def test_what_swallows_a_cancellation_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the Redis client does if the cancellation comes at the wrong moment."""
    monkeypatch.setattr(engine_module, "CANCEL_SECONDS", 0.01)

    async def deaf() -> None:
        for _ in range(3):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    async def test() -> None:
        ended = Engine()
        ended._loop, ended._upstream = asyncio.get_running_loop(), Upstream("http://upstream/v1")
        task = ended._spawn(deaf())
        await asyncio.sleep(0)
        await ended.close()
        assert task.done()

    asyncio.run(asyncio.wait_for(test(), 10))
