"""A Markdown answer on the page, while it grows and at its end."""

from typing import TYPE_CHECKING, Any

import pytest

from chat.markdown import render
from tests.browser.conftest import NewContext, sign_in
from tests.support.factories import make_conversation
from tests.support.fake_upstream.chunks import DONE, ROLE, ended, said, send
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.fake_upstream.steps import Gate, Sleep
from tests.support.site import Person, Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

BEGINNING = """\
# Foxes 🦊

A *red* one, see [the note][1].

- one\r
- two

```python
def bark():
"""
END = """\
    return "ring"
```

So much[^1].

[1]: https://fox.example
[^1]: Said a fox.
"""
ANSWER = ".answer [data-part=answer]"
# While it grows, its blocks are in passages.
BLOCK = f":is({ANSWER}, {ANSWER} > .passage) >"
TAIL = ".answer [data-part=tail]"


@pytest.fixture
def writer(upstream: FakeUpstream, settings: Any) -> None:
    """An upstream that stops in the middle of the code until it is released."""
    pieces = [BEGINNING[start : start + 5] for start in range(0, len(BEGINNING), 5)]
    script = (send(ROLE, *said(*pieces)), Gate(), send(*said(END), *ended(), DONE))
    settings.LLM_MODEL = upstream.add("markdown", script)


def ask(page: "Page") -> None:
    page.locator("#question").fill("What is a fox?")
    page.get_by_role("button", name="Send").click()


def expect_half(page: "Page") -> None:
    page.locator(f"{BLOCK} ul").wait_for()
    page.locator(TAIL).filter(has_text="bark").wait_for()
    assert page.locator(f"{BLOCK} h3").text_content() == "Foxes 🦊"
    assert page.locator(f"{BLOCK} p > em").text_content() == "red"
    assert (page.locator(TAIL).text_content() or "").strip() == "```python\ndef bark():"
    assert "[the note][1]" in (page.locator(ANSWER).text_content() or "")


def expect_whole(page: "Page") -> None:
    page.locator(".answer[data-status=complete]").wait_for()
    assert page.locator(f"{ANSWER} a[href='https://fox.example']").text_content() == "the note"
    assert page.locator(f"{ANSWER} .footnotes li").count() == 1
    assert page.locator(TAIL).count() == 0


@pytest.mark.usefixtures("writer")
class TestAnAnswerThatGrows:
    def test_finished_blocks_are_html_and_the_rest_is_text(self, signed_in_page: "Page", site: Site) -> None:
        ask(signed_in_page)
        expect_half(signed_in_page)
        assert signed_in_page.locator(".tail-code").is_visible(), "an open fence is shown as code"
        site.upstream.release()
        expect_whole(signed_in_page)

    def test_who_comes_in_the_middle_sees_the_same(self, signed_in_page: "Page", site: Site) -> None:
        ask(signed_in_page)
        expect_half(signed_in_page)
        # The page is rendered from the text that is saved once a second.
        signed_in_page.wait_for_timeout(1200)
        signed_in_page.reload()
        expect_half(signed_in_page)
        site.upstream.release()
        expect_whole(signed_in_page)

    def test_at_the_end_only_what_differs_is_exchanged(self, signed_in_page: "Page", site: Site) -> None:
        ask(signed_in_page)
        expect_half(signed_in_page)
        signed_in_page.evaluate(f"for (const node of document.querySelectorAll('{BLOCK} *')) node.mine = true")
        signed_in_page.locator(f"{BLOCK} ul > li").first.select_text()
        site.upstream.release()
        expect_whole(signed_in_page)

        kept = f"[...document.querySelectorAll('{BLOCK} *')].filter((node) => node.mine && !node.matches('.passage'))"
        assert signed_in_page.evaluate(f"{kept}.map((node) => node.localName)") == ["h3", "ul"], (
            "the paragraph has got its link"
        )
        assert signed_in_page.evaluate("getSelection().toString()").strip() == "one"

    def test_without_javascript_it_is_html_as_far_as_it_is_finished(
        self, new_context: NewContext, site: Site, anna: Person
    ) -> None:
        context = new_context(site.base_url, java_script_enabled=False)
        sign_in(context, anna)
        page = context.new_page()
        page.goto("/")
        ask(page)
        expect_half(page)
        site.upstream.release()
        expect_whole(page)


