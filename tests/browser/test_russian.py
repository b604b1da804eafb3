"""Russian words are longer than English ones: they must fit even the smallest phone."""

from pathlib import Path

import pytest
from django.utils.translation import override

from chat.models import Conversation, User
from tests.browser.conftest import NewContext, sign_in
from tests.browser.test_screens import BROKEN, show_broken
from tests.browser.watch import Watch
from tests.browser.world import furnish, question_of
from tests.support.site import Person, Site

pytestmark = pytest.mark.browser

# Elements whose content is larger than their box, and is neither cut off nor scrollable.
TOO_LONG = """
    [...document.querySelectorAll("body, body *")].filter((element) =>
        element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 1 &&
        getComputedStyle(element).overflowX === "visible" && getComputedStyle(element).display !== "inline" &&
        element.checkVisibility()
    ).map((element) => `${element.tagName} ${element.className}: ${element.textContent.trim().slice(0, 60)}`)
"""
PATHS = (
    "/",
    "/settings/",
    "/settings/presets/new/",
    "/chat/archived/",
    "/chat/search",
    "/chat/search?q=walrus",
    "/accounts/password/",
    "/nowhere/",
)


def test_it_fits_a_small_telephone(new_context: NewContext, site: Site, anna: Person, watch: Watch) -> None:
    watch.expect("404")
    conversations = furnish(anna.user)
    User.objects.update(language="ru")
    context = new_context(site.base_url, locale="ru-RU", viewport={"width": 320, "height": 568}, has_touch=True)
    sign_in(context, anna)
    page = context.new_page()
    found = {}
    for path in (*PATHS, *_of(conversations["failed"])):
        page.goto(path)
        assert page.locator("html[lang=ru]").count()
        found[path] = page.evaluate(TOO_LONG)
    assert {path: elements for path, elements in found.items() if elements} == {}


def test_the_error_pages_fit_it_too(
    new_context: NewContext, site: Site, anna: Person, watch: Watch, screenshots: Path
) -> None:
    watch.expect("40[03]|500")
    page = new_context(site.base_url, viewport={"width": 320, "height": 568}).new_page()
    for name in (*BROKEN, "403_csrf"):
        with override("ru"):
            show_broken(page, name)
        assert page.locator("html[lang=ru]").count()
        assert page.evaluate(TOO_LONG) == []
        page.screenshot(path=screenshots / f"error_{name}-russian.png")


def _of(conversation: Conversation) -> list[str]:
    path, question = f"/chat/{conversation.pk}/", question_of(conversation).pk
    return [path, f"{path}?edit={question}", f"{path}title/", f"{path}settings/", f"{path}messages/{question}/delete/"]
