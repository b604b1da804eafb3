"""POST /chat/stream: which questions are accepted, what each error says, and that an error changes nothing."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import IntegrityError
from django.utils import timezone

from chat import questions
from chat.models import Conversation, Generation, Message, Piece
from chat.models.generation import GenerationQuerySet
from chat.replies.engine import engine
from tests.support import factories
from tests.support.fake_upstream import chunks as fake
from tests.support.fake_upstream.scripts import paced_text
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.log_lines import lines_of, wait_for_lines
from tests.support.site import Person, Site, events_of, stored, told

# This is in every question of the tests about errors, and must be nowhere else.
TYPED = "xyzzy-typed-text"
TEN_MB = 10_000_000


def body(**fields: Any) -> dict[str, Any]:
    """Return a valid question with the given changes; None removes a field."""
    whole = {"request_id": str(uuid.uuid4()), "text": TYPED, **fields}
    return {name: value for name, value in whole.items() if value is not None}


def send(person: Person, data: str | bytes | Iterator[bytes], **headers: str) -> httpx.Response:
    """Send a body exactly as it is, and read the whole answer."""
    return person.http.post("/chat/stream", content=data, headers={"Content-Type": "application/json", **headers})


def send_json(person: Person, fields: Any) -> httpx.Response:
    """Send JSON with escapes: half of a surrogate pair can't be sent in any other way."""
    return send(person, json.dumps(fields))


def error_of(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    error: dict[str, Any] = response.json()["error"]
    assert error["message"]
    assert error["code"]
    return error


def nothing_happened(upstream: FakeUpstream) -> bool:
    return not (Conversation.objects.exists() or Message.objects.exists() or upstream.chats or engine.running())


def test_it_answers_a_question_in_a_conversation_of_its_own(anna: Person, upstream: FakeUpstream) -> None:
    told = anna.ask("What does a fox say?")

    reply = stored(told.reply)
    assert reply.text == "What does a fox say?"
    assert reply.parent
    assert reply.parent.text == "What does a fox say?"
    assert reply.conversation.owner == anna.user
    assert reply.conversation.title == "What does a fox say?"
    assert reply.generation.model == "echo"
    assert len(upstream.chats) == 1


def test_a_second_question_goes_below_the_first_answer(anna: Person, upstream: FakeUpstream) -> None:
    first = anna.ask("one")
    conversation = first.events[0]["conversation"]

    second = anna.ask("two", conversation=conversation)

    assert second.events[0]["conversation"] == conversation
    question = Message.objects.get(pk=second.events[0]["question"])
    assert str(question.parent_id) == first.reply
    assert [turn["content"] for turn in upstream.chats[-1].messages] == ["one", "one", "two"]


def test_a_question_goes_below_the_answer_that_it_names(anna: Person, upstream: FakeUpstream) -> None:
    first = anna.ask("one")
    conversation = first.events[0]["conversation"]
    anna.ask("two", conversation=conversation)

    other = anna.ask("three", conversation=conversation, parent=first.reply)

    assert str(Message.objects.get(pk=other.events[0]["question"]).parent_id) == first.reply
    assert [turn["content"] for turn in upstream.chats[-1].messages] == ["one", "one", "three"]


def test_line_ends_of_a_form_are_plain_ones(anna: Person) -> None:
    assert anna.ask("a\r\nb\rc\n").text() == "a\nb\rc\n"


def test_keys_that_it_does_not_know_are_ignored(anna: Person) -> None:
    told = anna.ask("hello", colour=7, stream=False, nested={"a": [1, None]}, **{"🦊": "🦊"})

    assert told.text() == "hello"


def test_absent_and_null_are_the_same(anna: Person) -> None:
    nulls = dict.fromkeys(["conversation", "parent", "retry", "continue", "edit", "model"])

    response = send_json(anna, body(text="hello") | nulls)

    assert told(response).text() == "hello"


# --- What can't be read ---------------------------------------------------------------------------------------------


BAD_JSON = {
    "empty": b"",
    "text": b"hello",
    "cut": b'{"request_id": "',
    "single quotes": b"{'text': 'hello'}",
    "not UTF-8": b'{"text": "\xff\xfe\xfa"}',
    "deep": b'{"x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "a number of 5000 digits": b'{"x": ' + b"9" * 5_000 + b"}",
    "list": b"[]",
    "string": b'"hello"',
    "null": b"null",
    "number": b"1",
}


@pytest.mark.parametrize("data", BAD_JSON.values(), ids=BAD_JSON)
def test_what_is_no_json_object_is_400(data: bytes, anna: Person, upstream: FakeUpstream) -> None:
    assert error_of(send(anna, data), 400)["code"] == "bad_json"
    assert nothing_happened(upstream)


@pytest.mark.parametrize("depth", [400, 700, 850, 900, 920, 940, 950, 960, 970, 980, 990, 1000])
def test_no_depth_is_an_accident(depth: int, anna: Person) -> None:
    """JSON that is just shallow enough to be parsed can also be processed."""
    deep = f'{{"request_id": "{uuid.uuid4()}", "text": "hello", "x": {"[" * depth}{"]" * depth}}}'

    assert send(anna, deep).status_code in {200, 400}


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "nonsense", ""]
)
def test_what_says_to_be_something_else_is_told_so(kind: str, anna: Person, upstream: FakeUpstream) -> None:
    error_of(send(anna, f"--x\r\n\r\n{TYPED}", **{"Content-Type": kind}), 400)
    assert nothing_happened(upstream)


