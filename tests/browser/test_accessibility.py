"""What axe-core can't check: the order of the focus, what screen readers are told, and what moves."""

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DEVICES, NewContext, sign_in
from tests.support.factories import make_conversation
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.site import Person, Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

# Everything that is announced, in order.
LISTEN = """
window.__told = [];
const listen = () => new MutationObserver((changes) => {
  for (const { target } of changes) {
    const element = target.closest ? target : target.parentElement;
    const region = element?.closest("[aria-live], [role=status], [role=alert]");
    if (region?.textContent.trim() && !region.hidden) __told.push(region.textContent.trim());
  }
}).observe(document, { subtree: true, childList: true, characterData: true });
listen();
"""
# What has the focus, and whether that makes it look different.
FOCUSED = """() => {
  const element = document.activeElement;
  if (element === document.body || "seen" in element.dataset) return null;
  element.dataset.seen = "";
  const name = element.id || element.getAttribute("aria-label") || element.textContent.trim();
  const look = () => [element, element.closest("form") ?? element].map((one) => {
    const { outlineStyle, outlineColor, borderColor } = getComputedStyle(one);
    return [outlineStyle, outlineColor, borderColor];
  }).join();
  const focused = look();
  element.blur();
  const isSeen = focused !== look();
  element.focus({ focusVisible: true, preventScroll: true });
  return [name, isSeen];
}"""
MOVING = """[...document.getAnimations()].filter((one) => one.playState === "running").length"""


def ask(page: "Page", text: str = "Count, please.") -> None:
    page.locator("#question").fill(text)
    page.locator("#question").press("Enter")


def test_the_first_stop_of_the_tab_key_leads_to_the_content(signed_in_page: "Page", anna: Person) -> None:
    page = signed_in_page
    page.goto(f"/chat/{make_conversation(anna.user).pk}/")
    page.keyboard.press("Tab")
    skip = page.locator(".skip-link")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#question")).to_be_focused()


def test_started_and_finished_are_told_and_no_token_is(signed_in_page: "Page", settings: Any) -> None:
    settings.LLM_MODEL = "paced/tokens=40/interval=0.01"
    page = signed_in_page
    page.context.add_init_script(LISTEN)
    page.reload()
    ask(page)
    expect(page.locator("#messages .answer")).to_have_attribute("data-status", "complete")
    assert page.evaluate("__told") == ["The answer has started.", "The answer is finished."]
    assert page.locator("#messages [aria-live], #messages[aria-live], #messages [role=status]").count() == 0


def test_a_failure_is_told(signed_in_page: "Page", upstream: FakeUpstream, settings: Any) -> None:
    settings.LLM_MODEL = "no-such-model"
    page = signed_in_page
    page.context.add_init_script(LISTEN)
    page.reload()
    ask(page)
    expect(page.locator("#messages .answer")).to_have_attribute("data-status", "failed")
    sentence = page.locator("#messages .ending p").text_content()
    assert sentence
    assert page.evaluate("__told")[-1] == sentence.strip()


@pytest.mark.parametrize("opens", ["#bar-actions .more", ".settings-button", ".account-button"])
def test_what_is_closed_gives_the_focus_back(signed_in_page: "Page", anna: Person, opens: str) -> None:
    page = signed_in_page
    page.goto(f"/chat/{make_conversation(anna.user).pk}/")
    button = page.locator(opens)
    button.focus()
    page.keyboard.press("Enter")
    opened = page.locator(":popover-open")
    expect(opened).to_be_visible()
    page.keyboard.press("Tab")
    assert opened.evaluate("(element) => element.contains(document.activeElement)"), "its content comes next"
    page.keyboard.press("Escape")
    expect(opened).to_have_count(0)
    expect(button).to_be_focused()


def test_the_drawer_gives_the_focus_back(new_context: NewContext, site: Site, anna: Person) -> None:
    context = new_context(site.base_url, **DEVICES["phone"])
    sign_in(context, anna)
    page = context.new_page()
    page.goto("/")
    page.locator(".bar-menu").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.getElementById('sidebar').contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(page.locator("#sidebar")).to_be_hidden()
    expect(page.locator(".bar-menu")).to_be_focused()


def test_nothing_moves_for_who_wants_it_still(
    new_context: NewContext, site: Site, anna: Person, settings: Any, upstream: FakeUpstream
) -> None:
    settings.LLM_MODEL = "gated/tokens=1"
    for motion, moves in (("no-preference", True), ("reduce", False)):
        context = new_context(site.base_url, reduced_motion=motion)
        sign_in(context, anna)
        page = context.new_page()
        page.goto("/")
        ask(page)
        expect(page.locator("#messages .answer")).to_contain_text("t0")
        expect(page.locator("#conversations .running").first).to_be_visible()
        assert bool(page.evaluate(MOVING)) is moves


def test_every_focus_is_seen(signed_in_page: "Page", anna: Person) -> None:
    """Each stop of the Tab key has an outline, or is a field in a box whose border shows the focus."""
    page = signed_in_page
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"/chat/{make_conversation(anna.user).pk}/")
    stops = []
    for _ in range(40):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        if not stop:
            break
        stops.append(stop)
    assert len(stops) > 10
    assert [name for name, is_seen in stops if not is_seen] == []


def test_nothing_lies_under_a_notch(new_context: NewContext, site: Site, anna: Person) -> None:
    context = new_context(site.base_url, **DEVICES["phone"])
    sign_in(context, anna)
    page = context.new_page()
    insets = {"top": 47, "left": 0, "bottom": 34, "right": 0}
    context.new_cdp_session(page).send("Emulation.setSafeAreaInsetsOverride", {"insets": insets})
    page.goto("/")
    height = page.viewport_size["height"] if page.viewport_size else 0
    for selector in (".bar-menu", "#composer", ".sidebar-close", ".account-button"):
        if selector == ".sidebar-close":
            page.locator(".bar-menu").click()
        box = page.locator(selector).bounding_box()
        assert box
        assert box["y"] >= insets["top"], selector
        assert box["y"] + box["height"] <= height - insets["bottom"], selector
