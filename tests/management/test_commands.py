"""`manage.py stream`, `check_upstream` and `sweep`, as somebody types them."""

import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from chat.models import Conversation, Generation, Message
from chat.models.endings import ERRORS, TIMERS, ending_of
from chat.models.listed import PURGED_AT_ONCE
from tests.support.command import KEY, MANAGE, PATIENCE, Finished, finish, press_ctrl_c, read, run, started
from tests.support.factories import ask, make_conversation, make_user
from tests.support.factories import finish as end_reply
from tests.support.fake_upstream.absent import nobody_accepts, nobody_listens
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.wire_rows import ROWS
from tests.support.wire_rows.base import SO_FAR, TEXT, THOUGHT, body_of

DIFFICULT = 'She said: "It\'s \\n, $HOME and `ls`"\nover\ttwo lines — äöü 你好 👩‍👩‍👧 \u2028 end'


def stream(upstream: FakeUpstream, question: str | bytes, *options: str, **settings: str) -> Finished:
    return run(*MANAGE, "stream", question, *options, LLM_BASE_URL=upstream.base_url, **settings)


def streamed(upstream: FakeUpstream, model: str, *options: str, **settings: str) -> Finished:
    return stream(upstream, "Hello?", "--model", model, *options, **settings)


def rows_of(text: str) -> dict[str, str]:
    return dict(re.split("  +", line, maxsplit=1) for line in text.splitlines())


@pytest.fixture(autouse=True)
def fresh(upstream: FakeUpstream) -> None:
    upstream.forget()


# --- stream -----------------------------------------------------------------------------------------------------------


def test_it_prints_the_answer(upstream: FakeUpstream) -> None:
    said = stream(upstream, "What does a fox say?")

    assert said == Finished(0, b"What does a fox say?\n", "")
    asked = upstream.chats[0]
    assert asked.model == "echo", "the first of the list"
    assert asked.headers["authorization"] == f"Bearer {KEY}"


def test_it_asks_the_model_of_the_settings(upstream: FakeUpstream) -> None:
    assert stream(upstream, "Hello?", LLM_MODEL="paced/tokens=2").text == "t0 t1 \n"


def test_it_asks_where_it_is_told_to(upstream: FakeUpstream) -> None:
    base_url = f"{upstream.base_url}/"
    said = run(*MANAGE, "stream", "Hello?", "--base-url", base_url, LLM_BASE_URL="http://127.0.0.1:1")
    assert said.text == "Hello?\n"


def test_every_character_of_the_question_arrives(upstream: FakeUpstream) -> None:
    assert stream(upstream, DIFFICULT).text == f"{DIFFICULT}\n"
    assert stream(upstream, b"not \xff UTF-8").text == "not ? UTF-8\n"


def test_the_text_comes_as_it_grows(upstream: FakeUpstream) -> None:
    words = (*MANAGE, "stream", "Hello?", "--model", "gated#command")
    with started(*words, LLM_BASE_URL=upstream.base_url) as process:
        assert read(process, 9) == b"t0 t1 t2 "
        upstream.release()
        assert finish(process).out == b"t3 t4 t5 \n"


def test_reasoning_goes_to_stderr(upstream: FakeUpstream) -> None:
    assert streamed(upstream, "W48") == Finished(0, f"{TEXT}\n".encode(), f"{THOUGHT}\n")


@pytest.mark.parametrize("name", ["X1", "W1", "W8", "W28a"])
def test_raw_is_byte_by_byte_what_was_sent(upstream: FakeUpstream, name: str) -> None:
    assert streamed(upstream, f"{name}/split-1#raw", "--raw").out == body_of(ROWS[name])


def test_raw_shows_what_cannot_be_read(upstream: FakeUpstream) -> None:
    said = streamed(upstream, "X21", "--raw")
    assert said.out == body_of(ROWS["X21"])
    assert (said.code, said.err) == (1, f"CommandError: {ERRORS['unreadable']}\n")


def test_stats_go_to_stderr(upstream: FakeUpstream) -> None:
    said = streamed(upstream, "X1", "--stats", "--raw")

    rows = rows_of(said.err)
    names = ["model", "attempts", "time to first token", "tokens/s", "chunks", "finish_reason", "usage"]
    assert list(rows) == names
    assert (rows["model"], rows["attempts"], rows["finish_reason"]) == ("fake-model-1", "1", "stop")
    assert rows["usage"] == "12 prompt, 7 completion"
    assert rows["chunks"] == f"8 ({len(body_of(ROWS['X1'])):,} bytes)"
    assert re.fullmatch(r"0\.\d{3} s", rows["time to first token"])
    assert float(rows["tokens/s"]) > 0


