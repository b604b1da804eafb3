"""`manage.py stream`, as typed in a terminal."""

import re

import pytest

from chat.models.endings import ERRORS, RETRIES, TIMERS, ending_of
from tests.support.command import KEY, MANAGE, PATIENCE, Finished, finish, press_ctrl_c, read, rows_of, run, started
from tests.support.fake_upstream.absent import nobody_accepts, nobody_listens
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.wire_rows import ROWS
from tests.support.wire_rows.base import SO_FAR, TEXT, THOUGHT, body_of

pytestmark = pytest.mark.process

DIFFICULT = 'She said: "It\'s \\n, $HOME and `ls`"\nover\ttwo lines — äöü 你好 👩‍👩‍👧 \u2028 end'


def stream(upstream: FakeUpstream, question: str | bytes, *options: str, **settings: str) -> Finished:
    return run(*MANAGE, "stream", question, *options, LLM_BASE_URL=upstream.base_url, **settings)


def streamed(upstream: FakeUpstream, model: str, *options: str, **settings: str) -> Finished:
    return stream(upstream, "Hello?", "--model", model, *options, **settings)


@pytest.fixture(autouse=True)
def fresh(upstream: FakeUpstream) -> None:
    upstream.forget()


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
    assert re.fullmatch(rf"{re.escape(str(RETRIES['overloaded']))} Attempt 2 in 0\.\d s\.\n", said.err)


def test_a_failure_is_told_without_the_key(upstream: FakeUpstream) -> None:
    said = streamed(upstream, "bad-key")
    sentence = f"{ERRORS['unauthorized']} “Incorrect API key provided: [key].”"
    assert said == Finished(1, b"", f"CommandError: {sentence}\n")


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
