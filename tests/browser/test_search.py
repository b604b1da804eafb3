"""The search: while typing, with the keyboard, as a page of its own, and without scripts."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from chat.models import Conversation, Message
from tests.browser.conftest import NewContext
from tests.browser.test_sidebar import open_list
from tests.support.factories import make_conversation
from tests.support.site import Person, Site
from tests.support.xss_payloads import PAYLOADS

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def talked(anna: Person) -> Conversation:
    make_conversation(anna.user, [("What is a wolf?", "A large animal."), ("And a bear?", "A larger one.")])
    long = [(f"Question {number}", "line\n\n" * 30) for number in range(6)]
    return make_conversation(anna.user, [("What is a fox?", "A small animal with a *bushy* tail."), *long])


def test_results_come_while_one_types(tab: "Page", talked: Conversation) -> None:
    open_list(tab)
    tab.locator("#search-field").press_sequentially("bush", delay=30)
    expect(tab.locator("#found mark")).to_have_text("bushy")
    expect(tab.locator("#conversations")).to_be_hidden()
    expect(tab.locator("#announcer")).to_have_text(re.compile("Found in 1 conversation"))
    tab.locator("#found .found-place").click()
    reply = Message.objects.get(text__contains="bushy")
    expect(tab).to_have_url(re.compile(f"/chat/{talked.pk}/.*#message-{reply.pk}$"))
    expect(tab.locator(f"#message-{reply.pk}")).to_be_in_viewport()


def test_by_keyboard_alone(signed_in_page: "Page") -> None:
    page = signed_in_page
    page.reload()
    field = page.locator("#search-field")
    field.focus()
    page.keyboard.type("animal")
    expect(page.locator("#found .found-title")).to_have_count(2)
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#found .found-place").first).to_be_focused()
    for _ in range(2):
        page.keyboard.press("ArrowUp")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#found")).to_be_hidden()
    expect(page.locator("#conversations")).to_be_visible()
    expect(field).to_have_value("")
    page.keyboard.type("animal")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Search")).to_be_visible()
    expect(page.locator("main .found-title")).to_have_count(2)


def test_only_the_last_answer_counts(signed_in_page: "Page") -> None:
    """The first answer arrives after the second one was requested."""
    page = signed_in_page
    page.reload()

    def late(route: Any) -> None:
        page.wait_for_timeout(400)
        route.continue_()

    page.route(re.compile(r"/chat/search\?.*q=wolf$"), late)
    page.locator("#search-field").fill("wolf")
    page.wait_for_timeout(300)
    page.locator("#search-field").fill("bushy")
    expect(page.locator("#found mark")).to_have_text("bushy")
    page.wait_for_timeout(600)
    expect(page.locator("#found mark")).to_have_text("bushy")


def test_nothing_found_says_so(tab: "Page") -> None:
    open_list(tab)
    tab.locator("#search-field").fill("<b>xyzzy</b>")
    expect(tab.locator("#found")).to_contain_text("Nothing found for “<b>xyzzy</b>”.")


def test_no_script_in_what_is_found_runs(signed_in_page: "Page", anna: Person) -> None:
    payloads = [payload.encode(errors="ignore").decode().replace("\0", "") for payload in PAYLOADS]
    for start in range(0, len(payloads), 10):
        turns = [(f"needle {payload}", f"{payload} needle {payload}") for payload in payloads[start : start + 10]]
        make_conversation(anna.user, turns)
    page = signed_in_page
    asked = []
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    page.goto("/chat/search?q=needle")
    expect(page.locator("main .found-place").first).to_be_visible()
    page.locator("#search-field").fill("needle alert")
    expect(page.locator("#found .found-place").first).to_be_visible()
    page.goto("/chat/search?q=" + "%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert not asked


def test_without_javascript_one_can_log_in_ask_read_rename_delete_and_search(
    new_context: NewContext, site: Site, anna: Person
) -> None:
    anna.user.set_password("a password of anna")
    anna.user.save()
    page = new_context(site.base_url, java_script_enabled=False).new_page()
    page.goto("/")
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Password").fill("a password of anna")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("textbox", name="Your question").fill("echo of badgers")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("li.answer").last).to_have_attribute("data-status", "complete")
    asked = anna.user.conversations.get(title="echo of badgers")
    expect(page.locator("li.question")).to_contain_text("echo of badgers")

    actions = page.get_by_role("button", name="Actions for “echo of badgers”").first
    actions.click()
    page.locator(".menu:popover-open").get_by_text("Rename").click()
    page.get_by_label("Title").fill("All about badgers")
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url(re.compile(f"/chat/{asked.pk}/$"))
    expect(page.locator("#title")).to_have_text("All about badgers")

    page.locator("#search-field").fill("badg")
    page.locator("#search-field").press("Enter")
    expect(page.locator("main mark").first).to_have_text("badgers")
    page.locator("main .found-place").first.click()
    expect(page).to_have_url(re.compile(f"/chat/{asked.pk}/"))

    page.locator("#bar-actions").get_by_role("button").click()
    page.locator(".menu:popover-open").get_by_text("Pin").click()
    expect(page.locator(".group-name").first).to_have_text("Pinned")
    page.locator("#bar-actions").get_by_role("button").click()
    page.locator(".menu:popover-open").get_by_text("Delete").click()
    expect(page.locator("#undo")).to_contain_text("“All about badgers” was deleted.")
    expect(page.locator("#conversations")).not_to_contain_text("badgers")
    page.get_by_role("button", name="Undo").click()
    expect(page).to_have_url(re.compile(f"/chat/{asked.pk}/$"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures(tab: "Page", anna: Person, screenshots: Path, device: str, scheme: Any) -> None:
    make_conversation(anna.user, [("Лиса и ёжик", "Рыжая лиса — небольшое животное, animal in English.")]).archive(True)
    tab.emulate_media(color_scheme=scheme)
    open_list(tab)
    tab.locator("#search-field").fill("animal")
    expect(tab.locator("#found mark").first).to_be_visible()
    tab.screenshot(path=screenshots / f"search-typing-{device}-{scheme}.png")
    tab.goto("/chat/search?q=animal")
    tab.screenshot(path=screenshots / f"search-{device}-{scheme}.png")
    tab.goto("/chat/search")
    tab.screenshot(path=screenshots / f"search-empty-{device}-{scheme}.png")
    tab.goto("/chat/archived/")
    tab.screenshot(path=screenshots / f"archived-{device}-{scheme}.png")
    tab.goto(f"/chat/{anna.user.conversations.latest('created_at').pk}/title/")
    tab.screenshot(path=screenshots / f"title-{device}-{scheme}.png")
