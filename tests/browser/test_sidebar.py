"""The list of conversations: with the mouse, with the keyboard, on a phone, and without scripts."""

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, expect

from chat.models import Conversation
from tests.browser.conftest import NewContext, sign_in
from tests.support.factories import make_conversation
from tests.support.site import Person, Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def open_list(tab: "Page", path: str = "/") -> None:
    tab.goto(path)
    if tab.locator(".bar-menu").is_visible():
        tab.locator(".bar-menu").click()


def row(tab: "Page", title: str) -> Locator:
    return tab.locator("#conversations .row", has_text=title)


def choose(tab: "Page", title: str, action: str) -> None:
    """Choose an action from the menu of a conversation's row."""
    row(tab, title).hover()
    row(tab, title).get_by_role("button", name="Actions").click()
    tab.locator(".menu:popover-open").get_by_text(action, exact=True).click()


def three(anna: Person) -> list[Conversation]:
    return [make_conversation(anna.user, [(f"About {what}", "An animal.")]) for what in ("foxes", "wolves", "bears")]


def test_renamed_where_it_stands(tab: "Page", anna: Person) -> None:
    foxes = three(anna)[0]
    open_list(tab)
    choose(tab, "About foxes", "Rename")
    field = tab.locator("#conversations .rename input")
    expect(field).to_be_focused()
    expect(field).to_have_value("About foxes")
    field.fill("<img src=x onerror=alert(1)>")
    field.press("Enter")
    renamed = row(tab, "<img src=x").locator(":scope > a")
    # Only the server sets this title.
    expect(renamed).to_have_attribute("title", "<img src=x onerror=alert(1)>")
    expect(renamed).to_be_focused()
    expect(tab.locator("#conversations .row")).to_have_count(3)
    assert Conversation.objects.get(pk=foxes.pk).title_source == "owner"


def test_escape_leaves_the_title_as_it_was(tab: "Page", anna: Person) -> None:
    three(anna)
    open_list(tab)
    choose(tab, "About foxes", "Rename")
    tab.keyboard.type("something else")
    tab.keyboard.press("Escape")
    expect(row(tab, "About foxes").locator(":scope > a")).to_be_focused()
    assert tab.locator("#conversations").is_visible(), "the drawer stays open"
    assert Conversation.objects.filter(title="something else").count() == 0


def test_renamed_in_the_bar(tab: "Page", anna: Person) -> None:
    foxes = three(anna)[0]
    tab.goto(f"/chat/{foxes.pk}/")
    tab.locator("#bar-actions").get_by_role("button").click()
    tab.locator(".menu:popover-open").get_by_text("Rename").click()
    tab.locator(".bar .rename input").fill("Red foxes")
    tab.locator(".bar .rename input").press("Enter")
    expect(tab.locator("#title")).to_have_text("Red foxes")
    expect(row(tab, "Red foxes")).to_have_count(1)
    expect(tab).to_have_title("Red foxes · Chat")


def test_pinned_and_unpinned(tab: "Page", anna: Person) -> None:
    three(anna)
    open_list(tab)
    choose(tab, "About foxes", "Pin")
    expect(tab.locator(".group-name").first).to_have_text("Pinned")
    expect(tab.locator(".row").first).to_contain_text("About foxes")
    choose(tab, "About foxes", "Unpin")
    expect(tab.locator(".group-name")).to_have_text(["Today"])


def test_archived_and_found_in_the_archive(tab: "Page", anna: Person) -> None:
    three(anna)
    open_list(tab)
    choose(tab, "About foxes", "Archive")
    expect(row(tab, "About foxes")).to_have_count(0)
    tab.locator(".account-button").click()
    tab.get_by_role("link", name="Archived chats").click()
    expect(tab.locator("main .row")).to_have_count(1)
    tab.locator("main .row").get_by_role("button", name="Actions").click()
    tab.locator(".menu:popover-open").get_by_text("Unarchive").click()
    expect(tab.locator("main")).to_contain_text("Nothing is archived.")
    expect(row(tab, "About foxes")).to_have_count(1)


def test_deleted_and_brought_back(tab: "Page", anna: Person) -> None:
    three(anna)
    open_list(tab)
    choose(tab, "About foxes", "Delete")
    expect(tab.locator("#undo")).to_contain_text("“About foxes” was deleted.")
    expect(row(tab, "About foxes")).to_have_count(0)
    tab.get_by_role("button", name="Undo").click()
    expect(row(tab, "About foxes")).to_have_count(1)
    expect(tab.locator("#undo")).to_be_hidden()


