"""Every shortcut, and that none of them gets in the way of typing."""

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DEVICES, NewContext, sign_in
from tests.support.factories import make_conversation
from tests.support.site import Person, Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def talk(anna: Person) -> str:
    return f"/chat/{make_conversation(anna.user, [('About foxes', 'An animal.')]).pk}/"


def question(page: "Page") -> Any:
    return page.locator("#question")


def test_the_list_opens_and_closes_and_gives_the_focus_back(signed_in_page: "Page", anna: Person) -> None:
    page = signed_in_page
    page.goto(talk(anna))
    help_ = page.get_by_role("dialog", name="Keyboard shortcuts")
    new_chat = page.get_by_role("link", name="New chat").first
    new_chat.focus()
    page.keyboard.press("?")
    expect(help_).to_be_visible()
    page.keyboard.press("Control+/")
    expect(help_).to_be_hidden()
    expect(new_chat).to_be_focused()

    page.keyboard.press("?")
    page.keyboard.press("Control+k")
    expect(help_).to_be_visible()
    page.keyboard.press("Escape")
    expect(new_chat).to_be_focused()

    account = page.get_by_role("button", name="Account: anna")
    account.click()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(help_).to_be_visible()
    help_.get_by_role("button", name="Close").click()
    expect(account).to_be_focused()


def test_a_key_by_itself_is_a_letter_while_one_types_and_can_be_switched_off(
    signed_in_page: "Page", anna: Person
) -> None:
    page = signed_in_page
    question(page).press_sequentially("What?")
    help_ = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(question(page)).to_have_value("What?")
    expect(help_).to_be_hidden()

    page.keyboard.press("Control+/")
    help_.get_by_label("Open with ? alone").uncheck()
    page.keyboard.press("Escape")
    page.goto(talk(anna))
    page.locator("#sidebar .new-chat").focus()
    page.keyboard.press("?")
    expect(help_).to_be_hidden()
    page.keyboard.press("Control+/")
    expect(help_).to_be_visible()
    expect(help_.get_by_label("Open with ? alone")).not_to_be_checked()


def test_to_the_search_to_the_field_and_to_a_new_chat(signed_in_page: "Page", anna: Person) -> None:
    page = signed_in_page
    page.goto(talk(anna))
    page.keyboard.press("Control+k")
    expect(page.locator("#search-field")).to_be_focused()
    page.keyboard.press("Shift+Escape")
    expect(question(page)).to_be_focused()
    page.keyboard.press("Control+Shift+O")
    page.wait_for_url("**/")
    expect(question(page)).to_be_focused()


def test_a_russian_layout_has_the_same_keys(signed_in_page: "Page", anna: Person) -> None:
    page = signed_in_page
    page.goto(talk(anna))
    page.evaluate("""document.body.dispatchEvent(
        new KeyboardEvent("keydown", { key: "л", code: "KeyK", ctrlKey: true, bubbles: true }))""")
    expect(page.locator("#search-field")).to_be_focused()


def test_on_a_narrow_screen_the_search_opens_the_drawer(new_context: NewContext, site: Site, anna: Person) -> None:
    context = new_context(site.base_url, **DEVICES["phone"])
    sign_in(context, anna)
    page = context.new_page()
    page.goto("/")
    page.keyboard.press("Control+k")
    expect(page.locator("#search-field")).to_be_focused()
    expect(page.locator("#sidebar")).to_be_visible()


def test_escape_closes_what_is_open_and_then_stops_the_answer(signed_in_page: "Page", settings: Any) -> None:
    settings.LLM_MODEL = "gated/tokens=1"
    page = signed_in_page
    page.reload()
    question(page).fill("Count, please.")
    question(page).press("Enter")
    answer = page.locator("#messages .answer")
    expect(answer).to_contain_text("t0")
    # They belong to the conversation now.
    expect(page.locator("#settings form")).to_be_attached()
    page.get_by_role("button", name="Chat settings").click()
    page.keyboard.press("Escape")
    expect(page.locator("#settings")).to_be_hidden()
    expect(answer).to_have_attribute("data-status", "streaming")
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    expect(answer).to_have_attribute("data-status", "streaming")

    question(page).press("Escape")
    expect(answer).to_have_attribute("data-status", "stopped")


def test_enter_that_chooses_a_word_sends_nothing(signed_in_page: "Page") -> None:
    page = signed_in_page
    question(page).fill("にほん")
    for event in ('{ key: "Enter", isComposing: true }', '{ key: "Enter", keyCode: 229 }'):
        page.evaluate(f"""document.getElementById("question").dispatchEvent(
            new KeyboardEvent("keydown", Object.assign({event}, {{ bubbles: true, cancelable: true }})))""")
    expect(page.locator("#messages .message")).to_have_count(0)
    expect(question(page)).to_have_value("にほん")
    question(page).press("Enter")
    expect(page.locator("#messages .message")).to_have_count(2)


def test_the_keys_of_a_mac(new_context: NewContext, site: Site, anna: Person) -> None:
    context = new_context(site.base_url)
    context.add_init_script("Object.defineProperty(navigator, 'platform', { value: 'MacIntel' })")
    sign_in(context, anna)
    page = context.new_page()
    page.goto(talk(anna))
    page.keyboard.press("Control+k")
    expect(page.locator("#search-field")).not_to_be_focused()
    page.keyboard.press("Meta+k")
    expect(page.locator("#search-field")).to_be_focused()
    page.keyboard.press("Meta+/")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("⌘ ⇧ O")


def test_the_last_answer_is_copied_as_it_was_written(signed_in_page: "Page", anna: Person) -> None:
    page = signed_in_page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    turns = [("First?", "The **first**."), ("Last?", "The **last**, with `code`.")]
    page.goto(f"/chat/{make_conversation(anna.user, turns).pk}/")
    question(page).press("Control+Shift+C")
    expect(page.locator("#announcer")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == turns[1][1]
