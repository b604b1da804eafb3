"""Dollars that are money, dollars that are formulas, and TeX without dollars."""

import pytest

from chat.markdown import blocks, render

AMOUNTS = [
    "$5",
    "$5.50",
    "$1,000",
    "$1M",
    "$2K",
    "$3.5B",
    "$5/month",
    "$5 million",
    "$10 USD",
    "US$5",
    "-$5",
    "**$5**",
    "$5k",
]
JOINS = [
    "{} and 10$",
    "between {} and {}",
    "{}, {}",
    "from {} to 10$",
    "{} or 7 dollars$",
    "{}/{}",
    "{}–{}",
    "от {} до 10$",
    "{}元和10元$",
    "({}) ({})",
    "de {} a 10$",
    "{}\nand {}",
    "|a|b|\n|-|-|\n|{}|{}|",
]


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize("join", JOINS)
def test_amounts_are_no_formulas(amount: str, join: str) -> None:
    text = join.replace("{}", amount)
    html = render(text)

    assert "<math" not in html
    assert "formula" not in html
    assert html.count("$") == text.count("$")


@pytest.mark.parametrize(
    "text",
    [
        "$1M$",
        "$5K$",
        "$1.5B$",
        "$10 million$",
        "$5/month$",
        "($$), dear ($$$)",
        "$ – $$",
        "$$ – $$$",
        "a ($$), b ($$), c ($$)",
        "$/PR",
        "$$$",
    ],
)
def test_amounts_and_ratings_between_dollars_are_no_formulas(text: str) -> None:
    assert "<math" not in render(text)
    assert render(text).count("$") == text.count("$")


@pytest.mark.parametrize(
    "tex",
    [
        "5",
        "2x",
        "2xy",
        "4ac",
        "2^n",
        "3 \\times 4",
        "1, 2, 3",
        "5x + 3 = 10",
        "10\\%",
        "2\\pi r",
        "2π",
        "3n",
        "0 \\text{ and } 1",
        "2k",
        "1/n",
    ],
)
def test_formulas_that_begin_with_a_number(tex: str) -> None:
    assert "<math>" in render(f"so ${tex}$ is")
    assert "$" not in render(f"so ${tex}$ is")


# --- Without dollars -------------------------------------------------------------------------------------------------

ENVIRONMENTS = ["align", "align*", "aligned", "cases", "dcases", "rcases", "matrix", "pmatrix", "bmatrix", "vmatrix"]
BODY = "a &= b \\\\\nc &= d"


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("around", ["{}", "So:\n{}", "{}.", "> {}", "- {}", "So {} is", "$$\n{}\n$$", "\\[\n{}\n\\]"])
def test_an_environment_is_a_formula(name: str, around: str) -> None:
    source = f"\\begin{{{name}}}\n{BODY}\n\\end{{{name}}}"
    indented = source.replace("\n", {">": "\n> ", "-": "\n  "}.get(around[0], "\n"))
    html = render(around.replace("{}", indented))

    assert html.count("<mtr>") == 2
    assert "\\" not in html


@pytest.mark.parametrize("name", ["equation", "equation*", "gather", "multline*"])
def test_an_environment_without_columns_is_a_formula(name: str) -> None:
    assert "<msup>" in render(f"\\begin{{{name}}}\nE = mc^2\n\\end{{{name}}}")


@pytest.mark.parametrize(
    "source", ["\\begin{eqnarray}\na \\\\ b\n\\end{eqnarray}", "\\begin{align}\n\\foo \\\\ b\n\\end{align}"]
)
def test_an_environment_that_cannot_be_read_is_shown_as_written(source: str) -> None:
    assert f'<code class="formula-source">{source.replace("&", "&amp;")}</code>' in render(source)


@pytest.mark.parametrize(
    "text",
    [
        "\\begin{document}a\\end{document}",
        "\\begin{align}",
        "\\begin{align}\na\n\nb\n\\end{align}",
        "`\\begin{align}a\\end{align}`",
    ],
)
def test_other_tex_is_text(text: str) -> None:
    assert "<math" not in render(text)


def test_an_environment_in_an_answer_that_grows_ends_the_same() -> None:
    text = f"So:\n\\begin{{align}}\n{BODY}\n\\end{{align}}\n\n- a\n\n  \\begin{{align}}\n  - a\n  \\end{{align}}\n\nend"

    assert "".join(block.html for block in blocks(text, final=True)) == render(text)
