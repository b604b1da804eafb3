"""What one tab does, the same user's other tabs and devices show, without a reload."""

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from chat.doorbell import doorbell
from chat.models import Conversation, User
from tests.browser.conftest import NewContext, sign_in
from tests.browser.watch import Watch
from tests.support.factories import make_conversation
from tests.support.site import Person, Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

SOON_MS = 1000


@pytest.fixture
def second_tab(signed_in_page: "Page") -> "Page":
    second = signed_in_page.context.new_page()
    second.goto("/")
    return second


def ask(page: "Page", text: str) -> None:
    page.locator("#question").fill(text)
    page.locator("#question").press("Enter")


def see(page: "Page", where: str, text: str, timeout: int = 5000) -> None:
    """Wait until the last of these elements shows the text."""
    page.locator(where).last.filter(has_text=re.compile(re.escape(text))).wait_for(timeout=timeout)


def open_page(page: "Page", path: str) -> None:
    """Open a page, and wait for the server's first message: from then on, the page hears."""
    # Otherwise, the previous page's socket would be taken for the new one.
    page.goto("about:blank")
    heard = listen(page)
    page.goto(path)
    wait_for(page, heard)


def listen(page: "Page") -> list[str | bytes]:
    """Return a list that collects what this page's next sockets hear."""
    heard = []

    def hear(frame: str | bytes) -> None:
        heard.append(frame)

    page.on("websocket", lambda socket: socket.on("framereceived", hear))
    return heard


def wait_for(page: "Page", heard: list[str | bytes]) -> None:
    for _ in range(200):
        if heard:
            return
        page.wait_for_timeout(50)
    raise AssertionError("the doorbell does not open")


def gated_conversation(anna: Person, settings: Any) -> Conversation:
    """A conversation whose next answer waits in the middle."""
    conversation = make_conversation(anna.user)
    settings.LLM_MODEL = conversation.model = "gated/tokens=3"
    conversation.save(update_fields=["model"])
    return conversation


def open_in(conversation: Conversation, *pages: "Page") -> None:
    for page in pages:
        open_page(page, f"/chat/{conversation.pk}/")


def test_a_question_of_one_tab_appears_and_streams_in_the_other(
    signed_in_page: "Page", second_tab: "Page", site: Site, anna: Person, settings: Any
) -> None:
    open_in(gated_conversation(anna, settings), signed_in_page, second_tab)
    second_tab.locator("#question").fill("half a thou")

    ask(signed_in_page, "And a wolf?")
    see(second_tab, ".question", "And a wolf?", SOON_MS)
    see(second_tab, ".answer", "t0 t1 t2", SOON_MS)
    assert second_tab.locator("[data-part=stop]").is_visible()
    see(second_tab, "#conversations .running", "An answer is being written")

    site.upstream.release()
    see(second_tab, ".answer[data-status=complete]", "t0 t1 t2 t3 t4 t5")
    second_tab.locator("#conversations .running").wait_for(state="detached")
    assert second_tab.locator("#question").input_value() == "half a thou", "what was being typed stays"
    assert second_tab.locator(".message").count() == signed_in_page.locator(".message").count() == 4


def test_a_tab_may_stop_what_another_one_asked(
    signed_in_page: "Page", second_tab: "Page", anna: Person, settings: Any
) -> None:
    open_in(gated_conversation(anna, settings), signed_in_page, second_tab)
    ask(signed_in_page, "And a wolf?")
    see(second_tab, ".answer", "t0 t1 t2")
    second_tab.locator("[data-part=stop]").click()
    for page in (second_tab, signed_in_page):
        see(page, ".answer[data-status=stopped]", "t0 t1 t2")


def test_a_new_conversation_appears_in_the_list_of_another_device(
    signed_in_page: "Page", new_context: NewContext, site: Site, anna: Person
) -> None:
    device = new_context(site.base_url)
    sign_in(device, site.sign_in("anna"))
    telephone = device.new_page()
    open_page(telephone, "/")
    ask(signed_in_page, "What is a badger?")
    see(telephone, "#conversations li", "What is a badger?")
    assert telephone.url.endswith("/"), "and the page itself stays where it is"


def test_what_was_asked_while_the_connection_was_away_is_there_when_it_is_back(
    signed_in_page: "Page", anna: Person, watch: Watch
) -> None:
    watch.expect("ERR_INTERNET_DISCONNECTED")
    conversation = make_conversation(anna.user)
    open_in(conversation, signed_in_page)
    signed_in_page.context.set_offline(True)
    anna.ask("And a wolf?", conversation=str(conversation.pk))
    make_conversation(anna.user, [("What is a badger?", "Another animal.")])
    signed_in_page.context.set_offline(False)
    see(signed_in_page, ".question", "And a wolf?")
    signed_in_page.locator("#conversations li", has_text="badger").wait_for(timeout=5000)


def test_a_conversation_that_is_deleted_while_it_is_open_says_so(signed_in_page: "Page", anna: Person) -> None:
    conversation = make_conversation(anna.user)
    open_in(conversation, signed_in_page)
    signed_in_page.locator("#question").fill("half a thou")
    anna.user.next_change()
    Conversation.objects.update(deleted_at=timezone.now(), change=anna.user.change)
    doorbell.ring(anna.user.pk, conversation.pk, "gone")
    see(signed_in_page, "#notice", "This chat was deleted.")
    see(signed_in_page, "#conversations", "Your chats will appear here.")
    assert signed_in_page.locator("#question").input_value() == "half a thou"


def test_who_is_logged_out_elsewhere_is_told_and_may_come_back(
    signed_in_page: "Page", site: Site, anna: Person, watch: Watch
) -> None:
    watch.expect("401")
    open_in(make_conversation(anna.user), signed_in_page)
    signed_in_page.locator("#question").fill("half a thou")
    user = User.objects.get(pk=anna.user.pk)
    user.set_password("a fresh password of anna")
    user.save()
    see(signed_in_page, "#notice", "You are no longer logged in.")
    assert signed_in_page.locator("#notice [data-part=login]").is_visible()

    heard = listen(signed_in_page)
    sign_in(signed_in_page.context, site.sign_in("anna"))
    signed_in_page.locator("#notice").wait_for(state="hidden")
    wait_for(signed_in_page, heard)
    assert signed_in_page.locator("#question").input_value() == "half a thou"
