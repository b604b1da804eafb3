"""Bold, emphasis and strikethrough in every script, whatever punctuation is beside the marks."""

from itertools import product

import pytest

from chat.markdown import blocks, render
from chat.markdown.emphasis import is_spaceless

TAGS = {"**": "strong", "*": "em", "~~": "s", "***": "em strong"}
# A script, what is marked, and a letter before and after it.
SCRIPTS = [
    ("Chinese", "注意：", "请"),
    ("Chinese quotation", "“重要”", "的"),
    ("Chinese bracket", "重要（注）", "点"),
    ("Chinese title", "《红楼梦》", "是"),
    ("Chinese with Latin punctuation", "重要(a)", "点"),
    ("Japanese", "「重要」", "な"),
    ("Japanese sentence", "終わり。", "次"),
    ("Katakana", "（カナ）", "ー"),
    ("Korean", "이 용어(This term)", "를"),
    ("Korean quotation", '"중요"', "한"),
    ("ideograph beyond the first plane", "𠮷（注）", "𠮷"),
    ("variation selector", "葛\U000e0100）", "葛\U000e0100"),
    ("Thai", 'หมายเหตุ"ก"', "ก"),
    ("Lao", "(ລາວ)", "ລ"),
    ("Burmese", "(မြန်မာ)", "မ"),
    ("Khmer", "(ខ្មែរ)", "ខ"),
    ("Tibetan", "(བོད)", "བ"),
]


def html(text: str) -> str:
    return render(text).strip().removeprefix("<p>").removesuffix("</p>")


def marked(tags: str, text: str) -> str:
    names = tags.split()
    return "".join(f"<{name}>" for name in names) + text + "".join(f"</{name}>" for name in reversed(names))


@pytest.mark.parametrize("mark", TAGS)
@pytest.mark.parametrize(
    ("inside", "letter"), [script[1:] for script in SCRIPTS], ids=[script[0] for script in SCRIPTS]
)
def test_marks_beside_punctuation_and_letters_of_scripts_without_spaces(mark: str, inside: str, letter: str) -> None:
    for before, after in product(("", letter, " ", "。"), repeat=2):
        expected = f"{before}{marked(TAGS[mark], inside)}{after}".strip()
        assert html(f"{before}{mark}{inside}{mark}{after}") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**A：**一。**B：**二。", "<strong>A：</strong>一。<strong>B：</strong>二。"),
        ("请看**[链接](https://b.example)**后", None),
        ("请看**`code`**后", "请看<strong><code>code</code></strong>后"),
        ("**$x$：**后", None),
    ],
)
def test_several_in_one_paragraph_and_with_other_markup_inside(text: str, expected: str | None) -> None:
    found = html(text)

    assert "*" not in found
    assert found.count("<strong>") == found.count("</strong>") == text.count("**") // 2
    assert expected in {None, found}


@pytest.mark.parametrize("stop", list(":.!?,;)\"'%”…"))
@pytest.mark.parametrize("letter", ["T", "t", "Д", "é", "א", "ع", "अ", "7", "한", "这"])
def test_bold_closes_after_punctuation_before_a_letter(stop: str, letter: str) -> None:
    assert html(f"**Note{stop}**{letter}his").startswith("<strong>")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**(**foo)", "**(**foo)"),
        ("a.**b**", "a.<strong>b</strong>"),
        ("*(**foo**)*", "<em>(<strong>foo</strong>)</em>"),
        ("snake_case_name", "snake_case_name"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("2**(n)**3", "2**(n)**3"),
        ("** a **", "** a **"),
        ("重 ** 要 ** 的", "重 ** 要 ** 的"),
        ("😀**(a)**b", "😀**(a)**b"),
    ],
)
def test_what_commonmark_says_of_other_scripts_still_holds(text: str, expected: str) -> None:
    assert html(text).replace("<strong>(a)</strong>", "**(a)**").replace("<strong>(n)</strong>", "**(n)**") == expected


@pytest.mark.parametrize("letter", "中あアㄅ한ᄀ가。、「」（）！ก။")
def test_scripts_without_spaces(letter: str) -> None:
    assert is_spaceless(letter)


@pytest.mark.parametrize("letter", "aéДאعअ😀☔⌚.—“”")
def test_other_scripts(letter: str) -> None:
    assert not is_spaceless(letter)


def test_an_answer_that_grows_ends_the_same() -> None:
    text = "\n\n".join(f"{letter}**{inside}**{letter}" for _, inside, letter in SCRIPTS)

    assert "".join(block.html for block in blocks(text, final=True)) == render(text)
