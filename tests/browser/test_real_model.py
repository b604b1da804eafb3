"""The whole path with the embedded model: first account, question, answer, reload, stop, transcript."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext
from tests.support.process import ROOT, ServerProcess, environment, free_port, wait_until
from tests.support.services import embedded_model

pytestmark = [pytest.mark.browser, pytest.mark.model]

LONG_ANSWER = "Tell me a long story about a fox and a raven, with as many details as you can."
# Enough for a small model on a busy machine.
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    embedded_model()
    port = free_port()
    command = [sys.executable, "manage.py", "serve_model", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, env=environment(Path("/dev/null"))) as process:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/health"), 60)
        yield f"http://127.0.0.1:{port}/v1"
        process.terminate()


def answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def server(model: str, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server on which nobody has an account yet."""
    database = tmp_path / "chat.sqlite3"
    for command in (["migrate"], ["collectstatic", "--no-input"]):
        subprocess.run(
            [sys.executable, "manage.py", *command, "--verbosity", "0"],
            cwd=ROOT,
            env=environment(database),
            check=True,
            timeout=60,
        )
    upstream = SimpleNamespace(base_url=model)
    server = ServerProcess(tmp_path, upstream, {"LLM_DEMO": "on"}, database)  # type: ignore[arg-type]
    yield server.start()
    server.stop()


def test_a_first_visitor_asks_and_reads(server: ServerProcess, new_context: NewContext, screenshots: Path) -> None:
    page = new_context(server.base_url).new_page()
    page.set_default_timeout(PATIENCE_MS)
    make_first_account(page)
    ask(page, LONG_ANSWER)
    answer = page.locator("li.answer").last
    expect(answer.locator("[data-part=answer]")).not_to_be_empty(timeout=PATIENCE_MS)

    page.reload()
    expect(answer.locator("[data-part=answer]")).not_to_be_empty(timeout=PATIENCE_MS)
    page.screenshot(path=screenshots / "real-model.png")

    ask(page, LONG_ANSWER) if is_over(page) else None
    page.get_by_role("button", name="Stop").click()
    expect(answer).to_have_attribute("data-status", "stopped", timeout=PATIENCE_MS)
    expect(answer).to_contain_text("You stopped this answer.")
    text = answer.locator("[data-part=answer]").text_content() or ""

    read_transcript(page, text)
    page.screenshot(path=screenshots / "real-model-transcript.png")


def make_first_account(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password", exact=True).fill("a long phrase to remember")
    page.get_by_label("Password confirmation").fill("a long phrase to remember")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_text("demonstration model")).to_be_visible()


def ask(page: Page, question: str) -> None:
    page.get_by_role("textbox", name="Your question").fill(question)
    page.get_by_role("button", name="Send").click()


def is_over(page: Page) -> bool:
    return page.locator("li.answer").last.get_attribute("data-status") != "streaming"


def read_transcript(page: Page, text: str) -> None:
    """Read the transcript of the only conversation, as the administrator, who has just created it."""
    page.goto("/admin/chat/conversation/")
    page.locator("#result_list tbody th a").first.click()
    page.get_by_role("link", name="transcript").click()
    expect(page.locator("body")).to_contain_text("a fox and a raven")
    wait_until(lambda: text[:40] in (page.locator("body").text_content() or ""), 10)
