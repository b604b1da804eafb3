"""The command-line tools with the embedded model, as docs/streaming.md shows them."""

from collections.abc import Iterator

import pytest

from chat.models.endings import TIMERS
from tests.support.command import MANAGE, Finished, read, run, started
from tests.support.process import free_port
from tests.support.services import embedded_model, program
from tests.support.waiting import until

pytestmark = [pytest.mark.model, pytest.mark.process]

QUESTION = "What is the capital of France?"
# It answers in a second or two, but now and then it goes on and on.
MOST_SECONDS = "20"


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    embedded_model()
    port = str(free_port())
    with started(*MANAGE, "serve_model", "--port", port) as model:
        until(lambda: read(model, 1))
        yield f"http://127.0.0.1:{port}/v1"


def is_an_answer(said: Finished) -> bool:
    return said.code == 0 or str(TIMERS["total"]) in said.err


def test_it_prints_text_and_statistics(base_url: str) -> None:
    said = run(*MANAGE, "stream", QUESTION, "--stats", LLM_BASE_URL=base_url, LLM_TOTAL_TIMEOUT=MOST_SECONDS)

    assert is_an_answer(said), said
    assert said.text.strip()
    assert "smollm2-135m-instruct" in said.err
    assert "time to first token  none came" not in said.err


def test_raw_prints_its_lines(base_url: str) -> None:
    said = run(*MANAGE, "stream", QUESTION, "--raw", LLM_BASE_URL=base_url, LLM_TOTAL_TIMEOUT=MOST_SECONDS)
    assert is_an_answer(said), said
    assert said.out.startswith(b'data: {"choices":')


def test_check_upstream_describes_it(base_url: str) -> None:
    said = run(*MANAGE, "check_upstream", LLM_BASE_URL=base_url, LLM_TOTAL_TIMEOUT=MOST_SECONDS)
    assert is_an_answer(said), said
    assert "smollm2-135m-instruct" in said.text
    assert "line endings         LF" in said.text


def test_the_script_prints_text(base_url: str) -> None:
    program("curl")
    program("jq")
    with started("scripts/stream.sh", QUESTION, LLM_BASE_URL=base_url) as process:
        assert read(process, 2).decode(errors="ignore").strip()
