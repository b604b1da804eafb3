"""Each screen on a desktop and on a phone, light and dark: axe-core finds nothing, and nothing is wider than the
screen. Each also leaves a screenshot in tests/screenshots/, to look at."""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.template.loader import render_to_string
from playwright.sync_api import expect

from chat.models import Conversation, User
from tests.browser.conftest import DEVICES, NewContext, sign_in
from tests.browser.watch import Watch
from tests.browser.world import RICH, furnish, question_of
from tests.support.fake_upstream.chunks import DONE, ROLE, chunk, ended, send
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.fake_upstream.steps import Gate
from tests.support.site import Person, Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
AXE = Axe()
RULES = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"target-size": {"enabled": True}},
}
# What covers the page, the topmost first: nothing below it can be clicked while it is open.
LAYERS = (".menu:popover-open", "[popover='']:popover-open")
BEGUN = RICH[: RICH.index("| Fennec")]
IS_WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


class Screens(NamedTuple):
    """Each method shows one screen."""

    page: "Page"
    conversations: dict[str, Conversation]
    upstream: FakeUpstream

    def _open(self, name: str, query: str = "") -> None:
        self.page.goto(f"/chat/{self.conversations[name].pk}/{query}")

    def _open_list(self) -> None:
        if self.page.locator(".bar-menu").is_visible():
            self.page.locator(".bar-menu").click()

    def new_chat(self) -> None:
        self.page.goto("/")

    def running(self) -> None:
        self.page.goto("/")
        self.page.locator("#question").fill("What is a fox? Compare a few of them, please.")
        self.page.locator("#composer [data-part=send]").click()
        expect(self.page.locator("#messages .answer")).to_contain_text("Arctic")

    def markdown(self) -> None:
        self._open("foxes")
        self.page.locator(".facts summary").click()
        self.page.evaluate("scrollTo(0, 0)")

    def code(self) -> None:
        self._open("foxes")
        self.page.locator(".code").scroll_into_view_if_needed()

    def versions_and_edit(self) -> None:
        self._open("failed", f"?edit={question_of(self.conversations['failed']).pk}")

    def failed(self) -> None:
        self._open("failed")

    def sidebar(self) -> None:
        self._open("foxes")
        self._open_list()

    def menu(self) -> None:
        row = self.page.locator("#conversations .row", has_text="Regular expressions")
        row.hover()
        row.get_by_role("button", name="Actions").click()

    def account(self) -> None:
        self.page.keyboard.press("Escape")
        self.page.locator(".account-button").click()

    def search(self) -> None:
        self.page.goto("/")
        self._open_list()
        self.page.locator("#search-field").fill("fox")
        expect(self.page.locator("#found a").first).to_be_visible()

    def nothing_found(self) -> None:
        self.page.goto("/chat/search?q=walrus")

    def archive(self) -> None:
        self.page.goto("/chat/archived/")

    def settings_of_the_conversation(self) -> None:
        self._open("foxes")
        self.page.get_by_role("button", name="Chat settings").click()
        expect(self.page.locator("#settings")).to_be_visible()

    def models(self) -> None:
        self.page.goto("/")
        self.page.locator(".models-button").click()

    def shortcuts(self) -> None:
        self.page.goto("/")
        self.page.keyboard.press("Control+/")
        expect(self.page.locator("#shortcuts")).to_be_visible()

    def settings(self) -> None:
        self.page.goto("/settings/")

    def preset(self) -> None:
        self.page.goto("/settings/presets/new/")

    def not_found(self) -> None:
        self.page.goto("/nowhere/")


SIGNED_IN = [name for name in vars(Screens) if not name.startswith("_") and name not in Screens._fields]
SIGNED_OUT = {"login": "/accounts/login/", "signup": "/accounts/signup/", "not_found_signed_out": "/nowhere/"}
EMPTY = {
    "empty": "/",
    "empty_archive": "/chat/archived/",
    "empty_search": "/chat/search",
    "empty_settings": "/settings/",
}
# Pages that can't be provoked: they are rendered here, and served at an address of the site.
BROKEN = ("400", "403", "500")


