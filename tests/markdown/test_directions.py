"""Lists, quotes, tables and footnotes of scripts that run from right to left."""

import pytest

from chat.markdown import blocks, render

WORDS = {
    "Hebrew": "ראשון",
    "Arabic": "أول",
    "Persian": "یک",
    "Urdu": "پہلا",
    "Syriac": "ܐܒ",
    "Divehi": "އެއް",
    "N'Ko": "ߞߋ",
    "Adlam": "𞤀𞤣",
}
CONTAINERS = {
    "- {}\n- b": "<ul",
    "1. {}\n2. b": "<ol",
    "> {}": "<blockquote",
    "| {} | b |\n|---|---|\n| 1 | 2 |": '<div class="table-scroll"',
    "a[^1]\n\n[^1]: {}": '<section class="footnotes"',
    "- [ ] {}": '<ul class="contains-task-list"',
}
MARKUP = ["{}", "**{}**", "`code` {}", "1. {}", "(12) {}", "$x$ {}", "[{}](https://b.example)", "~~{}~~", "⚠️ {}"]


def openings(html: str, tag: str) -> list[str]:
    """The opening tags of an element, as they are written."""
    return [part.partition(">")[0] for part in html.split(tag)[1:]]


@pytest.mark.parametrize("word", WORDS.values(), ids=WORDS)
@pytest.mark.parametrize(("text", "tag"), CONTAINERS.items())
def test_a_container_runs_as_its_first_letter_does(text: str, tag: str, word: str) -> None:
    assert 'dir="rtl"' in openings(render(text.replace("{}", word)), tag)[0]
    assert "dir=" not in render(text.replace("{}", "first"))


@pytest.mark.parametrize("markup", MARKUP)
def test_marks_code_and_formulas_are_no_letters(markup: str) -> None:
    assert render("> " + markup.replace("{}", "ראשון")).startswith('<blockquote dir="rtl">')
    assert "dir=" not in render("> " + markup.replace("{}", "first"))


@pytest.mark.parametrize(
    ("text", "directions"),
    [
        ("- ראשון\n  - שני", ["rtl", ""]),
        ("- ראשון\n  - second", ["rtl", "ltr"]),
        ("- first\n  - שני\n- third\n  - fourth", ["", "rtl", ""]),
        ("-\n- ראשון", ["rtl"]),
        ("- 1\n- 2", [""]),
        ("- - ראשון", ["rtl", ""]),
    ],
)
def test_a_direction_is_written_where_it_changes(text: str, directions: list[str]) -> None:
    assert openings(render(text), "<ul") == [f' dir="{one}"' if one else "" for one in directions]


def test_an_empty_quote_takes_nothing_from_what_follows() -> None:
    assert "dir=" not in render("> 1\n\nראשון\n\n- a")


@pytest.mark.parametrize("text", CONTAINERS)
def test_an_answer_that_grows_ends_the_same(text: str) -> None:
    text = text.replace("{}", "ראשון").partition("[^1]\n\n")[2] or text.replace("{}", "ראשון")

    assert "".join(block.html for block in blocks(text, final=True)) == render(text)
