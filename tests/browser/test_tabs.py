"""A tab is only a reader: if it is closed and opened again, it has missed nothing."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import NewContext, sign_in
from tests.support.fake_upstream.scripts import paced_text
from tests.support.site import Person, Site, stored

pytestmark = pytest.mark.browser

TOKENS = 60


def ask(page: Page, question: str) -> None:
    page.goto("/")
    page.get_by_role("textbox", name="Your question").fill(question)
    page.get_by_role("button", name="Send").click()


@pytest.fixture
def context(new_context: NewContext, site: Site, anna: Person, settings) -> BrowserContext:
    settings.LLM_MODEL = f"paced/tokens={TOKENS}/interval=0.05"
    context = new_context(site.base_url)
    sign_in(context, anna)
    return context


def test_a_tab_closed_after_the_third_token_and_opened_again_shows_the_whole_answer(context: BrowserContext) -> None:
    tab = context.new_page()
    ask(tab, "Count, please.")
    answer = tab.locator("[data-part=answer]").last
    expect(answer).to_contain_text("t2")
    expect(answer).not_to_contain_text(f"t{TOKENS - 1}")
    address = tab.url
    tab.close()

    tab = context.new_page()
    tab.goto(address)
    expect(tab.locator("li.answer").last).to_have_attribute("data-status", "complete")
    shown = tab.locator("[data-part=answer]").last
    assert shown.text_content() == paced_text(TOKENS).strip()
    reply = tab.locator("li.answer").last.get_attribute("data-reply")
    assert reply
    assert stored(reply).text == paced_text(TOKENS)


def test_it_goes_on_after_the_network_was_away(context: BrowserContext, watch) -> None:
    watch.expect("ERR_INTERNET_DISCONNECTED")
    tab = context.new_page()
    ask(tab, "Count, please.")
    expect(tab.locator("[data-part=answer]").last).to_contain_text("t2")
    context.set_offline(True)
    tab.wait_for_timeout(500)
    context.set_offline(False)
    expect(tab.locator("li.answer").last).to_have_attribute("data-status", "complete")
    assert tab.locator("[data-part=answer]").last.text_content() == paced_text(TOKENS).strip()


def test_without_javascript_the_page_refreshes_until_the_answer_is_whole(
    new_context: NewContext, site: Site, anna: Person, settings
) -> None:
    settings.LLM_MODEL = f"paced/tokens={TOKENS}/interval=0.05"
    context = new_context(site.base_url, java_script_enabled=False)
    sign_in(context, anna)
    tab = context.new_page()
    ask(tab, "Count, please.")
    expect(tab.get_by_text("The answer is being written.")).to_be_visible()
    expect(tab.locator("li.answer").last).to_have_attribute("data-status", "complete")
    assert tab.locator("[data-part=answer]").last.text_content() == paced_text(TOKENS).strip()
