"""While the model server is asked again: the page says why, and counts the seconds down."""

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.watch import Watch
from tests.support.fake_upstream.chunks import DONE, ROLE, ended, error, json_answer, said, send
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.fake_upstream.steps import Instead, the_first

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def test_a_busy_server_is_named_and_its_pause_is_counted_down(
    tab: "Page", upstream: FakeUpstream, settings: Any, watch: Watch
) -> None:
    settings.LLM_FIRST_TOKEN_TIMEOUT = 30.0
    busy = json_answer(error("Slow down."), 429, retry_after="4")
    answer = send(ROLE, *said("At ", "last."), *ended(), DONE)
    settings.LLM_MODEL = upstream.add("busy-for-a-while", (Instead(the_first(1), busy), answer))
    tab.goto("/")
    tab.locator("#question").fill("first?")
    tab.locator("[data-part=send]").click()

    waiting = tab.locator("#messages .answer [data-part=waiting-text]").last
    for seconds in (3, 2):
        expect(waiting).to_have_text(
            f"The model server is receiving too many requests. Trying again in {seconds} s.", timeout=8_000
        )
    expect(tab.locator("#messages .answer").last).to_contain_text("At last.")
    watch.check()