class Eye:
    """Checks a page in both themes, and reports all problems at the end."""

    def __init__(self, device: str, folder: Path) -> None:
        self.device, self.folder = device, folder
        self.problems: dict[str, list[str]] = defaultdict(list)

    def look(self, page: "Page", name: str, *, within: str | None = None) -> None:
        context = next((layer for layer in LAYERS if page.locator(layer).count()), within)
        for theme in THEMES:
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            where = f"{name}-{self.device}-{theme}"
            page.screenshot(path=self.folder / f"{where}.png")
            violations = AXE.run(page, context, RULES).response["violations"]
            for violation in violations:
                self.problems[_told(violation)].append(where)
        if page.evaluate(IS_WIDER):
            self.problems["wider than the screen"].append(f"{name}-{self.device}")

    def check(self) -> None:
        told = [f"{problem}\n  on {', '.join(where)}" for problem, where in self.problems.items()]
        assert not told, "\n".join(told)


def _told(violation: dict[str, Any]) -> str:
    nodes = [f"{node['target']}: {node['failureSummary']}" for node in violation["nodes"]]
    return "\n  ".join([f"{violation['id']} ({violation['help']})", *nodes])


@pytest.fixture(params=DEVICES)
def eye(request: Any, screenshots: Path) -> Eye:
    return Eye(request.param, screenshots)


def test_signed_in(
    new_context: NewContext, site: Site, anna: Person, upstream: FakeUpstream, settings: Any, watch: Watch, eye: Eye
) -> None:
    watch.expect("404")
    upstream.add("fox-1-large-with-a-rather-long-name-instruct", [])
    settings.LLM_MODEL = upstream.add("foxes", [send(ROLE, chunk(content=BEGUN)), Gate(), send(*ended(), DONE)])
    context = new_context(site.base_url, **DEVICES[eye.device])
    sign_in(context, anna)
    conversations = furnish(anna.user)
    User.objects.update(model=settings.LLM_MODEL)
    screens = Screens(context.new_page(), conversations, upstream)
    for name in SIGNED_IN:
        getattr(screens, name)()
        eye.look(screens.page, name)
    eye.check()


def test_signed_out(new_context: NewContext, site: Site, anna: Person, settings: Any, watch: Watch, eye: Eye) -> None:
    watch.expect("404")
    settings.SIGNUP = "open"
    page = new_context(site.base_url, **DEVICES[eye.device]).new_page()
    for name, path in SIGNED_OUT.items():
        page.goto(path)
        eye.look(page, name)
    eye.check()


def show_broken(page: "Page", name: str) -> None:
    body = render_to_string(f"{name}.html")
    address = f"**/broken-{name}"
    page.route(address, lambda route: route.fulfill(status=int(name[:3]), content_type="text/html", body=body))
    page.goto(f"/broken-{name}")


def test_empty_and_broken(
    new_context: NewContext, site: Site, anna: Person, settings: Any, watch: Watch, eye: Eye
) -> None:
    watch.expect("40[03]|500")
    settings.LLM_BASE_URL = ""
    context = new_context(site.base_url, **DEVICES[eye.device])
    sign_in(context, anna)
    page = context.new_page()
    for name, path in EMPTY.items():
        page.goto(path)
        eye.look(page, name)
    for name in BROKEN:
        show_broken(page, name)
        eye.look(page, f"error_{name}")
    page.goto("/chat/archived/")
    page.evaluate("document.querySelectorAll('[name=csrfmiddlewaretoken]').forEach((field) => field.remove())")
    page.evaluate("document.querySelector('form[data-logout]').requestSubmit()")
    expect(page.get_by_role("heading")).to_have_text("This page is out of date")
    eye.look(page, "error_csrf")
    eye.check()


def test_the_transcript_in_admin(new_context: NewContext, site: Site, anna: Person, eye: Eye) -> None:
    User.objects.filter(pk=anna.user.pk).update(is_staff=True, is_superuser=True)
    conversation = furnish(anna.user)["foxes"]
    context = new_context(site.base_url, **DEVICES[eye.device])
    sign_in(context, anna)
    page = context.new_page()
    page.goto(f"/admin/chat/conversation/{conversation.pk}/transcript/")
    eye.look(page, "transcript", within="#content")
    eye.check()
