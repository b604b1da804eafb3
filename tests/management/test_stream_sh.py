"""`scripts/stream.sh`: the same question with nothing but bash and curl, with and without jq."""

from pathlib import Path

import pytest

from tests.support.command import KEY, Finished, finish, press_ctrl_c, read, run, started
from tests.support.fake_upstream.absent import nobody_listens
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.services import program
from tests.support.wire_rows import ROWS
from tests.support.wire_rows.base import SO_FAR, TEXT, body_of

SCRIPT = "scripts/stream.sh"
DIFFICULT = 'She said: "It\'s \\n, $HOME and `ls`"\nover\ttwo lines — äöü 你好 👩‍👩‍👧 \u2028 \x01 end'

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def fresh(upstream: FakeUpstream) -> None:
    program("curl")
    upstream.forget()


@pytest.fixture
def jq() -> None:
    program("jq")


@pytest.fixture
def path_without_jq(tmp_path: Path) -> str:
    """Return a PATH with what the script needs, and nothing else."""
    for name in ("bash", "env", "dirname", "cat", "curl"):
        (tmp_path / name).symlink_to(program(name))
    return str(tmp_path)


def ask(upstream: FakeUpstream, question: str, *options: str, **settings: str) -> Finished:
    return run(SCRIPT, *options, question, LLM_BASE_URL=upstream.base_url, **settings)


def test_it_prints_the_answer(upstream: FakeUpstream, jq: None) -> None:
    said = ask(upstream, "What does a fox say?")

    assert said == Finished(0, b"What does a fox say?\n", "")
    asked = upstream.chats[0]
    assert asked.model == "echo", "the first of the list"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["accept"] == "text/event-stream"


def test_without_jq_it_prints_the_lines(upstream: FakeUpstream, path_without_jq: str) -> None:
    said = ask(upstream, "Hello?", LLM_MODEL="X1", PATH=path_without_jq)
    assert said == Finished(0, body_of(ROWS["X1"]), "")


def test_raw_prints_the_lines(upstream: FakeUpstream) -> None:
    assert ask(upstream, "Hello?", "--raw", LLM_MODEL="W1").out == body_of(ROWS["W1"])


def test_every_character_of_the_question_arrives(upstream: FakeUpstream, jq: None, path_without_jq: str) -> None:
    assert ask(upstream, DIFFICULT).text == f"{DIFFICULT}\n"
    ask(upstream, DIFFICULT, PATH=path_without_jq)
    assert upstream.chats[-1].messages == [{"role": "user", "content": DIFFICULT}]


@pytest.mark.parametrize("name", ["W1", "W9", "W13c", "W18a", "W19", "W31", "W36a"])
def test_it_reads_what_servers_send(upstream: FakeUpstream, jq: None, name: str) -> None:
    assert ask(upstream, "Hello?", LLM_MODEL=name).text == f"{TEXT}\n"


def test_the_text_comes_as_it_grows(upstream: FakeUpstream, jq: None) -> None:
    with started(SCRIPT, "Hello?", LLM_BASE_URL=upstream.base_url, LLM_MODEL="gated#script") as process:
        assert read(process, 9) == b"t0 t1 t2 "
        upstream.release()
        assert finish(process).out == b"t3 t4 t5 \n"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("no-such", "the server answered 404"),
        ("error/status=503", "the server answered 503"),
        ("W55a", "the server reported an error"),
        ("W25", "not an event stream"),
        ("W27a", "not an event stream"),
    ],
)
def test_a_failure_is_told(upstream: FakeUpstream, jq: None, model: str, message: str) -> None:
    said = ask(upstream, "Hello?", LLM_MODEL=model)
    assert said.code == 1
    assert message in said.err


def test_a_stream_that_breaks_off_is_a_failure(upstream: FakeUpstream, jq: None) -> None:
    said = ask(upstream, "Hello?", LLM_MODEL="W30b")
    assert said.code == 1
    assert said.text.startswith(SO_FAR)


def test_a_server_that_is_not_there_is_told() -> None:
    with nobody_listens() as base_url:
        said = run(SCRIPT, "Hello?", LLM_BASE_URL=base_url)
    assert (said.code, said.out) == (1, b"")
    assert "curl" in said.err
    assert "LLM_BASE_URL is not set" in run(SCRIPT, "Hello?", LLM_BASE_URL="").err
    assert "usage" in run(SCRIPT).err


def test_ctrl_c_closes_the_request(upstream: FakeUpstream, jq: None) -> None:
    with started(SCRIPT, "Hello?", LLM_BASE_URL=upstream.base_url, LLM_MODEL="paced/tokens=9999") as process:
        read(process, 1)
        press_ctrl_c(process)
        finish(process)
    upstream.chats[0].wait_closed_by_peer(1)
