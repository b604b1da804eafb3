"""Choosing the model, settings and presets, on a desktop and on a phone."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from chat.models import Conversation
from tests.browser.conftest import DEVICES, NewContext, sign_in
from tests.support.factories import make_conversation
from tests.support.fake_upstream.chunks import DONE, ROLE, ended, said
from tests.support.fake_upstream.chunks import send as sse
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.fake_upstream.steps import Gate
from tests.support.site import Person, Site

pytestmark = pytest.mark.browser


@pytest.fixture
def tab(tab: Page) -> Page:
    tab.goto("/")
    return tab


def pictures(page: Page, folder: Path, name: str) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=folder / f"{name}-{scheme}.png")
    page.emulate_media(color_scheme="light")


def send(page: Page, question: str) -> None:
    page.get_by_role("textbox", name="Your question").fill(question)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("li.answer").last).to_have_attribute("data-status", "complete")


def test_a_model_is_searched_chosen_and_remembered(
    tab: Page, upstream: FakeUpstream, screenshots: Path, device: str
) -> None:
    button = tab.get_by_role("button", name="Model:")
    expect(button).to_contain_text("echo")
    button.click()
    pictures(tab, screenshots, f"models-{device}")
    tab.get_by_role("combobox", name="Search models").fill("UNI code")
    expect(tab.get_by_role("option")).to_have_count(1)
    tab.keyboard.press("Enter")
    expect(button).to_contain_text("unicode")
    expect(button).to_be_focused()

    send(tab, "Hello?")
    assert upstream.chats[-1].model == "unicode"
    tab.goto("/")
    expect(button).to_contain_text("unicode")


def test_the_title_of_the_model_comes_by_itself(tab: Page, upstream: FakeUpstream, settings: Any) -> None:
    settings.LLM_TITLES = True
    settings.LLM_TITLE_MODEL = upstream.add("titler", [Gate(), sse(ROLE, *said("Foxes"), *ended(), DONE)])
    send(tab, "What is a fox?")
    expect(tab.get_by_role("heading", level=1)).to_have_text("What is a fox?")
    upstream.wait_for_request(number=2)
    upstream.release()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Foxes")
    expect(tab).to_have_title(re.compile("^Foxes"))


def test_on_the_smallest_screen_a_long_name_leaves_room_for_the_buttons(
    new_context: NewContext, site: Site, anna: Person, settings: Any, screenshots: Path
) -> None:
    settings.LLM_MODEL = "a-vendor-with-a-name/and-a-model-with-a-very-long-name-instruct-2507"
    context = new_context(site.base_url, viewport={"width": 320, "height": 568}, has_touch=True, is_mobile=True)
    sign_in(context, anna)
    page = context.new_page()
    page.goto("/")
    pictures(page, screenshots, "smallest")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    for name in ("Chat settings", "Send"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box
        assert box["width"] >= 40
        assert box["x"] + box["width"] <= 320
    page.get_by_role("button", name="Chat settings").click()
    page.screenshot(path=screenshots / "smallest-panel.png")
    page.goto("/settings/")
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_another_answer_comes_from_the_model_that_is_chosen_now(tab: Page, upstream: FakeUpstream, device: str) -> None:
    send(tab, "Hello?")
    tab.get_by_role("button", name="Model:").click()
    tab.get_by_role("option", name="unicode").click()
    tab.get_by_role("button", name="Get another answer").click()
    expect(tab.locator("li.answer").last).to_contain_text("nicode 𝟙𝟚𝟛")
    assert upstream.chats[-1].model == "unicode"


def test_the_list_of_models_is_walked_by_keyboard(tab: Page, device: str) -> None:
    button = tab.get_by_role("button", name="Model:")
    button.focus()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Escape")
    expect(button).to_be_focused()
    expect(button).to_contain_text("echo")
    expect(tab.get_by_role("listbox")).to_be_hidden()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    expect(button).to_contain_text("paced")


def test_settings_of_a_new_chat_go_with_its_first_question_and_stay(
    tab: Page, upstream: FakeUpstream, screenshots: Path, device: str
) -> None:
    tab.get_by_role("button", name="Chat settings").click()
    panel = tab.get_by_role("dialog", name="New chat settings")
    panel.get_by_label("Instructions").fill("Answer like a pirate.")
    panel.get_by_label("Temperature").fill("0.7")
    pictures(tab, screenshots, f"panel-{device}")
    panel.get_by_label("Temperature").press("Enter")
    expect(panel).to_be_hidden()

    send(tab, "Hello?")
    first = upstream.chats[-1].json
    assert first["messages"][0] == {"role": "system", "content": "Answer like a pirate."}
    assert first["temperature"] == 0.7

    tab.get_by_role("button", name="Chat settings").click()
    panel = tab.get_by_role("dialog", name="Chat settings")
    expect(panel.get_by_label("Instructions")).to_have_value("Answer like a pirate.")
    panel.get_by_label("Temperature").fill("")
    panel.get_by_label("Top-p").fill("0.5")
    panel.get_by_role("button", name="Save", exact=True).click()
    tab.wait_for_url(re.compile(r"/chat/[0-9a-f-]{36}/$"))
    send(tab, "And again?")
    again = upstream.chats[-1].json
    assert "temperature" not in again
    assert again["top_p"] == 0.5


def test_what_was_set_becomes_a_preset_and_a_chat_begins_with_it(
    tab: Page, upstream: FakeUpstream, screenshots: Path, device: str
) -> None:
    tab.get_by_role("textbox", name="Your question").fill("Ahoy?")
    tab.get_by_role("button", name="Chat settings").click()
    tab.get_by_label("Instructions").fill("Answer like a pirate.")
    tab.get_by_role("button", name="Save as preset").click()
    expect(tab.get_by_label("Instructions")).to_have_value("Answer like a pirate.")
    tab.get_by_label("Name").fill("Pirate")
    pictures(tab, screenshots, f"preset-{device}")
    tab.get_by_role("button", name="Save").click()

    chips = tab.locator(".greeting").get_by_role("link")
    expect(chips).to_have_text(["No preset", "Pirate"])
    expect(chips.last).to_have_attribute("aria-current", "true")
    expect(tab.get_by_role("textbox", name="Your question")).to_have_value("Ahoy?")
    pictures(tab, screenshots, f"new-chat-{device}")
    tab.get_by_role("button", name="Send").click()
    expect(tab.locator("li.answer").last).to_have_attribute("data-status", "complete")
    assert upstream.chats[-1].messages[0]["content"] == "Answer like a pirate."

    tab.goto("/")
    chips.first.click()
    send(tab, "Plain?")
    assert upstream.chats[-1].messages[0]["role"] == "user"


def test_personal_settings_hold_at_once(tab: Page, upstream: FakeUpstream, screenshots: Path, device: str) -> None:
    tab.goto("/settings/")
    tab.get_by_label("Instructions").fill("Be brief.")
    tab.get_by_role("radio", name="Dark").check()
    tab.get_by_label("Time zone").select_option("Asia/Tokyo")
    tab.get_by_role("button", name="Save").click()
    expect(tab.get_by_role("status")).to_have_text("Saved.")
    expect(tab.locator("html")).to_have_attribute("data-theme", "dark")
    tab.screenshot(path=screenshots / f"settings-{device}-dark.png", full_page=True)
    tab.get_by_role("radio", name="Light").check()
    tab.get_by_role("button", name="Save").click()
    expect(tab.locator("html")).to_have_attribute("data-theme", "light")
    tab.screenshot(path=screenshots / f"settings-{device}-light.png", full_page=True)

    tab.goto("/")
    send(tab, "Hello?")
    assert upstream.chats[-1].messages[0] == {"role": "system", "content": "Be brief."}


def test_a_model_that_is_gone_is_shown_so_and_says_what_to_do(tab: Page, anna: Person, watch: Any) -> None:
    watch.expect("400")
    send(tab, "Hello?")
    Conversation.objects.update(model="of-yesterday")
    tab.reload()
    expect(tab.get_by_role("button", name="Model:")).to_contain_text("of-yesterday (no longer offered)")
    tab.get_by_role("textbox", name="Your question").fill("Again?")
    tab.get_by_role("button", name="Send").click()
    expect(tab.get_by_role("alert")).to_contain_text("Choose another")
    expect(tab.get_by_role("textbox", name="Your question")).to_have_value("Again?")


@pytest.fixture
def without_scripts(new_context: NewContext, site: Site, anna: Person) -> BrowserContext:
    context = new_context(site.base_url, java_script_enabled=False, **DEVICES["desktop"])
    sign_in(context, anna)
    return context


def test_without_scripts_all_of_it_is_there(
    without_scripts: BrowserContext, upstream: FakeUpstream, screenshots: Path
) -> None:
    tab = without_scripts.new_page()
    tab.goto("/")
    tab.get_by_label("Model", exact=True).select_option("unicode")
    tab.get_by_role("button", name="Chat settings").click()
    tab.get_by_label("Instructions").fill("Be brief.")
    tab.get_by_role("button", name="Done").click()
    tab.screenshot(path=screenshots / "no-scripts.png")
    tab.get_by_role("textbox", name="Your question").fill("Hello?")
    tab.get_by_role("button", name="Send").click()
    expect(tab.locator("li.answer").last).to_have_attribute("data-status", "complete")
    sent = upstream.chats[-1]
    assert (sent.model, sent.messages[0]["content"]) == ("unicode", "Be brief.")
    tab.get_by_role("button", name="Chat settings").click()
    tab.get_by_label("Instructions").fill("Be long.")
    tab.get_by_role("button", name="Save", exact=True).click()
    expect(tab).to_have_url(re.compile(r"/chat/[0-9a-f-]{36}/$"))
    assert Conversation.objects.get().instructions == "Be long."


def test_a_line_shows_what_was_not_sent(tab: Page, anna: Person, settings: Any, screenshots: Path, device: str) -> None:
    settings.LLM_CONTEXT_TOKENS = {"": 400}
    turns = [(f"Question {number}? {'x' * 100}", f"Answer {number}. {'y' * 100}") for number in range(4)]
    conversation = make_conversation(anna.user, turns, model="echo")
    tab.goto(f"/chat/{conversation.pk}/")
    expect(tab.locator("#not-sent")).to_have_count(0)

    send(tab, "Why?")
    line = tab.locator("#not-sent")
    expect(line).to_contain_text("were not sent")
    below = line.locator("xpath=following-sibling::li").first.inner_text()
    tab.reload()
    expect(line).to_be_visible()
    assert line.locator("xpath=following-sibling::li").first.inner_text() == below
    assert "Question" in below
    expect(tab.locator(".omitted:visible")).to_have_count(1)
    line.scroll_into_view_if_needed()
    pictures(tab, screenshots, f"not-sent-{device}")
