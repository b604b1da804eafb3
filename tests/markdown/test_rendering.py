"""A model's Markdown as HTML: what each construct becomes."""

import re
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from typing import Any

import pytest

from chat.markdown import render
from chat.markdown.cache import cached_html
from chat.markdown.highlight import LEXERS, lexer_for
from chat.markdown.rendering import PARSER

LINK = 'target="_blank" rel="noopener noreferrer nofollow"'


def flat(text: str) -> str:
    """Return the HTML without the line ends between tags."""
    return re.sub(r">\n+(?=<)", ">", render(text)).strip()


class Words(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)
        self.close()

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def words(html: str) -> str:
    return "".join(Words(html).found)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a *b* **c** ~~d~~ `e`", "<p>a <em>b</em> <strong>c</strong> <s>d</s> <code>e</code></p>"),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("> a\n> b", "<blockquote><p>a<br>\nb</p></blockquote>"),
        ("- a\n  - b", "<ul><li>a\n<ul><li>b</li></ul></li></ul>"),
        ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("---", "<hr>"),
        ("<b>a</b> &amp; &lt;", "<p>&lt;b&gt;a&lt;/b&gt; &amp; &lt;</p>"),
        ("", ""),
    ],
)
def test_it_renders(text: str, html: str) -> None:
    assert flat(text) == html


def test_headings_begin_below_those_of_the_page() -> None:
    assert flat("# a\n## b\n### c\n#### d\n\ne\n===") == "<h3>a</h3><h4>b</h4><h5>c</h5><h6>d</h6><h3>e</h3>"


def test_a_table_scrolls_in_itself_and_aligns_by_classes() -> None:
    html = flat("| a | b |\n|:-:|--:|\n| 1 | **2** |")

    assert html.startswith('<div class="table-scroll" tabindex="0"><table><thead><tr><th class="align-center">a</th>')
    assert '<td class="align-right"><strong>2</strong></td>' in html


def test_a_task_is_a_box_that_cannot_be_ticked_and_has_a_name() -> None:
    html = flat("- [x] done\n- [ ] open\n- none")
    boxes = [set(box.split()) for box in re.findall("<label><input ([^>]*)> (?:done|open)</label>", html)]
    always = {'class="task-list-item-checkbox"', 'disabled=""', 'type="checkbox"'}

    assert boxes == [{*always, 'checked=""'}, always]
    assert "<li>none</li>" in html


def test_footnotes_of_two_messages_do_not_meet() -> None:
    one, two = (render("a[^n]\n\n[^n]: b", prefix=prefix) for prefix in ("m1", "m2"))

    assert '<a href="#fn-m1-1" id="fnref-m1-1"' in one
    assert '<li id="fn-m1-1" class="footnote-item">' in one
    assert "m1" not in two


# --- Links and images -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "href", "shown"),
    [
        ("[a](https://b.example/?c&d)", "https://b.example/?c&amp;d", "a"),
        ("[a]\n\n[a]: http://b.example", "http://b.example", "a"),
        ("<mailto:a@b.example>", "mailto:a@b.example", "mailto:a@b.example"),
        ("see https://b.example/c_d.", "https://b.example/c_d", "https://b.example/c_d"),
        ("[a](https://пример.рф)", "https://xn--e1afmkfd.xn--p1ai", "a"),
    ],
)
def test_it_links(text: str, href: str, shown: str) -> None:
    assert f'<a href="{href}" {LINK}>{shown}</a>' in render(text)


@pytest.mark.parametrize(
    "text", ["[a](javascript:b)", "[a](/logout)", "[a](//b.example)", "main.py", "ftp://b.example"]
)
def test_it_does_not_link(text: str) -> None:
    assert render(text) == f"<p>{text}</p>\n"


def test_a_link_to_nowhere_is_its_text() -> None:
    assert render("[*a*]()") == "<p><em>a</em></p>\n"


def test_an_image_is_a_link_that_shows_its_host() -> None:
    host = '<span class="image-host">b.example</span>'

    assert render("![a *c*](https://b.example/x.png)") == (
        f'<p><a class="image-link" href="https://b.example/x.png" {LINK}>a c {host}</a></p>\n'
    )


def test_an_image_in_a_link_is_its_words() -> None:
    assert (
        flat("[![a](https://b.example/x.png)](https://c.example)") == f'<p><a href="https://c.example" {LINK}>a</a></p>'
    )


# --- Code -----------------------------------------------------------------------------------------------------------


def test_code_has_a_label_and_colours_as_classes() -> None:
    html = render('```python title="x"\ndef f(): return "a<b"  # c\n```')

    assert '<div class="code"><div class="code-head"><span class="code-language">python</span></div>' in html
    assert '<pre tabindex="0"><code><span class="k">def</span> <span class="nf">f</span>():' in html
    assert '<span class="s">"a&lt;b"</span>' in html
    assert "style" not in html


@pytest.mark.parametrize("info", ["", "klingon", "__init__", "x" * 300])
def test_code_of_an_unknown_language_is_plain(info: str) -> None:
    html = render(f"```{info}\nif <a>:\n```")

    assert "<code>if &lt;a&gt;:\n</code>" in html
    label = f'<span class="code-language">{info[:30]}</span>' if info else ""
    assert f'<div class="code-head">{label}</div>' in html