def test_stats_say_what_the_server_did_not_tell(upstream: FakeUpstream) -> None:
    said = streamed(upstream, "W42", "--stats")
    assert re.search(r"^finish_reason +none$", said.err, re.M)
    assert re.search(r"^usage +not told$", said.err, re.M)
    assert re.search(r"^tokens/s .*chunks", said.err, re.M)


@pytest.mark.parametrize(("name", "status"), [("W53", "truncated"), ("X2", "filtered")])
def test_an_unusual_end_is_told_but_is_no_failure(upstream: FakeUpstream, name: str, status: str) -> None:
    said = streamed(upstream, name)
    assert said.code == 0
    assert said.err.endswith(f"{ending_of(status).sentence}\n")


def test_another_attempt_is_told(upstream: FakeUpstream) -> None:
    said = streamed(upstream, "refuse-first#command")
    assert (said.code, said.text) == (0, "At last.\n")
    assert re.fullmatch(rf"{re.escape(str(ERRORS['overloaded']))} Attempt 2 in 0\.\d s\.\n", said.err)


def test_a_failure_is_told_without_the_key(upstream: FakeUpstream) -> None:
    said = streamed(upstream, "bad-key")
    sentence = f"{ERRORS['unauthorized']} “Incorrect API key provided: [key].”"
    assert said == Finished(1, b"", f"CommandError: {sentence}\n")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("no-such", f"{ERRORS['refused']} “The model 'no-such' does not exist.”"),
        ("error/status=429", f"{ERRORS['rate_limited']} “Something broke.”"),
        ("error/status=500", f"{ERRORS['refused']} “Something broke.”"),
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


def test_the_text_before_a_failure_stays(upstream: FakeUpstream) -> None:
    assert streamed(upstream, "W30d").text == f"{SO_FAR}\n"


def test_a_server_that_is_not_there_is_told() -> None:
    with nobody_listens() as base_url:
        said = run(*MANAGE, "stream", "Hello?", "--model", "any", LLM_BASE_URL=base_url)
    assert said.code == 1
    assert said.err.splitlines()[-1].startswith(f"CommandError: {ERRORS['unreachable']}")
    with nobody_accepts() as base_url:
        said = run(*MANAGE, "stream", "Hello?", "--model", "any", LLM_BASE_URL=base_url, LLM_CONNECT_TIMEOUT="0.3")
    assert (said.code, said.err) == (1, f"CommandError: {TIMERS['connect']}\n")


def test_a_list_of_models_that_fails_is_told(upstream: FakeUpstream) -> None:
    said = run(*MANAGE, "stream", "Hello?", LLM_BASE_URL=f"{upstream.base_url}/no-such-folder")
    assert said.code == 1
    assert "--model names one" in said.err


def test_what_is_typed_wrong_is_told() -> None:
    assert str(ERRORS["not_configured"]) in run(*MANAGE, "stream", "Hello?", LLM_BASE_URL="").err
    assert "Write a question." in run(*MANAGE, "stream", " ").err
    assert "must begin with http" in run(*MANAGE, "stream", "Hello?", "--base-url", "localhost:8080").err


@pytest.mark.parametrize(("model", "options"), [("paced/tokens=9999", []), ("paced/tokens=9998", ["--raw", "--stats"])])
def test_ctrl_c_closes_the_request(upstream: FakeUpstream, model: str, options: list[str]) -> None:
    words = (*MANAGE, "stream", "Hello?", "--model", model, *options)
    with started(*words, LLM_BASE_URL=upstream.base_url) as process:
        read(process, 1)
        press_ctrl_c(process)
        said = finish(process)
    assert said.code == 130
    assert "Traceback" not in said.err
    upstream.chats[0].wait_closed_by_peer(1)


def test_ctrl_c_works_before_the_first_token(upstream: FakeUpstream) -> None:
    with started(*MANAGE, "stream", "Hello?", "--model", "hang", LLM_BASE_URL=upstream.base_url) as process:
        upstream.wait_for_request(20)
        press_ctrl_c(process)
        assert finish(process) == Finished(130, b"", "")
    upstream.chats[0].wait_closed_by_peer(1)


def test_a_reader_may_leave(upstream: FakeUpstream) -> None:
    with started(
        *MANAGE, "stream", "Hello?", "--model", "paced/tokens=9997", LLM_BASE_URL=upstream.base_url
    ) as process:
        read(process, 1)
        assert process.stdout
        process.stdout.close()
        assert process.wait(PATIENCE) == 141
        assert process.stderr
        assert process.stderr.read() == b""
    upstream.chats[0].wait_closed_by_peer(1)