# `None` removes the field.
NO_UUIDS: list[Any] = ["", "x", 5, 5.5, True, [], {}, ["a"], "\0", "\ud800", str(uuid.uuid4())[:-1]]
BAD_FIELDS: dict[str, list[Any]] = {
    "request_id": [None, *NO_UUIDS],
    **dict.fromkeys(("conversation", "parent", "retry", "continue", "edit"), NO_UUIDS),
    "text": [None, "", " \n\t\u3000 ", 5, True, [], {}, ["hello"]],
    "model": ["gpt-17", 5, 0, False, [], {}, "\0", "\ud800"],
}
UNSTORABLE = [f"{TYPED}{odd}{TYPED}" for odd in ("\0", "\ud83e", "\udd8a", "\udd8a\ud83e")]


@pytest.mark.parametrize("name", BAD_FIELDS)
def test_a_missing_or_wrong_field_is_400_and_named(name: str, anna: Person, upstream: FakeUpstream) -> None:
    for value in BAD_FIELDS[name]:
        error = error_of(send_json(anna, body(**{name: value})), 400)
        assert (error["code"], error["field"]) == ("bad_field", name), value
    assert nothing_happened(upstream)


@pytest.mark.parametrize("text", UNSTORABLE, ids=ascii)
def test_what_can_not_be_stored_is_400_and_told_nobody_else(
    text: str, anna: Person, upstream: FakeUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    response = send_json(anna, body(text=text))

    assert error_of(response, 400)["field"] == "text"
    assert TYPED not in response.text
    wait_for_lines(caplog, "request")
    assert not any(TYPED in line for line in lines_of(caplog))
    assert nothing_happened(upstream)


def test_a_question_is_of_exactly_one_kind(anna: Person) -> None:
    first = anna.ask("one")
    question = first.events[0]["question"]
    kinds = {"text": "two", "retry": first.reply, "continue": first.reply, "edit": question}
    for names in (["text", "retry"], ["retry", "continue"], ["edit", "retry"], ["text", "continue"], list(kinds), []):
        fields = {"request_id": str(uuid.uuid4()), **{name: kinds[name] for name in names}}
        assert error_of(send_json(anna, fields), 400)["field"] == "text", names
    assert Message.objects.count() == 2


def test_an_edit_brings_its_text(anna: Person) -> None:
    question = anna.ask("one").events[0]["question"]

    assert error_of(send_json(anna, body(edit=question, text=None)), 400)["field"] == "text"
    assert Message.objects.count() == 2


# --- Too large ------------------------------------------------------------------------------------------------------


def test_the_longest_question_is_answered_and_one_character_more_is_413(
    anna: Person, upstream: FakeUpstream, settings: Any
) -> None:
    settings.MAX_QUESTION_CHARS = 100

    assert anna.ask("🦊" * 100).text() == "🦊" * 100
    error = error_of(send_json(anna, body(text="🦊" * 101)), 413)

    assert error["code"] == "too_long"
    assert error["field"] == "text"
    assert error["limit"] == 100
    assert Message.objects.count() == 2
    assert len(upstream.chats) == 1


def test_the_longest_question_fits_however_it_is_written(anna: Person, upstream: FakeUpstream, settings: Any) -> None:
    settings.LLM_MODEL = upstream.add("brief", [fake.send(*fake.said("Yes."), *fake.ended(), fake.DONE)])
    question = "🦊" * settings.MAX_QUESTION_CHARS

    response = send_json(anna, body(text=question))

    assert len(json.dumps(question)) > 1_000_000
    assert Message.objects.get(pk=told(response).events[0]["question"]).text == question


@pytest.mark.parametrize("field", ["text", "unknown"])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_of_ten_megabytes_is_413(
    is_chunked: bool, field: str, anna: Person, upstream: FakeUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    data = json.dumps(body(**{field: TYPED + "x" * TEN_MB})).encode()

    response = send(anna, in_pieces(data) if is_chunked else data)

    assert error_of(response, 413)["code"] == "too_large"
    assert TYPED not in response.text
    assert not any(TYPED in line for line in lines_of(caplog))
    assert nothing_happened(upstream)


def in_pieces(data: bytes) -> Iterator[bytes]:
    """Return the body in pieces, so that it is sent without a Content-Length."""
    return (data[start : start + 65_536] for start in range(0, len(data), 65_536))


def test_a_question_in_chunks_is_a_question(anna: Person) -> None:
    response = send(anna, in_pieces(json.dumps(body(text="hello")).encode()))

    assert told(response).text() == "hello"


# --- Who asks -------------------------------------------------------------------------------------------------------


def test_without_a_login_a_script_is_told_so(anna: Person, upstream: FakeUpstream) -> None:
    anna.http.cookies.delete("sessionid")

    assert error_of(send_json(anna, body()), 401)["code"] == "login_required"
    assert error_of(anna.http.get("/chat/stream", params={"reply": str(uuid.uuid4())}), 401)
    assert error_of(anna.post("/chat/stop", reply=str(uuid.uuid4())), 401)
    assert nothing_happened(upstream)


def test_a_session_that_is_over_is_no_login(anna: Person) -> None:
    anna.user.set_password("a new one")
    anna.user.save()

    assert error_of(send_json(anna, body()), 401)


def test_somebody_who_was_deactivated_is_not_let_in(anna: Person) -> None:
    anna.user.is_active = False
    anna.user.save()

    assert error_of(send_json(anna, body()), 401)


@pytest.mark.parametrize("kind", [b"application/json", b"text/plain", b""])
@pytest.mark.parametrize("path", ["/chat/stream", "/chat/stop"])
def test_a_wrong_csrf_token_is_403(
    path: str, kind: bytes, anna: Person, upstream: FakeUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    del anna.http.headers["X-CSRFToken"]
    for token in (b"", b"short", b"u" * 32, b"\xfc" * 32, b"t" * 33):
        headers = [(b"X-CSRFToken", token), (b"Content-Type", kind)]
        response = anna.http.post(path, content=json.dumps(body()), headers=headers)

        assert error_of(response, 403)["code"] == "csrf", token
        assert TYPED not in response.text
    wait_for_lines(caplog, "request", 5)
    assert not any(TYPED in line for line in lines_of(caplog))
    assert nothing_happened(upstream)


@pytest.mark.parametrize("path", ["/chat/stream", "/chat/stop"])
def test_no_csrf_token_is_403_with_a_login_or_without(path: str, anna: Person) -> None:
    del anna.http.headers["X-CSRFToken"]
    assert error_of(anna.post(path, **body()), 403)["code"] == "csrf"

    anna.http.cookies.delete("sessionid")
    assert error_of(anna.post(path, **body()), 403)["code"] == "csrf"


STRANGE: dict[str, Callable[[dict[str, str], str], dict[str, Any]]] = {
    "conversation": lambda theirs, mine: {"conversation": theirs["conversation"]},
    "retry": lambda theirs, mine: {"retry": theirs["reply"], "text": None},
    "continue": lambda theirs, mine: {"continue": theirs["reply"], "text": None},
    "edit": lambda theirs, mine: {"edit": theirs["question"]},
    "parent": lambda theirs, mine: {"conversation": mine, "parent": theirs["reply"]},
    "parent without a conversation": lambda theirs, mine: {"parent": theirs["reply"]},
    "retry in one of mine": lambda theirs, mine: {"conversation": mine, "retry": theirs["reply"], "text": None},
}
WRONG_TOO: dict[str, dict[str, Any]] = {
    "nothing else": {},
    "no request_id": {"request_id": None},
    "a bad request_id": {"request_id": "x"},
    "an empty text": {"text": ""},
    "a text that is none": {"text": 5},
    "a text with NUL": {"text": "\0"},
    "a text that is too long": {"text": "x" * 100_001},
    "no model": {"model": "gpt-17"},
    "too many kinds": {"text": TYPED, "retry": str(uuid.uuid4())},
}


@pytest.mark.parametrize("strange", STRANGE.values(), ids=STRANGE)
def test_what_is_a_strangers_is_as_if_it_were_not_there(
    strange: Callable[[dict[str, str], str], dict[str, Any]], anna: Person, boris: Person, upstream: FakeUpstream
) -> None:
    theirs = factories.make_conversation(boris.user)
    mine = str(factories.make_conversation(anna.user).pk)
    reply = theirs.messages.replies().get()
    there = {"conversation": str(theirs.pk), "reply": str(reply.pk), "question": str(reply.parent_id)}
    absent = {name: str(uuid.uuid4()) for name in there}
    before = rows()

    for name, wrong in WRONG_TOO.items():
        answers = [send_json(anna, body(**wrong | strange(ids, mine))) for ids in (there, absent)]
        assert [answer.status_code for answer in answers] == [404, 404], name
        assert answers[0].content == answers[1].content, name
        assert error_of(answers[0], 404)["code"] == "not_found", name
    assert rows() == before
    assert not upstream.chats


def rows() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (Conversation, Message, Generation, Piece)]


def test_an_administrator_is_a_stranger_here(anna: Person, boris: Person) -> None:
    boris.user.is_staff = boris.user.is_superuser = True
    boris.user.save()
    reply = anna.ask().reply

    assert boris.http.get("/chat/stream", params={"reply": reply}).status_code == 404
    assert send_json(boris, body(retry=reply, text=None)).status_code == 404
    assert boris.post("/chat/stop", reply=reply).status_code == 404


def test_a_question_is_no_reply_and_a_reply_is_no_question(anna: Person) -> None:
    first = anna.ask("one").events[0]
    conversation, question, reply = first["conversation"], first["question"], first["reply"]

    assert send_json(anna, body(retry=question, text=None)).status_code == 404
    assert send_json(anna, body(edit=reply)).status_code == 404
    assert send_json(anna, body(conversation=conversation, parent=question)).status_code == 404
    assert anna.http.get("/chat/stream", params={"reply": question}).status_code == 404


def test_a_parent_of_another_conversation_is_not_there(anna: Person) -> None:
    one, two = anna.ask("one").events[0], anna.ask("two").events[0]

    response = send_json(anna, body(conversation=one["conversation"], parent=two["reply"]))

    assert response.status_code == 404
    assert Message.objects.count() == 4


def test_what_was_deleted_is_not_there(anna: Person) -> None:
    first = anna.ask("one").events[0]
    Conversation.objects.update(deleted_at=timezone.now())

    assert send_json(anna, body(conversation=first["conversation"])).status_code == 404
    assert send_json(anna, body(retry=first["reply"], text=None)).status_code == 404
    assert anna.http.get("/chat/stream", params={"reply": first["reply"]}).status_code == 404


# --- One at a time in a conversation --------------------------------------------------------------------------------


def test_while_a_reply_runs_another_question_is_409_and_names_it(
    anna: Person, upstream: FakeUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    with anna.asking(model="hang") as response:
        start = next(events_of(response))[1]
        answers = [
            send_json(anna, body(conversation=start["conversation"])),
            send_json(anna, body(retry=start["reply"], text=None)),
        ]

    for answer in answers:
        error = error_of(answer, 409)
        assert error["code"] == "reply_running"
        assert error["reply"] == start["reply"]
        assert TYPED not in answer.text
    assert Message.objects.count() == 2
    assert upstream.wait_for_request()
    assert len(upstream.chats) == 1
    assert not any(TYPED in line for line in lines_of(caplog))


def test_beside_it_another_conversation_goes_on(anna: Person) -> None:
    with anna.asking(model="hang"):
        assert anna.ask("hello").text() == "hello"


def test_a_dead_reply_is_ended_before_the_next_question(anna: Person) -> None:
    conversation = factories.make_conversation(anna.user)
    dead = factories.ask(conversation, "And a hen?")
    Piece.objects.create(generation=dead.generation, text="A bi", reasoning="Hm")
    age(dead)

    told = anna.ask("Hello?", conversation=str(conversation.pk))

    assert told.end["status"] == "complete"
    ended = Message.objects.get(pk=dead.pk)
    assert (ended.text, ended.reasoning) == ("A bi", "Hm")
    assert ended.generation.status == "interrupted"
    assert not Piece.objects.exists()


def test_dead_replies_do_not_count_as_running(anna: Person, settings: Any) -> None:
    settings.MAX_REPLIES_PER_USER = 1
    age(factories.ask(factories.make_conversation(anna.user), "And a hen?"))

    assert anna.ask("hello").text() == "hello"


def age(reply: Message) -> None:
    """Set the last heartbeat of its writer to a minute ago."""
    Generation.objects.filter(pk=reply.pk).update(heartbeat_at=timezone.now() - timedelta(minutes=1))


def test_a_reply_that_is_written_here_is_not_dead_because_its_heartbeat_is_late(
    anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was unreachable for a while, and has just come back."""
    monkeypatch.setattr(GenerationQuerySet, "save_snapshot", lambda *args: set())
    with anna.asking(model="hang") as response:
        start = next(events_of(response))[1]
        age(Message.objects.get(pk=start["reply"]))
        answer = send_json(anna, body(conversation=start["conversation"]))

        assert error_of(answer, 409)["reply"] == start["reply"]
        assert Generation.objects.get().status == "streaming"


def test_of_two_questions_at_once_one_is_answered_and_one_is_409(
    anna: Person, upstream: FakeUpstream, settings: Any
) -> None:
    conversation = anna.ask("one").events[0]["conversation"]
    settings.LLM_MODEL = slow = "paced/tokens=25/interval=0.02"

    answers = at_once(
        lambda: send_json(anna, body(text="two", conversation=conversation, model=slow)),
        lambda: send_json(anna, body(text="three", conversation=conversation, model=slow)),
    )

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    first, second = sorted(answers, key=lambda answer: answer.status_code)
    assert second.json()["error"]["reply"] == told(first).reply
    assert Message.objects.count() == 4
    assert len(upstream.chats) == 2


def at_once(*calls: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """Make each call in a thread of its own, all at the same instant."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], httpx.Response]) -> httpx.Response:
        barrier.wait(10)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


# --- The same request again -----------------------------------------------------------------------------------------


def test_the_same_request_again_has_the_finished_reply_from_its_start(anna: Person, upstream: FakeUpstream) -> None:
    fields = body(text="What does a fox say?")
    first = told(send_json(anna, fields))

    again = told(send_json(anna, dict(reversed(fields.items()))))

    assert again.events[0] == first.events[0]
    assert again.ids[0] == "0.0"
    assert again.text() == "What does a fox say?"
    assert again.end == first.end
    assert len(upstream.chats) == 1
    assert Message.objects.count() == 2


def test_the_same_request_again_has_the_running_reply_from_its_start(
    anna: Person, upstream: FakeUpstream, settings: Any
) -> None:
    settings.LLM_MODEL = "gated/tokens=3"
    fields = body(text="hello")
    with anna.asking(**fields) as first:
        events = events_of(first)
        start, said = next(events)[1], ""
        while said != paced_text(3):
            said += next(events)[1].get("text", "")
        with anna.http.stream("POST", "/chat/stream", json=fields) as response:
            again = events_of(response)
            assert next(again)[1] == start
            upstream.release()
            assert "".join(event.get("text", "") for _, event in again) == paced_text(6)
        assert said + "".join(event.get("text", "") for _, event in events) == paced_text(6)
    assert len(upstream.chats) == 1


def test_the_same_request_again_is_looked_at_before_the_rest(anna: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the conversation is busy and the process is full or about to stop, it is still the same question."""
    fields = body(text="hello", model="hang")
    with anna.asking(**fields) as first:
        start = next(events_of(first))[1]
        monkeypatch.setattr(engine, "draining", True)
        with anna.http.stream("POST", "/chat/stream", json=fields) as again:
            assert next(events_of(again))[1] == start


@pytest.mark.parametrize(
    "other", [{"text": "other"}, {"model": "unicode"}, {"conversation": True}, {"unknown": 1}], ids=str
)
def test_another_body_under_the_same_request_id_is_422(
    other: dict[str, Any], anna: Person, upstream: FakeUpstream
) -> None:
    fields = body(model="echo")
    first = told(send_json(anna, fields))
    if "conversation" in other:
        other = {"conversation": first.events[0]["conversation"]}

    answer = send_json(anna, fields | other)

    assert error_of(answer, 422)["code"] == "request_reused"
    assert TYPED not in answer.text
    assert Message.objects.count() == 2
    assert len(upstream.chats) == 1


def test_somebody_elses_request_id_is_free(anna: Person, boris: Person) -> None:
    fields = body(text="hello")

    assert told(send_json(anna, fields)).reply != told(send_json(boris, fields)).reply


@pytest.mark.parametrize("in_conversation", [False, True])
@pytest.mark.parametrize("round_", range(5))
def test_the_same_request_from_two_connections_at_once_is_one_reply(
    round_: int, in_conversation: bool, anna: Person, site: Site, upstream: FakeUpstream
) -> None:
    same_user = site.sign_in("anna")
    there = anna.ask("before").events[0]["conversation"] if in_conversation else None
    before = Conversation.objects.count(), Message.objects.count(), len(upstream.chats)
    fields = body(text="hello", conversation=there)

    answers = [told(answer) for answer in at_once(*[lambda p=p: send_json(p, fields) for p in (anna, same_user)])]

    one_more = (before[0] + (not in_conversation), before[1] + 2, before[2] + 1)
    assert {answer.reply for answer in answers} == {answers[0].reply}
    assert [answer.text() for answer in answers] == ["hello", "hello"]
    assert (Conversation.objects.count(), Message.objects.count(), len(upstream.chats)) == one_more


def test_two_threads_that_have_both_found_their_way_make_one_reply(
    anna: Person, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither stores anything before both have found what the request refers to."""
    barrier, find = threading.Barrier(2), questions._find

    def find_together(*args: Any) -> Any:
        found = find(*args)
        barrier.wait(10)
        return found

    monkeypatch.setattr(questions, "_find", find_together)
    fields = body(text="hello")

    answers = [told(answer) for answer in at_once(*[lambda: send_json(anna, fields)] * 2)]

    assert answers[0].reply == answers[1].reply
    assert [answer.text() for answer in answers] == ["hello", "hello"]
    assert (Conversation.objects.count(), Message.objects.count(), len(upstream.chats)) == (1, 2, 1)


def test_the_database_refuses_a_second_reply_under_one_request_id(anna: Person) -> None:
    """Even if nothing stops the second one earlier."""
    conversation = factories.make_conversation(anna.user, ())
    reply = {"conversation": conversation, "owner": anna.user, "role": "assistant", "idempotency_key": uuid.uuid4()}
    Message.objects.create(number=1, **reply)

    with pytest.raises(IntegrityError):
        Message.objects.create(number=2, **reply)


# --- Too many -------------------------------------------------------------------------------------------------------


def test_a_person_may_have_so_many_replies_at_once_and_one_more_is_429(
    anna: Person, boris: Person, settings: Any
) -> None:
    settings.MAX_REPLIES_PER_USER = 2
    with anna.asking(model="hang"), anna.asking(model="hang") as second:
        answer = send_json(anna, body())

        assert error_of(answer, 429)["code"] == "too_many_replies"
        assert int(answer.headers["retry-after"]) > 0
        assert boris.ask("hello").text() == "hello"
        assert anna.post("/chat/stop", reply=next(events_of(second))[1]["reply"]).status_code == 200
        assert anna.ask("hello").text() == "hello"


def test_a_process_writes_so_many_replies_at_once_and_one_more_is_503(
    anna: Person, boris: Person, settings: Any
) -> None:
    settings.MAX_REPLIES = 1
    with anna.asking(model="hang") as first:
        next(events_of(first))
        answer = send_json(boris, body())

        assert error_of(answer, 503)["code"] == "unavailable"
        assert int(answer.headers["retry-after"]) > 0
        assert Message.objects.count() == 2


def test_a_process_that_is_about_to_stop_takes_no_question(
    anna: Person, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "draining", True)

    assert error_of(send_json(anna, body()), 503)["code"] == "unavailable"
    assert nothing_happened(upstream)
