"""Chromium in front of the site of `tests/conftest.py`, driven by Playwright's synchronous API.

    pytestmark = pytest.mark.browser

    def test_it_answers(signed_in_page: Page) -> None:
        signed_in_page.get_by_role("textbox").fill("Hello?")

`signed_in_page`  Anna's home page, with her session in the cookies; `anna` is her client outside the browser.
`tab`             an empty tab of Anna's, once on a desktop and once on a phone (`device`).
`page`            an empty tab on the `site`, with nobody logged in.
`new_context`     creates another browser with its own cookies, from a base URL and Playwright's options: a second
                  device, a phone, no JavaScript, another server. `sign_in(context, person)` gives it a session.
`watch`           what went wrong behind these pages. Anything fails the test at its end, unless it was announced
                  with `watch.expect(pattern)`.
`screenshots`     the folder for screenshots, which git ignores.

Without Chromium or Playwright, these tests are skipped, naming what is missing; with REQUIRE_SERVICES=1 they fail.

Playwright's API keeps an event loop running in the tests' thread, from the first of these tests to the last. Django
detects it and would forbid using the database, so DJANGO_ALLOW_ASYNC_UNSAFE is set during that time.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command

from tests.browser.chromium import ARGUMENTS, CHROMIUM
from tests.browser.watch import Watch
from tests.support.services import missing, program
from tests.support.site import Person, Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

NewContext = Callable[..., "BrowserContext"]

PATIENCE_MS = 10_000
DEVICES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
    "smallest": {"viewport": {"width": 320, "height": 568}, "has_touch": True, "is_mobile": True},
}
SCREENSHOTS = Path(__file__).parent.parent / "screenshots"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Collect the static files: the server reads them when it starts, maybe before the first test of this folder."""
    if any(item.get_closest_marker("browser") for item in session.items) and not session.config.option.collectonly:
        call_command("collectstatic", "--no-input", verbosity=0)


@pytest.fixture(scope="package")
def browser() -> Iterator["Browser"]:
    executable = program(CHROMIUM)
    try:
        from playwright.sync_api import expect, sync_playwright  # a developer's machine may lack it
    except ImportError:
        missing("playwright")
    expect.set_options(timeout=PATIENCE_MS)
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def new_context(browser: "Browser", watch: Watch, request: pytest.FixtureRequest) -> Iterator[NewContext]:
    contexts = []
    if "site" in request.fixturenames:
        # Requested first, so that the pages close before the database behind them is emptied.
        request.getfixturevalue("site")

    def make(base_url: str, **options: Any) -> "BrowserContext":
        context = browser.new_context(base_url=base_url, service_workers="block", **{"locale": "en-US"} | options)
        context.set_default_timeout(PATIENCE_MS)
        watch.over(context, base_url)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()
    watch.check()


@pytest.fixture
def page(new_context: NewContext, site: Site) -> "Page":
    return new_context(site.base_url).new_page()


@pytest.fixture
def signed_in_page(page: "Page", anna: Person) -> "Page":
    sign_in(page.context, anna)
    page.goto("/")
    return page


@pytest.fixture(params=["desktop", "phone"])
def device(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tab(new_context: NewContext, site: Site, anna: Person, device: str) -> "Page":
    context = new_context(site.base_url, **DEVICES[device])
    sign_in(context, anna)
    return context.new_page()


@pytest.fixture
def screenshots() -> Path:
    SCREENSHOTS.mkdir(exist_ok=True)
    return SCREENSHOTS


def sign_in(context: "BrowserContext", person: Person) -> None:
    """Give a client's session to the browser too."""
    session = person.http.cookies["sessionid"]
    context.add_cookies([{"name": "sessionid", "value": session, "url": str(person.http.base_url)}])