def test_deleting_the_open_one_leads_home_and_undo_leads_back(tab: "Page", anna: Person) -> None:
    foxes = three(anna)[0]
    tab.goto(f"/chat/{foxes.pk}/")
    tab.locator("#bar-actions").get_by_role("button").click()
    tab.locator(".menu:popover-open").get_by_text("Delete").click()
    expect(tab.locator("#undo")).to_contain_text("was deleted.")
    expect(tab.locator("#question")).to_be_visible()
    tab.get_by_role("button", name="Undo").click()
    expect(tab).to_have_url(re.compile(f"/chat/{foxes.pk}/$"))


def test_a_menu_by_keyboard_alone(signed_in_page: "Page", anna: Person) -> None:
    three(anna)
    page = signed_in_page
    page.reload()
    row(page, "About foxes").locator(":scope > a").focus()
    page.keyboard.press("Tab")
    expect(row(page, "About foxes").get_by_role("button")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Rename")).to_be_focused()
    page.keyboard.press("Escape")
    expect(row(page, "About foxes").get_by_role("button")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".group-name").first).to_have_text("Pinned")


def test_the_list_grows_while_one_scrolls(tab: "Page", anna: Person) -> None:
    many(anna, 95)
    open_list(tab)
    expect(tab.locator("#conversations .row").first).to_contain_text("Number 94")
    for _ in range(12):
        tab.locator("#conversations").evaluate("list => list.scrollTo(0, list.scrollHeight)")
        if tab.locator("#conversations .row").count() == 95:
            break
        tab.wait_for_timeout(150)
    expect(tab.locator("#conversations .row")).to_have_count(95)
    expect(tab.locator("[data-older]")).to_have_count(0)
    names = tab.locator(".group-name").all_text_contents()
    assert len(names) == len(set(names)), "a group that goes on has one heading"
    # A change is shown without losing what was loaded.
    anna.post(f"/chat/{Conversation.objects.get(title='Number 0').pk}/rename", title="The first one")
    expect(row(tab, "The first one")).to_have_count(1)
    expect(tab.locator("#conversations .row")).to_have_count(95)


def many(anna: Person, count: int) -> None:
    now = timezone.now()
    Conversation.objects.bulk_create(
        Conversation(
            owner=anna.user, title=f"Number {number}", last_message_at=now - timedelta(hours=7 * (count - number))
        )
        for number in range(count)
    )


def test_other_tabs_follow(signed_in_page: "Page", anna: Person) -> None:
    foxes = three(anna)[0]
    second = signed_in_page.context.new_page()
    second.goto("/")
    signed_in_page.reload()
    choose(signed_in_page, "About foxes", "Pin")
    second.bring_to_front()
    expect(second.locator(".group-name").first).to_have_text("Pinned")
    anna.post(f"/chat/{foxes.pk}/delete")
    expect(row(second, "About foxes")).to_have_count(0)


def test_the_days_are_the_browsers(new_context: NewContext, site: Site, anna: Person) -> None:
    """In zones 14 hours ahead of Greenwich and 11 hours behind it, it is never the same day."""
    make_conversation(anna.user)
    for zone, hours in (("Pacific/Kiritimati", 14), ("Pacific/Pago_Pago", -11)):
        midnight = (timezone.now() + timedelta(hours=hours)).replace(hour=0, minute=0) - timedelta(hours=hours)
        Conversation.objects.update(last_message_at=midnight - timedelta(minutes=5))
        context = new_context(site.base_url, timezone_id=zone)
        sign_in(context, anna)
        page = context.new_page()
        page.goto("/")
        expect(page.locator(".group-name")).to_have_text(["Yesterday"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures(tab: "Page", anna: Person, screenshots: Path, device: str, scheme: Any) -> None:
    pinned = three(anna)[0]
    pinned.pin(True)
    many(anna, 40)
    open_one = make_conversation(
        anna.user, [("A question whose first words do not fit the narrow list beside the page", "Yes.")]
    )
    tab.emulate_media(color_scheme=scheme)
    open_list(tab, f"/chat/{open_one.pk}/")
    tab.screenshot(path=screenshots / f"list-{device}-{scheme}.png")
    row(tab, "About wolves").hover()
    row(tab, "About wolves").get_by_role("button", name="Actions").click()
    tab.screenshot(path=screenshots / f"list-menu-{device}-{scheme}.png")
    tab.locator(".menu:popover-open").get_by_text("Delete").click()
    expect(tab.locator("#undo")).to_be_visible()
    choose(tab, "About bears", "Rename")
    tab.screenshot(path=screenshots / f"list-undo-{device}-{scheme}.png")
