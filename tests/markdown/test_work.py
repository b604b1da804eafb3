"""Rendering is linear: of twice the text, whatever its shape, it is twice the work."""

import gc
import time
from collections.abc import Callable

import pytest

from chat.markdown import Splitter
from chat.markdown.rendering import PARSER, render

# Of process time, which no other process adds to. Quadratic work has a ratio of 4.
MOST_RATIO = 2.5
SIZE = 10_000
ATTEMPTS = 3

REPEATED = [
    # Brackets, links, images, notes.
    "[",
    "]",
    "![",
    "](",
    "[](",
    "![](",
    "[a](",
    "[a](<",
    "[a]( ",
    "[a](b ",
    "[a](b '",
    '[a](b "c',
    "[a](b) ",
    "[a][",
    "[a][b] ",
    "[a]: b\n",
    "[a]: <b\n",
    "[^",
    "[^a]",
    "[^a]: b\n",
    "[^a]:\n",
    "![a](http://b) ",
    "[[a](b)](c) ",
    "[a](http://b 'c') ",
    "[x] ",
    "- [ ] a\n",
    "[a\n",
    # Addresses.
    "http://",
    "x://",
    "http:",
    "://",
    "http://a/[",
    "http://a/(",
    "http://a/{",
    "http://a/([{",
    "http://a)",
    "http://a/)",
    "http://a,",
    "http://a.",
    "http://a@",
    "http://a:",
    "http://a/@",
    "http://a-",
    "http://a/a",
    "http://a ",
    "http://a.b/c?d=e#f ",
    "https://例え。",
    "<http://a",
    "<http://a> ",
    "<a@b.c> ",
    "mailto:a@b ",
    "a.",
    "a-",
    "www.a.b ",
    # Emphasis, in every script.
    "*",
    "**",
    "_",
    "*_",
    "***__",
    "*a ",
    " *a",
    "**a:**b",
    "**注：**请",
    "*a*",
    "~~",
    "~~a",
    "~",
    "~~a~~~",
    "**「",
    "」**",
    "重**",
    "a*b_c~~",
    # Code, tags, entities, escapes.
    "`",
    "``",
    "`a",
    "`` ` ",
    "```\n",
    "~~~\n",
    "```a\n",
    "``` ",
    "<",
    "</",
    "<sub>",
    "</sub>",
    "<sub>a</sub>",
    "<sub><sup>",
    "<br>",
    "<kbd>a ",
    "<a ",
    "<!--",
    "&",
    "&amp;",
    "&#1;",
    "&a",
    "\\",
    "\\*",
    "\\\n",
    # Formulas and prices.
    "$",
    "$$",
    "$a ",
    "$a$ ",
    "$5 and ",
    "$1 ",
    "$$a ",
    "$$\n",
    "\\(",
    "\\[",
    "\\[\n",
    "\\(a\\) ",
    "\\begin{align}",
    "\\begin{align}\n",
    "\\end{align}\n",
    "$$\na\n",
    "\\[a\n\\]\n",
    "{",
    "^",
    # Lists, quotes, headings, tables.
    "- ",
    "- a\n",
    "-\n",
    "1. ",
    "1. a\n",
    "1.\n",
    "+ a\n\n",
    "> ",
    "> a\n",
    ">\n",
    "> - ",
    "> - a\n",
    "# ",
    "# a\n",
    "#",
    "a\n=\n",
    "a\n-\n",
    "---\n",
    "| ",
    "|a|",
    "|-|\n",
    "|a\n",
    "a|b\n-|-\n",
    "|a|\n|-|\n|b|\n\n",
    "- a\n  - b\n",
    "    a\n",
    "\t",
    "- \n\n",
    "-     a\n",
    # Plain.
    "a",
    "a ",
    "a\n",
    "a\n\n",
    " ",
    "\n",
    "  \n",
    "é",
    "漢",
    "א",
    "- א\n",
    "> א\n\n> a\n\n",
    "\u202e",
    "`\u202e`",
    "\r",
    "\x00",
    "😀",
]
# A beginning, what is repeated, and an end.
FRAMED = [
    ("[", "a", "](b)"),
    ("`", "a` `", "``"),
    ("**", "a*", "**"),
    ("$", "a", "$"),
    ("|", "|", "\n|-|"),
    ("- a\n", "  b\n", ""),
    ("> ", "> a\n", ""),
    ("http://a/", "(", ")"),
    ("http://", "a.", "com"),
    ("http://a/", ".", " b"),
    ("|a|\n|-|\n", "|a|b|c|d|\n", ""),
    ("|" + "a|" * 50 + "\n|" + "-|" * 50 + "\n", "|\n", ""),
    ("a[^1]", "[^1]", "\n\n[^1]: b"),
    ("[a]: b\n\n", "[a]", ""),
    ("```py\n", "x = (1\n", "```"),
    ("```py\n", "'", "\n```"),
    ("```html\n", "<a ", "\n```"),
    ("$$\n", "a & b \\\\\n", "$$"),
    ("- " * 16, "a\n", ""),
    ("> " * 32, "a\n", ""),
]
SHAPES = {repr(piece): ("", piece, "") for piece in REPEATED} | {repr(shape)[:60]: shape for shape in FRAMED}


def of_size(shape: tuple[str, str, str], size: int) -> str:
    before, piece, after = shape
    return before + piece * (size // len(piece)) + after


def seconds(work: Callable[[str], object], text: str) -> float:
    """Return the process time of the faster of two runs, without the garbage collector's."""
    gc.disable()
    try:
        return min(_seconds(work, text), _seconds(work, text))
    finally:
        gc.enable()


def _seconds(work: Callable[[str], object], text: str) -> float:
    began = time.process_time()
    work(text)
    return time.process_time() - began


def render_and_forget(text: str) -> None:
    """Render without the cache: each text is another person's."""
    render(text, prefix=f"m{time.perf_counter_ns()}")


def split(text: str) -> None:
    splitter = Splitter()
    for start in range(0, len(text), 50):
        splitter.feed(text[start : start + 50])
    splitter.finish()


def is_linear(work: Callable[[str], object], shape: tuple[str, str, str]) -> bool:
    """Tell whether one of a few doublings stays below the ratio: noise goes away, quadratic work does not."""
    for attempt in range(ATTEMPTS):
        size = SIZE << attempt
        once = max(seconds(work, of_size(shape, size)), 0.002)
        if seconds(work, of_size(shape, 2 * size)) <= MOST_RATIO * once:
            return True
    return False


def test_there_are_shapes_of_every_kind() -> None:
    assert len(SHAPES) > 150


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_twice_the_text_is_twice_the_rendering(shape: tuple[str, str, str]) -> None:
    assert is_linear(render_and_forget, shape)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_twice_the_text_is_twice_the_splitting(shape: tuple[str, str, str]) -> None:
    assert is_linear(split, shape)


def test_the_measure_sees_quadratic_work() -> None:
    def quadratic(text: str) -> int:
        return sum(text.count("b", 0, start) for start in range(0, len(text), 4))

    assert not is_linear(quadratic, ("", "a", ""))
    assert is_linear(PARSER.parse, ("", "a*b* ", ""))
