"""Lists and quotes in each other: ten levels and more are formatted, and what is too deep is text where it stands."""

import pytest

from chat.markdown import blocks, render
from tests.markdown.test_rendering import words

MARKS = {"ul": "- ", "ol": "1. ", "quote": "> ", "ul in quote": "> - ", "note": "[^a]: "}
AROUND = "| a |\n|---|\n| b |\n\n{}\n\n```py\nx = 1\n```\n\n**end**"


def nested(mark: str, depth: int) -> str:
    """Each level on a line of its own, in the one before."""
    if ">" in mark:
        return "\n".join(mark * level + f"word{level}\n{mark * level}" for level in range(1, depth + 1))
    return "\n".join(" " * len(mark) * level + f"{mark}word{level}" for level in range(depth))


@pytest.mark.parametrize(("mark", "tag"), [("- ", "<ul>"), ("1. ", "<ol>"), ("> ", "<blockquote>")])
@pytest.mark.parametrize("depth", [9, 10, 15])
def test_deep_is_formatted(mark: str, tag: str, depth: int) -> None:
    assert render(nested(mark, depth)).count(tag) == depth


@pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS)
@pytest.mark.parametrize("depth", [20, 40, 200])
def test_too_deep_leaves_all_the_rest_formatted_and_every_word_there(mark: str, depth: int) -> None:
    text = nested(mark, depth)
    html = render(AROUND.replace("{}", text))

    assert {"<table>", '<div class="code">', "<strong>end</strong>"} <= {
        part for part in ("<table>", '<div class="code">', "<strong>end</strong>") if part in html
    }
    assert 'class="plain"' not in html
    if "[^" not in mark:
        assert all(f"word{level}" in words(html) for level in range(1, depth))


@pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS)
@pytest.mark.parametrize("depth", [10, 20, 40])
def test_an_answer_that_grows_ends_the_same(mark: str, depth: int) -> None:
    text = AROUND.replace("{}", nested(mark, depth))

    if "[^" not in mark:
        assert "".join(block.html for block in blocks(text, final=True)) == render(text)
