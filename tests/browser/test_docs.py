"""The examples in docs/streaming.md, pasted into the browser's console as they are."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chat.models import Message
from tests.support.fake_upstream.scripts import UNICODE_TEXT, paced_text
from tests.support.site import Person

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "streaming.md"
HEADINGS = ["With fetch and ReadableStream", "With EventSource"]


def example_under(heading: str) -> str:
    text = DOCUMENT.read_text()
    found = re.search(rf"^### {re.escape(heading)}$.*?^```js\n(.*?)^```$", text, re.M | re.S)
    assert found, heading
    return found[1]


def paste(page: "Page", code: str) -> list[str]:
    """Run code as the console does, and return what it has printed when the answer is complete."""
    printed: list[str] = []
    page.on("console", lambda message: printed.append(message.text))
    console = page.context.new_cdp_session(page)
    result = console.send("Runtime.evaluate", {"expression": code, "replMode": True, "awaitPromise": True})
    assert "exceptionDetails" not in result, result["exceptionDetails"]
    while not any(line.startswith("end ") for line in printed[:-1]):
        page.wait_for_event("console")
    return printed


@pytest.mark.parametrize("heading", HEADINGS)
def test_an_example_prints_the_answer(signed_in_page: "Page", heading: str) -> None:
    printed = paste(signed_in_page, example_under(heading))

    assert printed[0] == "start "
    assert printed[-2:] == ["end complete", "What is a fox?"]
    assert printed[1].startswith("delta ")


@pytest.mark.parametrize("heading", HEADINGS)
def test_an_example_gets_every_character(signed_in_page: "Page", settings: Any, heading: str) -> None:
    settings.LLM_MODEL = "unicode/split-3"
    printed = paste(signed_in_page, example_under(heading))

    assert printed[-1] == UNICODE_TEXT
    assert any(line.startswith("reasoning ") for line in printed)


@pytest.mark.parametrize("heading", HEADINGS)
def test_an_example_asks_once(signed_in_page: "Page", anna: Person, settings: Any, heading: str) -> None:
    settings.LLM_MODEL = "paced/tokens=50/interval=0.02"
    printed = paste(signed_in_page, example_under(heading))

    assert printed[-1] == paced_text(50)
    assert len([line for line in printed if line.startswith("delta ")]) > 5, "it comes as it grows"
    assert Message.objects.filter(owner=anna.user).count() == 2