# --- check_upstream ---------------------------------------------------------------------------------------------------


def check(base_url: str, *options: str) -> Finished:
    return run(*MANAGE, "check_upstream", *options, LLM_BASE_URL=base_url, LLM_CONNECT_TIMEOUT="1")


def test_it_prints_the_dialect(upstream: FakeUpstream) -> None:
    said = check(upstream.base_url)

    assert (said.code, said.err) == (0, "")
    rows = rows_of(said.text)
    assert rows["address"] == upstream.base_url
    assert rows["models"].startswith(f"{len(upstream.scripts)}: echo, paced, ")
    assert rows["reachable"] == "yes"
    assert rows["status"] == "200"
    assert "content-type: text/event-stream" in rows["headers"]
    assert rows["model"] == "fake-model-1"
    assert (rows["line endings"], rows["comments"], rows["[DONE]"]) == ("LF", "none", "yes")
    assert (rows["finish_reason"], rows["reasoning"]) == ("stop", "none seen")
    assert re.fullmatch(r"\d+\.\d{3} s", rows["time to first token"])
    assert re.fullmatch(r"\d+\.\d{3} s", rows["longest silence"])
    assert rows["usage"] == rows["usage unasked"] == "in a chunk of its own"
    assert rows["error shape"] == '404 {"error": {"message": text, "type": text, "param": null, "code": null}}'
    assert rows["error message"].endswith("“The model 'there-is-no-such-model' does not exist.”")
    assert len(upstream.chats) == 3


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [
        ("W28a", "line endings", "LF"),
        ("W42", "finish_reason", "none"),
        ("W49", "reasoning", "reasoning"),
        ("W62", "usage", "refused with 400"),
    ],
)
def test_it_sees_what_is_special(upstream: FakeUpstream, model: str, name: str, value: str) -> None:
    printed = StringIO()
    call_command("check_upstream", model=model, base_url=upstream.base_url, stdout=printed)
    assert value in rows_of(printed.getvalue())[name]


def test_a_server_that_is_not_reachable_is_a_failure() -> None:
    with nobody_listens() as base_url:
        said = check(base_url)
    assert said.code == 1
    assert rows_of(said.text)["reachable"] == "no"
    assert said.err.startswith(f"CommandError: {ERRORS['unreachable']}")
    assert check("").code == 1


def test_a_refusal_is_shown_without_the_key(upstream: FakeUpstream) -> None:
    said = check(upstream.base_url, "--model", "bad-key")
    assert said.code == 1
    assert rows_of(said.text)["status"] == "401"
    assert rows_of(said.text)["error shape"].startswith('{"error": {"message": text')
    assert "[key]" in said.err


# --- sweep ------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_sweep_ends_dead_replies(capsys: pytest.CaptureFixture[str]) -> None:
    anna = make_user()
    dead, alive, ended = (ask(make_conversation(anna, ()), "Hello?") for _ in range(3))
    end_reply(ended)
    Generation.objects.filter(pk=dead.pk).update(heartbeat_at=timezone.now() - timedelta(seconds=60))

    call_command("sweep")

    assert capsys.readouterr().out == "Ended as interrupted: 1\nDeleted for good: conversations 0, single messages 0\n"
    statuses = [Generation.objects.get(pk=reply.pk).status for reply in (dead, alive, ended)]
    assert statuses == ["interrupted", "streaming", "complete"]


@pytest.mark.django_db
def test_sweep_deletes_for_good_what_was_deleted_long_ago(capsys: pytest.CaptureFixture[str], settings: Any) -> None:
    settings.DELETED_DAYS = 7
    anna = make_user()
    kept = [make_conversation(anna), make_conversation(anna)]
    old = [make_conversation(anna, [("one?", "a"), ("two?", "b")]) for _ in range(PURGED_AT_ONCE + 1)]
    for days, conversations in ((6, kept[:1]), (8, old)):
        ids = [conversation.pk for conversation in conversations]
        Conversation.objects.filter(pk__in=ids).update(deleted_at=timezone.now() - timedelta(days=days))
    single = kept[1].messages.order_by("number")
    long_ago = timezone.now() - timedelta(days=8)
    Message.objects.filter(pk=single[0].pk).update(deleted_at=long_ago)

    call_command("sweep")

    said = f"Deleted for good: conversations {len(old)}, single messages 1\n"
    assert capsys.readouterr().out.endswith(said)
    assert [message.text for message in single] == ["", "An animal."], "its row is what the answer hangs on"
    assert set(Conversation.objects.values_list("pk", flat=True)) == {conversation.pk for conversation in kept}
    assert Message.objects.count() == 4
