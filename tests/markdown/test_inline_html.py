"""`<br>`, `<sub>`, `<sup>`, `<kbd>`: as whole elements without attributes, and everything else as text."""

import re
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.markdown import blocks, render
from tests.markdown.test_rendering import words

AROUND = [
    "{}",
    "a {} b",
    "**{}**",
    "- {}",
    "> {}",
    "# {}",
    "| a |\n|---|\n| {} |",
    "[{}](https://b.example)",
    "a[^1]\n\n[^1]: {}",
]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("tag", ["sub", "sup", "kbd"])
def test_an_element_in_any_place(tag: str, around: str) -> None:
    assert f"<{tag}>2</{tag}>" in render(around.replace("{}", f"<{tag}>2</{tag}>"))
    assert f"<{tag}><strong>a</strong> <code>b</code></{tag}>" in render(f"x<{tag}>**a** `b`</{tag}>")


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("tag", ["<br>", "<br/>", "<br />", "<BR>"])
def test_a_line_break_in_any_place(tag: str, around: str) -> None:
    assert "one<br>" in render(around.replace("{}", f"one{tag}two"))


def test_a_line_break_at_the_end_of_a_line_is_one() -> None:
    assert render("one<br>\ntwo") == render("one\ntwo")


@pytest.mark.parametrize(
    "text",
    [
        "<sub>",
        "<sub></sub>",
        "</sub>",
        "<sub>a</sup>",
        "<sub >a</sub>",
        "<SUB>a</SUB>",
        "<sub onclick=a>b</sub>",
        "<br onload=a>",
        "<br/ a>",
        "<kbd style=a>b</kbd>",
        "<sub>" + "a" * 600 + "</sub>",
        "<ruby>a</ruby>",
        "<mark>a</mark>",
    ],
)
def test_anything_else_is_text(text: str) -> None:
    html = render(text)

    assert escape(text, quote=False).replace("\n", "<br>\n") in html
    assert not re.search(r"<(?:sub|sup|kbd)\b", html)


def test_in_code_it_is_code() -> None:
    assert "<code>H&lt;sub&gt;2&lt;/sub&gt;O&lt;br&gt;</code>" in render("`H<sub>2</sub>O<br>`")


def test_elements_lie_in_each_other_but_not_in_themselves() -> None:
    assert render("<sup><sub>a</sub></sup>") == "<p><sup><sub>a</sub></sup></p>\n"
    assert render("<kbd><kbd>a</kbd></kbd>") == "<p>&lt;kbd&gt;<kbd>a</kbd>&lt;/kbd&gt;</p>\n"


PARTS = [
    "<sub>",
    "</sub>",
    "<sup>",
    "</sup>",
    "<kbd>",
    "</kbd>",
    "<br>",
    "*",
    "**",
    "`",
    "[",
    "](https://b.example)",
    "é",
    " ",
    "\n",
    "\n\n",
    "- ",
]


@given(st.lists(st.sampled_from(PARTS), max_size=25).map("".join))
def test_any_mixture_loses_no_letter_and_grows_to_the_same(text: str) -> None:
    html = render(text)

    assert words(html).count("é") == text.count("é")
    for tag in ("sub", "sup", "kbd"):
        assert html.count(f"<{tag}>") == html.count(f"</{tag}>")
    assert "".join(block.html for block in blocks(text, final=True)) == html