def test_the_stored_message_is_what_was_streamed(signed_in_page: "Page", settings: Any, upstream: FakeUpstream) -> None:
    text = "# One\n\n- a\n- b\n\n| c |\n|---|\n| d |\n\nEnd."
    settings.LLM_MODEL = upstream.add("plain", [send(ROLE, *said(*text), *ended(), DONE)])
    signed_in_page.goto("/")
    ask(signed_in_page)
    signed_in_page.locator(".answer[data-status=complete]").wait_for()
    streamed = signed_in_page.locator(f"{BLOCK} :not(.passage)").evaluate_all("all => all.map((one) => one.outerHTML)")
    signed_in_page.reload()
    assert signed_in_page.locator(ANSWER).inner_html() == render(text).strip()
    assert "\n".join(streamed).split() == render(text).split()


class TestALongAnswer:
    SECTION = "## Step\n\nOne *more*.\n\n- a\n- b\n\n```\ncode\n```\n\n> said\n\n| c |\n|---|\n| d |\n\n"
    HEIGHT = "document.documentElement.scrollHeight"

    @pytest.fixture(autouse=True)
    def writer(self, upstream: FakeUpstream, settings: Any) -> None:
        sections = [step for _ in range(20) for step in (send(*said(self.SECTION)), Sleep(0.05))]
        script = (send(ROLE), *sections, Gate(), *sections, send(*ended(), DONE))
        settings.LLM_MODEL = upstream.add("long", script)

    def test_stands_at_its_end_as_it_will_after_a_reload(self, signed_in_page: "Page", site: Site) -> None:
        ask(signed_in_page)
        signed_in_page.locator(".passage.settled").nth(3).wait_for(state="attached")
        site.upstream.release()
        signed_in_page.locator(".answer[data-status=complete]").wait_for()
        height = signed_in_page.evaluate(self.HEIGHT)
        assert signed_in_page.evaluate("innerHeight + scrollY") == height
        signed_in_page.reload()
        assert signed_in_page.evaluate(self.HEIGHT) == height

    def test_does_not_move_what_is_read(self, signed_in_page: "Page", site: Site) -> None:
        ask(signed_in_page)
        signed_in_page.locator(".passage.settled").nth(3).wait_for(state="attached")
        signed_in_page.mouse.move(600, 300)
        signed_in_page.mouse.wheel(0, -3000)
        signed_in_page.locator("#to-bottom").wait_for()
        top = "document.querySelectorAll('.passage')[3].getBoundingClientRect().top"
        before = signed_in_page.evaluate(top)
        site.upstream.release()
        signed_in_page.locator(".answer[data-status=complete]").wait_for()
        assert signed_in_page.evaluate(top) == before


@pytest.mark.parametrize("has_clipboard", [True, False])
def test_code_is_copied_as_it_was_written(signed_in_page: "Page", anna: Person, has_clipboard: bool) -> None:
    code = "if a < b:\n\n    print('🦊')\n"
    conversation = make_conversation(anna.user, [("How?", f"```python\n{code}```\n\n```\nother\n```")])
    context = signed_in_page.context
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    if not has_clipboard:
        # As it is on plain http.
        context.add_init_script("navigator.clipboard.writeText = () => { throw new TypeError() }")
    signed_in_page.goto(f"/chat/{conversation.pk}/")
    button = signed_in_page.locator(".code-copy").first
    assert signed_in_page.locator(".code-copy").count() == 2
    button.click()
    signed_in_page.locator(".code-copy", has_text="Copied").wait_for()
    assert signed_in_page.evaluate("navigator.clipboard.readText()") == code
    signed_in_page.locator(".code-copy", has_text="Copied").wait_for(state="detached")


def test_a_list_a_quote_and_a_table_run_from_right_to_left(signed_in_page: "Page", anna: Person) -> None:
    text = "1. ראשון\n2. English\n   - שני\n\n> ציטוט\n\n| א | ב |\n|---|---|\n| 1 | 2 |\n\nאמר\n\n- one\n- שני\n"
    conversation = make_conversation(anna.user, [("How?", text)])
    signed_in_page.goto(f"/chat/{conversation.pk}/")
    css = "(one, name) => getComputedStyle(one)[name]"

    def styles(selector: str, name: str) -> list[str]:
        return [str(one.evaluate(css, name)) for one in signed_in_page.locator(f"{ANSWER} {selector}").all()]

    assert styles("ol li", "textAlign") == ["right"] * 3, "beside its number, in English too"
    assert styles(":is(ol, li > ul, blockquote, table)", "direction") == ["rtl"] * 4
    assert styles("blockquote", "borderRightWidth") == ["3px"]
    assert styles("> ul > li", "textAlign") == ["left"] * 2
    first, second = (signed_in_page.locator(f"{ANSWER} th").nth(number).bounding_box() for number in (0, 1))
    assert first
    assert second
    assert first["x"] > second["x"], "the first column is on the right"
    assert styles("td", "textAlign") == ["right"] * 2
