"""A question sent while an answer is being written: it waits below that answer, visibly."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from playwright.sync_api import expect

from chat.models import Generation, Message
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.waiting import until

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture
def tab(tab: "Page", settings: Any) -> "Page":
    """A tab in which an answer is being written, and waits for `upstream.release()`."""
    settings.LLM_MODEL = "gated/tokens=1"
    tab.goto("/")
    ask(tab, "first?")
    expect(tab.locator("#messages .answer").last).to_contain_text("t0")
    return tab


def ask(tab: "Page", text: str) -> None:
    tab.locator("#question").fill(text)
    tab.locator("[data-part=send]").click()


def questions() -> list[str]:
    return list(Message.objects.filter(role="user").order_by("number").values_list("text", flat=True))


def test_it_waits_and_goes_out_when_the_answer_has_ended(tab: "Page", upstream: FakeUpstream) -> None:
    ask(tab, "second?")
    queued = tab.locator("#queued")
    expect(queued).to_contain_text("second?")
    expect(queued).to_contain_text("Queued")
    expect(tab.locator("#question")).to_have_value("")
    assert questions() == ["first?"]

    upstream.release()
    expect(tab.locator("#messages .question")).to_have_count(2)
    expect(queued).to_be_hidden()
    upstream.wait_for_request(number=2)
    upstream.release()
    expect(tab.locator("#messages .answer").last).to_have_attribute("data-status", "complete")
    assert questions() == ["first?", "second?"]


def test_what_is_sent_after_it_joins_it(tab: "Page") -> None:
    ask(tab, "second?")
    ask(tab, "and this.")
    expect(tab.locator("#queued [data-part=text]")).to_have_text("second?\n\nand this.")


def test_it_survives_a_reload_and_is_sent_once_from_two_tabs(tab: "Page", upstream: FakeUpstream) -> None:
    ask(tab, "second?")
    tab.reload()
    other = tab.context.new_page()
    other.goto(tab.url)
    for page in (tab, other):
        expect(page.locator("#queued")).to_contain_text("second?")
    upstream.release()
    for page in (tab, other):
        expect(page.locator("#messages .question")).to_have_count(2)
        expect(page.locator("#queued")).to_be_hidden()
    upstream.wait_for_request(number=2)
    upstream.release()
    expect(tab.locator("#messages .answer").last).to_have_attribute("data-status", "complete")
    assert questions() == ["first?", "second?"]


def test_stop_and_send(tab: "Page", upstream: FakeUpstream) -> None:
    ask(tab, "second?")
    tab.get_by_role("button", name="Stop and send").click()
    expect(tab.locator("#messages .answer").first).to_have_attribute("data-status", "stopped")
    expect(tab.locator("#messages .question").last).to_contain_text("second?")
    upstream.wait_for_request(number=2)
    assert questions() == ["first?", "second?"]


def test_it_can_be_changed_or_cancelled(tab: "Page", upstream: FakeUpstream) -> None:
    ask(tab, "second?")
    tab.locator("#question").fill("typed meanwhile")
    tab.locator("#queued").get_by_role("button", name="Edit").click()
    expect(tab.locator("#question")).to_have_value("second?\n\ntyped meanwhile")
    expect(tab.locator("#queued")).to_be_hidden()

    ask(tab, "third?")
    tab.locator("#queued").get_by_role("button", name="Cancel").click()
    expect(tab.locator("#queued")).to_be_hidden()
    upstream.release()
    expect(tab.locator("#messages .answer").last).to_have_attribute("data-status", "complete")
    assert questions() == ["first?"]


def test_after_a_stop_it_comes_back_into_the_field(tab: "Page") -> None:
    ask(tab, "second?")
    tab.locator("[data-part=stop]").click()
    expect(tab.locator("#question")).to_have_value("second?")
    expect(tab.locator("#queued")).to_be_hidden()
    assert questions() == ["first?"]


def test_where_the_answer_ended_meanwhile_it_is_in_the_field(tab: "Page", upstream: FakeUpstream) -> None:
    ask(tab, "second?")
    url = tab.url
    tab.goto("about:blank")
    upstream.release()
    until(lambda: Generation.objects.filter(status="complete").exists())
    tab.goto(url)
    expect(tab.locator("#messages .answer").last).to_have_attribute("data-status", "complete")
    expect(tab.locator("#question")).to_have_value("second?")
    assert questions() == ["first?"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures(tab: "Page", screenshots: Path, scheme: Literal["light", "dark"]) -> None:
    tab.emulate_media(color_scheme=scheme)
    ask(tab, "And what does a wolf say, when it meets a fox?")
    tab.locator("#question").fill("Half a thou")
    size = tab.viewport_size
    assert size
    tab.screenshot(path=screenshots / f"queue-{size['width']}-{scheme}.png")
