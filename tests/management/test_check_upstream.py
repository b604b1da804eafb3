"""`manage.py check_upstream`, as typed in a terminal."""

import re
from io import StringIO

import pytest
from django.core.management import call_command

from chat.models.endings import ERRORS, HINTS
from tests.support.command import MANAGE, Finished, rows_of, run
from tests.support.fake_upstream.absent import nobody_listens
from tests.support.fake_upstream.server import FakeUpstream


@pytest.fixture(autouse=True)
def fresh(upstream: FakeUpstream) -> None:
    upstream.forget()


def check(base_url: str, *options: str) -> Finished:
    return run(*MANAGE, "check_upstream", *options, LLM_BASE_URL=base_url, LLM_CONNECT_TIMEOUT="1")


@pytest.mark.process
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


@pytest.mark.process
def test_a_server_that_is_not_reachable_is_a_failure() -> None:
    with nobody_listens() as base_url:
        said = check(base_url)
    assert said.code == 1
    assert rows_of(said.text)["reachable"] == "no"
    assert said.err.startswith(f"CommandError: {ERRORS['unreachable']}")
    assert check("").code == 1


@pytest.mark.process
def test_a_server_without_a_list_of_models_needs_one_that_is_named(upstream: FakeUpstream) -> None:
    said = check(f"{upstream.base_url}/no-such-folder")
    assert said.code == 1
    assert rows_of(said.text)["models"].endswith("“No such page.”")
    assert said.err.startswith(f"CommandError: {ERRORS['no_models']} {HINTS['no_models']}")
    assert upstream.chats == []


@pytest.mark.process
def test_a_refusal_is_shown_without_the_key(upstream: FakeUpstream) -> None:
    said = check(upstream.base_url, "--model", "bad-key")
    assert said.code == 1
    assert rows_of(said.text)["status"] == "401"
    assert rows_of(said.text)["error shape"].startswith('{"error": {"message": text')
    assert "[key]" in said.err
