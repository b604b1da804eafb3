"""Nothing in a model's text runs, loads, or looks like part of the page: checked with an independent HTML parser."""

import re
from html.parser import HTMLParser
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.markdown import Splitter, blocks, render, rendered
from tests.support.xss_payloads import PAYLOADS

TAGS = """a b blockquote br code del div em h3 h4 h5 h6 hr i input kbd label li ol p pre s section span strong sub sup
    table tbody td th thead tr ul
    math menclose mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow mspace msqrt
    msub msubsup msup mtable mtd mtext mtr munder munderover"""
ADDRESS = re.compile(r"https?://[^/]|mailto:.|#fn")


class Inspector(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags += 1
        assert tag in TAGS.split(), tag
        of = dict(attributes)
        assert len(of) == len(attributes)
        for name, value in attributes:
            assert name != "style", value
            assert not name.startswith(("on", "src", "xlink", "form", "data", "action")), name
        if "href" in of:
            assert tag == "a"
            assert ADDRESS.match(of["href"] or ""), of["href"]
            assert {"noopener", "noreferrer", "nofollow"} <= set((of["rel"] or "").split())
            assert of.get("target") == ("_blank" if not (of["href"] or "").startswith("#") else None)
        if tag == "input":
            assert of["type"] == "checkbox"
            assert "disabled" in of
        if "id" in of:
            assert (of["id"] or "").startswith("fn")

    def handle_endtag(self, tag: str) -> None:
        self.tags += 1
        assert tag in TAGS.split(), tag

    def handle_comment(self, data: str) -> NoReturn:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> NoReturn:
        raise AssertionError(decl)

    handle_pi = unknown_decl = handle_comment


def inspect(html: str) -> None:
    inspector = Inspector()
    inspector.feed(html)
    inspector.close()
    # Nothing may remain that another parser might take for a tag.
    assert html.count("<") == inspector.tags


def test_the_inspector_sees_what_is_wrong() -> None:
    inspect('<p>a <a href="http://b.example" target="_blank" rel="noopener noreferrer nofollow">c</a></p>')

    for html in (
        "<img>",
        "<p onclick=a>",
        "<!-- -->",
        "<a <b>",
        '<a href="javascript:a" rel="">',
        "<p style=a>",
        "<input>",
    ):
        with pytest.raises((AssertionError, KeyError)):
            inspect(html)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_harmless_whole(payload: str) -> None:
    inspect(render(payload))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_harmless_at_every_split(payload: str) -> None:
    splitter = Splitter()
    found = []
    for end in range(1, len(payload) + 1):
        found += [rendered(span) for span in splitter.feed(payload[end - 1 : end])]
        finished = blocks(payload[:end], final=True)
        assert finished[: len(found)] == found
        for block in finished:
            inspect(block.html)


@pytest.mark.parametrize(
    "around", ["- {}\n\n  {}", "> {}", "| {} |\n|---|\n| {} |", "a[^1]\n\n[^1]: {}", "**{}**", "[{}](http://b.c)"]
)
def test_payloads_are_harmless_inside_of_other_markup(around: str) -> None:
    for payload in PAYLOADS:
        inspect(render(around.replace("{}", payload)))


PARTS = st.sampled_from([part for payload in PAYLOADS for part in re.split(r"(?<=[\s<>\"'()\[\]])", payload) if part])


@given(st.lists(PARTS, max_size=30).map("".join))
def test_mixed_parts_of_payloads_are_harmless(text: str) -> None:
    for html in (render(text), *(block.html for block in blocks(text, final=True))):
        inspect(html)


# --- Hostile input: the work is bounded, and no word is lost --------------------------------------------------------

PIECES = [
    "[",
    "![",
    "[](",
    "*",
    "*_",
    "`",
    "``` ",
    "$",
    "$a ",
    r"\(",
    "\\[\n",
    "<",
    "&",
    "~",
    "|",
    "|-|\n",
    "> ",
    "- a\n",
]


@pytest.mark.parametrize("piece", PIECES)
def test_it_bears_a_hundred_thousand_of(piece: str) -> None:
    assert render(piece * (100_000 // len(piece)))


@pytest.mark.parametrize("tex", ["(" * 2_900, "([" * 1_400, r"\hat" * 700, r"\left(" * 480, "|" * 2_900, "^{" * 1_400])
def test_it_bears_a_formula_of(tex: str) -> None:
    assert render(f"${tex}$")


@pytest.mark.parametrize("line", ["> ", "- ", "1. ", "> - "])
def test_what_is_nested_too_deeply_is_text(line: str) -> None:
    html = render(line * 60 + "word")

    assert 16 <= html.count("<blockquote>") + 2 * html.count("<li>") <= 33
    assert f"{line.strip().replace('>', '&gt;')} word</" in html


def test_nine_lists_in_each_other_are_not_too_deep() -> None:
    assert render("".join(f"{'  ' * depth}- a\n" for depth in range(9))).count("<ul>") == 9


def test_a_very_long_text_is_plain() -> None:
    assert render("*a* " * 60_000).startswith('<p class="plain">*a* *a* ')
