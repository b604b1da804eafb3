"""A conversation of 1,000 messages in Chromium: it opens at its end, and earlier messages load while scrolling."""

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from chat.models import Conversation
from tests.pages.test_long import at, make_long
from tests.support.site import Person

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

COUNT = 1000
TO_THE_TOP = "scrollTo({top: 0, behavior: 'instant'})"


@pytest.fixture
def long(anna: Person) -> Conversation:
    return make_long(anna.user, COUNT)


def texts(tab: "Page") -> list[str]:
    found = tab.locator("#messages [data-part=question], #messages [data-part=answer]").all_text_contents()
    return [text.strip() for text in found]


def test_it_opens_at_its_end_and_earlier_ones_come_as_one_scrolls(tab: "Page", long: Conversation) -> None:
    tab.goto(f"/chat/{long.pk}/")
    expect(tab.locator("#messages .answer").last).to_be_in_viewport()
    shown = len(texts(tab))
    assert shown < 100
    first = tab.locator("#messages .message").first
    name = first.get_attribute("id")
    tab.evaluate(TO_THE_TOP)
    expect(tab.locator("#messages .message")).not_to_have_count(shown)
    # What was being read stays where it was.
    expect(tab.locator(f"#{name}")).to_be_in_viewport()
    assert texts(tab) == [f"text {number}" for number in range(COUNT - len(texts(tab)), COUNT)]


def test_one_scrolls_to_the_very_beginning(tab: "Page", anna: Person) -> None:
    count = 200
    tab.goto(f"/chat/{make_long(anna.user, count).pk}/")
    while tab.locator("[data-more=before]").count():
        shown = len(texts(tab))
        tab.evaluate(TO_THE_TOP)
        expect(tab.locator("#messages .message")).not_to_have_count(shown)
    assert texts(tab) == [f"text {number}" for number in range(count)]
    tab.locator("#to-bottom").click()
    expect(tab.locator("#messages .answer").last).to_be_in_viewport()


def test_a_link_to_an_old_message_shows_it(tab: "Page", long: Conversation) -> None:
    found = at(long, 500)
    tab.goto(f"/chat/{long.pk}/?message={found.pk}#message-{found.pk}")
    expect(tab.locator(f"#message-{found.pk}")).to_be_in_viewport()
    tab.wait_for_load_state("networkidle")
    expect(tab.locator(f"#message-{found.pk}")).to_be_in_viewport()
    tab.evaluate("scrollTo({top: document.documentElement.scrollHeight, behavior: 'instant'})")
    expect(tab.get_by_text("text 540")).to_be_attached()


def test_a_question_asked_there_goes_below_the_end(tab: "Page", long: Conversation) -> None:
    found = at(long, 100)
    tab.goto(f"/chat/{long.pk}/?message={found.pk}#message-{found.pk}")
    tab.locator("#question").fill("And now?")
    tab.locator("[data-part=send]").click()
    expect(tab.locator("#messages .answer").last).to_have_attribute("data-status", "complete")
    assert texts(tab)[-3:] == ["text 999", "And now?", "And now?"]
    expect(tab.locator("#question")).to_have_value("")
    assert "?" not in tab.url
