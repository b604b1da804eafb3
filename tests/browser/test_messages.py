"""Actions on messages: editing, other versions, continuing, deleting, copying; with mouse, touch and keyboard."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from playwright.sync_api import Locator, expect

from chat.models import Conversation, Message
from tests.browser.conftest import NewContext, sign_in
from tests.browser.watch import Watch
from tests.support.factories import finish, make_conversation, retry
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.site import Person, Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture
def tab(tab: "Page") -> "Page":
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    return tab


@pytest.fixture
def talk(anna: Person) -> Conversation:
    return make_conversation(anna.user, [("one?", "**One.**"), ("two?", "Two."), ("three?", "Three.")])


def open_page(tab: "Page", conversation: Conversation, query: str = "") -> None:
    tab.goto(f"/chat/{conversation.pk}/{query}")


def message(tab: "Page", text: str) -> Locator:
    return tab.locator("#messages .message", has_text=text)


def act(tab: "Page", text: str, name: str) -> None:
    """Use an action of the message with this text."""
    message(tab, text).hover()
    message(tab, text).get_by_label(name, exact=True).click()


def expect_texts(tab: "Page", *texts: str) -> None:
    expect(tab.locator("#messages [data-part=question], #messages [data-part=answer]")).to_have_text(list(texts))


def is_ready(tab: "Page") -> None:
    expect(tab.locator("[data-part=stop]")).to_be_hidden()


# --- Versions -------------------------------------------------------------------------------------------------------


def test_a_question_in_other_words_is_another_version(tab: "Page", talk: Conversation) -> None:
    open_page(tab, talk)
    act(tab, "two?", "Edit question")
    field = tab.get_by_label("Edit your question")
    expect(field).to_be_focused()
    expect(field).to_have_value("two?")
    field.fill("zwei?")
    tab.get_by_role("button", name="Ask", exact=True).click()
    expect_texts(tab, "one?", "One.", "zwei?", "zwei?")
    is_ready(tab)
    expect(tab.locator(".question .versions")).to_have_text("2/2")

    tab.locator(".question [data-version=before]").click()
    expect_texts(tab, "one?", "One.", "two?", "Two.", "three?", "Three.")
    expect(tab.locator(".question .versions")).to_have_text("1/2")
    expect(tab.locator(".question [data-version=after]")).to_be_focused()
    tab.reload()
    expect_texts(tab, "one?", "One.", "two?", "Two.", "three?", "Three.")
    assert Message.objects.count() == 8


def test_escape_leaves_the_question_as_it_was(tab: "Page", talk: Conversation) -> None:
    open_page(tab, talk)
    act(tab, "two?", "Edit question")
    tab.get_by_label("Edit your question").fill("something else")
    tab.keyboard.press("Escape")
    expect(message(tab, "two?").get_by_label("Edit question")).to_be_focused()
    expect_texts(tab, "one?", "One.", "two?", "Two.", "three?", "Three.")


def test_a_refused_edit_keeps_what_was_typed(tab: "Page", talk: Conversation, settings: Any, watch: Watch) -> None:
    settings.MAX_QUESTION_CHARS = 10
    watch.expect("413")
    open_page(tab, talk)
    act(tab, "two?", "Edit question")
    tab.get_by_label("Edit your question").fill("much too long")
    tab.get_by_role("button", name="Ask", exact=True).click()
    expect(tab.locator("#notice")).to_contain_text("limit is 10")
    expect(tab.get_by_label("Edit your question")).to_have_value("much too long")
    expect(message(tab, "Three.")).to_be_visible()
    tab.get_by_label("Edit your question").fill("shorter")
    tab.get_by_role("button", name="Ask", exact=True).click()
    expect_texts(tab, "one?", "One.", "shorter", "shorter")


def test_another_answer_is_another_version(tab: "Page", talk: Conversation) -> None:
    open_page(tab, talk)
    act(tab, "Three.", "Get another answer")
    expect_texts(tab, "one?", "One.", "two?", "Two.", "three?", "three?")
    is_ready(tab)
    versions = tab.locator(".answer .versions")
    expect(versions).to_have_text("2/2")
    versions.get_by_label("Previous version").click()
    expect_texts(tab, "one?", "One.", "two?", "Two.", "three?", "Three.")
    expect(tab.locator("#announcer")).to_have_text("1/2")


def test_another_answer_to_an_older_question_takes_the_place_of_what_followed(tab: "Page", talk: Conversation) -> None:
    open_page(tab, talk)
    act(tab, "One.", "Get another answer")
    expect_texts(tab, "one?", "one?")
    is_ready(tab)
    tab.locator(".answer [data-version=before]").click()
    expect_texts(tab, "one?", "One.", "two?", "Two.", "three?", "Three.")


def test_what_one_tab_switches_the_other_shows(tab: "Page", talk: Conversation) -> None:
    finish(retry(talk), "Drei.")
    open_page(tab, talk)
    other = tab.context.new_page()
    with other.expect_websocket() as socket:
        open_page(other, talk)
    socket.value.wait_for_event("framereceived")
    tab.locator(".answer [data-version=before]").click()
    expect(other.locator("#messages .answer").last).to_contain_text("Three.")


# --- Continuing -----------------------------------------------------------------------------------------------------


def test_a_cut_answer_goes_on_and_is_one(tab: "Page", anna: Person, upstream: FakeUpstream, settings: Any) -> None:
    talk = make_conversation(anna.user, [("q?", "The fox is **qui")], status="truncated")
    settings.LLM_MODEL = "gated/tokens=1"
    Conversation.objects.update(model="gated/tokens=1")
    open_page(tab, talk)
    tab.get_by_role("button", name="Continue").click()
    expect(tab.locator("#messages .answer")).to_have_count(1)
    expect(tab.locator("[data-part=before]").last).to_have_text("The fox is **qui")
    expect(tab.locator("#messages .answer").last).to_contain_text("t0")
    tab.reload()
    expect(tab.locator("#messages .answer").last).to_contain_text("The fox is **qui")
    upstream.release()
    expect_texts(tab, "q?", "The fox is **quit0 t1")
    expect(tab.locator(".versions")).to_have_count(0)


# --- Deleting -------------------------------------------------------------------------------------------------------


def test_a_pair_is_deleted_and_brought_back(tab: "Page", talk: Conversation) -> None:
    open_page(tab, talk)
    act(tab, "two?", "Delete question and answer")
    expect_texts(tab, "one?", "One.", "three?", "Three.")
    undo = tab.get_by_role("button", name="Undo")
    expect(undo).to_be_focused()
    undo.press("Enter")
    expect_texts(tab, "one?", "One.", "two?", "Two.", "three?", "Three.")
    expect(message(tab, "two?").get_by_label("Delete question and answer")).to_be_focused()


def test_what_one_tab_deletes_is_gone_in_the_other(tab: "Page", talk: Conversation) -> None:
    other = tab.context.new_page()
    with other.expect_websocket() as socket:
        open_page(other, talk)
    socket.value.wait_for_event("framereceived")
    open_page(tab, talk)
    act(tab, "two?", "Delete question and answer")
    expect(tab.get_by_role("button", name="Undo")).to_be_visible()
    expect_texts(other, "one?", "One.", "three?", "Three.")


def test_without_scripts_all_of_it_works(new_context: NewContext, site: Site, anna: Person, talk: Conversation) -> None:
    context = new_context(site.base_url, java_script_enabled=False)
    sign_in(context, anna)
    tab = context.new_page()
    open_page(tab, talk)
    expect(tab.get_by_label("Copy answer").first).to_be_hidden()

    act(tab, "two?", "Delete question and answer")
    tab.get_by_role("button", name="Delete").click()
    expect_texts(tab, "one?", "One.", "three?", "Three.")
    tab.get_by_role("button", name="Undo").click()
    expect_texts(tab, "one?", "One.", "two?", "Two.", "three?", "Three.")

    act(tab, "two?", "Edit question")
    tab.get_by_label("Edit your question").fill("zwei?")
    tab.get_by_role("button", name="Ask", exact=True).click()
    expect_texts(tab, "one?", "One.", "zwei?", "zwei?")
    tab.locator(".question [data-version=before]").click()
    expect_texts(tab, "one?", "One.", "two?", "Two.", "three?", "Three.")

    act(tab, "Three.", "Get another answer")
    expect_texts(tab, "one?", "One.", "two?", "Two.", "three?", "three?")


# --- Copying, details -----------------------------------------------------------------------------------------------


def test_an_answer_is_copied_as_it_was_written(tab: "Page", talk: Conversation) -> None:
    open_page(tab, talk)
    act(tab, "One.", "Copy answer")
    expect(tab.locator("#announcer")).to_have_text("Copied.")
    assert tab.evaluate("navigator.clipboard.readText()") == "**One.**"
    act(tab, "two?", "Copy question")
    expect(message(tab, "two?").locator(".is-copied")).to_be_visible()
    assert tab.evaluate("navigator.clipboard.readText()") == "two?"


def test_who_wants_to_know_is_told_how_it_was_made(tab: "Page", anna: Person) -> None:
    facts = {"model": "fox-1-turbo", "prompt_tokens": 12, "completion_tokens": 300, "duration_ms": 3500}
    talk = make_conversation(anna.user, [("q?", "a")], first_token_ms=500, finish_reason="stop", **facts)
    open_page(tab, talk)
    expect(tab.get_by_text("Tokens per second")).to_be_hidden()
    tab.get_by_text("fox-1-turbo").first.click()
    expect(tab.locator(".fact-list")).to_contain_text(re.compile(r"Tokens per second\s*100\.0"))
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_times_are_told_as_one_says_them(tab: "Page", talk: Conversation) -> None:
    open_page(tab, talk)
    time = tab.locator("#messages time").last
    expect(time).to_have_text("now")
    assert "202" in (time.get_attribute("title") or "")


# --- With the keyboard alone ----------------------------------------------------------------------------------------


def test_every_action_is_reached_by_the_keyboard_and_seen(tab: "Page", talk: Conversation) -> None:
    open_page(tab, talk)
    first = message(tab, "one?").get_by_label("Edit question")
    first.focus()
    for name in (
        "Copy question",
        "Delete question and answer",
        "Copy answer",
        "Get another answer",
    ):
        tab.keyboard.press("Tab")
        focused = tab.locator(":focus")
        expect(focused).to_have_attribute("aria-label", name)
        expect(focused).to_have_css("opacity", "1")


# --- What it looks like ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures(
    tab: "Page", anna: Person, talk: Conversation, screenshots: Path, scheme: Literal["light", "dark"]
) -> None:
    tab.emulate_media(color_scheme=scheme)
    size = tab.viewport_size
    assert size
    finish(retry(talk), "Another *answer*, cut off in the", status="truncated", model="fox-1-turbo", duration_ms=900)
    open_page(tab, talk)
    tab.locator(".facts summary").last.click()
    message(tab, "two?").hover()
    tab.screenshot(path=screenshots / f"messages-{size['width']}-{scheme}.png")
    act(tab, "two?", "Edit question")
    tab.screenshot(path=screenshots / f"messages-edit-{size['width']}-{scheme}.png")
    tab.keyboard.press("Escape")
    act(tab, "one?", "Delete question and answer")
    expect(tab.get_by_role("button", name="Undo")).to_be_visible()
    tab.screenshot(path=screenshots / f"messages-deleted-{size['width']}-{scheme}.png")