@pytest.mark.parametrize("code", ["x = 1\n" * 2_000, f"x = {'1 + ' * 300}1\n", f"x{' ' * 300}= 1\n"])
def test_code_that_a_lexer_may_choke_on_is_plain(code: str) -> None:
    assert f"<code>{code}</code>" in render(f"```python\n{code}```")


def test_only_so_much_code_of_one_text_has_colours() -> None:
    code = "```python\n" + "if a:\n" * 1_000 + "```\n\n"

    assert render(code * 20).count('<span class="k">if</span>') == 10_000


@pytest.mark.parametrize("language", sorted(set(LEXERS.values())))
def test_a_lexer_loses_no_character(language: str) -> None:
    code = '\n\n  def \'a" {b} <c> /* # -- \\ \t$x @y 1.5e3 é 漢\n--[[ """ <?php ${z} <!-- \n\n'

    assert lexer_for(language)
    assert words(render(f"````{language}\n{code}````")).strip("\n") == language + code.rstrip("\n")


# --- Formulas -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["$x^2$", r"\(x^2\)", "公式$x^2$。", "*$x^2$*", "- a\n- $x^2$", "|a|\n|-|\n|$x^2$|"])
def test_a_formula_in_a_line_is_mathml(text: str) -> None:
    assert "<math><msup><mi>x</mi><mn>2</mn></msup></math>" in render(text)


@pytest.mark.parametrize(
    "text",
    [
        "$$x^2$$",
        "$$\nx^2\n$$",
        r"\[ x^2 \]",
        "\\[\nx^2\n\\]",
        "a\n$$\nx^2\n$$\nb",
        "so $$x^2$$ is",
        "> $$\n> x^2\n> $$",
    ],
)
def test_a_formula_of_its_own_is_displayed(text: str) -> None:
    html = render(text)

    assert 'class="formula" tabindex="0"><math display="block"><msup><mi>x</mi><mn>2</mn></msup></math>' in html
    assert "$" not in html


def test_lines_of_a_formula_are_no_list() -> None:
    assert "<li>" not in render("$$\na\n- b\n+ c\n= d\n$$.")


def test_a_formula_is_aligned_by_classes() -> None:
    html = render("$$\\begin{aligned} a &= b \\\\ c &= d \\end{aligned}$$")

    assert '<mtd class="math-right math-flush-right"><mi>a</mi></mtd>' in html
    assert " style=" not in html


@pytest.mark.parametrize(
    "text",
    [
        "$5 and $10",
        "from $5-$10",
        "US$5 to A$6",
        "$HOME/$USER",
        "a $ b $ c",
        "`$x$`",
        r"\$x\$",
        "$$",
        "$$ $$",
        "$x\n\ny$",
    ],
)
def test_money_and_variables_are_no_formulas(text: str) -> None:
    assert "<math" not in render(text)


@pytest.mark.parametrize("tex", [r"\foo", r"\frac{1", "a_b_c", r"\href{javascript:a}{b}", "{" * 60 + "}" * 60, "#1"])
def test_a_formula_that_cannot_be_read_is_shown_as_written(tex: str) -> None:
    assert render(f"${tex}$") == f'<p><code class="formula-source">${tex}$</code></p>\n'


# --- Any text, any thread, any number of times ------------------------------------------------------------------------


def test_what_no_encoder_takes_is_replaced() -> None:
    assert render("a\ud800b\x00c") == "<p>a\ufffdb\ufffdc</p>\n"


def test_threads_do_not_disturb_each_other() -> None:
    texts = [
        f"# {n}\n\nhttps://b.example/{n} a[^1] $x_{{{n}}}$\n\n```py\nx = {n}\n```\n\n[^1]: {n}\n" * 5 for n in range(8)
    ]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(render, texts * 5)) == [render(text) for text in texts] * 5


def test_the_same_text_is_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    parse = PARSER.parse

    def counted(text: str, env: dict[str, Any]) -> Any:
        parsed.append(text)
        return parse(text, env)

    monkeypatch.setattr(PARSER, "parse", counted)
    first = render("rendered *once*")

    assert render("rendered *once*") == first
    assert render("rendered *once*", prefix="m2") == first
    assert len(parsed) == 2, "the other prefix is another text"


def test_what_was_not_asked_for_longest_is_forgotten() -> None:
    rendered: list[str] = []

    @cached_html(10)
    def render(text: str, prefix: str) -> str:
        rendered.append(text)
        return f"{prefix}{text}"

    def is_kept(text: str) -> bool:
        before = len(rendered)
        assert render(text, "m") == f"m{text}"
        return len(rendered) == before

    assert [is_kept(text) for text in ("111", "222", "333", "222", "444")] == [False, False, False, True, False]
    assert [is_kept(text) for text in ("222", "444", "111", "333")] == [True, True, False, False]
    assert [is_kept("longer than all") for _ in range(2)] == [False, False]
    assert render("1", "m") != render("1", "n"), "another prefix is another text"
