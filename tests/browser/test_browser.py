"""The browser that the other tests in this folder use, and the errors that it catches."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import NewContext, sign_in
from tests.browser.watch import Watch
from tests.support.site import Person, Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def test_it_shows_the_page_of_somebody_signed_in(signed_in_page: "Page", screenshots: Path) -> None:
    assert signed_in_page.locator("#question").is_visible()
    assert signed_in_page.evaluate("getComputedStyle(document.body).fontFamily") != "", "the style sheets are there"
    signed_in_page.screenshot(path=screenshots / "home.png")


def test_a_stranger_is_sent_to_the_login(page: "Page", site: Site) -> None:
    page.goto("/")
    assert page.url.startswith(f"{site.base_url}/accounts/")


def test_two_browsers_share_nothing(new_context: NewContext, site: Site, anna: Person, boris: Person) -> None:
    users = []
    for person in (anna, boris):
        context = new_context(site.base_url, viewport={"width": 390, "height": 844})
        sign_in(context, person)
        page = context.new_page()
        page.goto("/")
        users.append(page.locator("body").get_attribute("data-user"))
    assert users == [str(anna.user.pk), str(boris.user.pk)]


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("console.error('so wrong')", "console: so wrong"),
        ("setTimeout(() => { throw new Error('so wrong') })", "uncaught: .*so wrong"),
        ("Promise.reject(new Error('so wrong')); 0", "uncaught: .*so wrong"),
        ("document.body.setAttribute('style', 'color: red')", "console: .*Content Security Policy"),
        ("fetch('http://192.0.2.1/').catch(() => 0)", "Content Security Policy"),
        ("fetch('/chat/stop', {method: 'POST'}).then(() => 0)", "console: .*403"),
    ],
)
def test_nothing_wrong_passes_unnoticed(signed_in_page: "Page", watch: Watch, script: str, problem: str) -> None:
    watch.check()
    signed_in_page.evaluate(script)
    signed_in_page.wait_for_timeout(100)

    with pytest.raises(AssertionError, match=problem):
        watch.check()
    watch.expect(problem)
    watch.expect("ERR_|Fetch API cannot load|Failed to fetch")
    watch.check()


def test_a_request_to_another_host_is_noticed(page: "Page", watch: Watch) -> None:
    page.route("http://elsewhere.test/**", lambda route: route.abort())
    page.set_content("<img src='http://elsewhere.test/pixel.png'>")

    watch.expect("ERR_FAILED")
    with pytest.raises(AssertionError, match=r"request to another host: http://elsewhere\.test/pixel\.png"):
        watch.check()
    watch.problems.clear()
