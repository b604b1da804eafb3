"""Finished blocks of a growing text: the blocks of its beginning are also the first ones of the whole text."""

import random
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it.parser_block import ParserBlock

from chat.markdown import Block, Span, Splitter, blocks, render

ANSWER = """\
# Solving it

A paragraph with **bold**, `code` and $x_1$,
on two lines:
- tight
- list
  - nested

1. First:
   ```bash
   ls -la

   echo "done"
   ```

2. Second

   with a paragraph

**After** the list, at once a fence:
```python
def f(x):

    return x


```
| a | b |
|---|---|
| 1 | 2 |

> A quote
lazily goes on

$$
\\begin{aligned}
    a &= b \\\\
    - c &= d
\\end{aligned}
$$

Setext
------

    indented

    code

~~~~text
~~~
still inside
~~~~
***
- [ ] open
- [x] done

12 apples.
"""
DOCUMENTS = {"LF": ANSWER, "CRLF": ANSWER.replace("\n", "\r\n"), "CR": ANSWER.replace("\n", "\r")}


def texts_of(text: str) -> list[str]:
    return [text[span.start : span.end] for span in spans(text)]


def spans(text: str) -> list[Span]:
    return Splitter().feed(text)


def fed(text: str, sizes: list[int]) -> list[Span]:
    splitter, found, position = Splitter(), [], 0
    for size in sizes:
        found += splitter.feed(text[position : position + size])
        position += size
    return found + splitter.feed(text[position:])


def test_a_paragraph_is_finished_by_a_blank_line() -> None:
    assert blocks("one\ntwo\n") == []
    assert blocks("one\ntwo\n\n") == [Block(0, 9, "<p>one<br>\ntwo</p>\n")]


@pytest.mark.parametrize(
    ("text", "finished"),
    [
        ("# a\n", ["# a\n"]),
        ("---\n", ["---\n"]),
        ("a\n---\n", []),
        ("a\n```\nb\n\n", ["a\n"]),
        ("```\na\n\n```", []),
        ("```\na\n\n```\n", ["```\na\n\n```\n"]),
        ("````\n```\n", []),
        ("> a\nb\n\n", ["> a\nb\n\n"]),
        ("|a|\n|-|\n|b|\n\n", ["|a|\n|-|\n|b|\n\n"]),
        ("- a\n\n", []),
        ("- a\n\n-", []),
        ("- a\n\n- b\n\n  c\n\n", []),
        ("- a\n\nb", ["- a\n\n"]),
        ("- a\n\n*", []),
        ("- a\n\n**", ["- a\n\n"]),
        ("- a\n\n1", []),
        ("- a\n\n12 ", ["- a\n\n"]),
        ("- ```\n  a\n\nb", ["- ```\n  a\n\n"]),
        ("- a\n  ```\n  b\n\n  ```\n\nc", ["- a\n  ```\n  b\n\n  ```\n\n"]),
        ("1. a\n  ```\n\nb", ["1. a\n"]),
        ("1. a\n  ```\n\nb\n```\n", ["1. a\n", "  ```\n\nb\n```\n"]),
        ("    a\n\n    b\n\nc", ["    a\n\n    b\n\n"]),
        ("[^1]: a\n\n    b\n\nc", ["[^1]: a\n\n    b\n\n"]),
        ("$$\na\n", []),
        ("$$\na\n$$\n\n", ["$$\na\n$$\n\n"]),
        ("a\r\n\r", []),
        ("a\r\n\r\n", ["a\r\n\r\n"]),
        ("\n\n \na", []),
    ],
)
def test_it_knows_what_is_finished(text: str, finished: list[str]) -> None:
    assert texts_of(text) == finished


def test_blocks_are_counted_in_code_points() -> None:
    assert [(block.start, block.end) for block in blocks("é😀\n\n漢\n\n")] == [(0, 4), (4, 7)]


def test_the_rest_is_a_block_in_the_end() -> None:
    assert blocks("a\n\n- b", final=True)[-1] == Block(3, 6, "<ul>\n<li>b</li>\n</ul>\n")
    assert blocks("a\n\n \n", final=True) == blocks("a\n\n")


def test_a_footnote_waits_for_the_whole_text() -> None:
    assert [block.html for block in blocks("a[^1]\n\n[^1]: b\n\nc\n\n")] == ["<p>a[^1]</p>\n", "", "<p>c</p>\n"]


def test_footnotes_of_two_blocks_do_not_meet() -> None:
    text = "a[^1]\n[^1]: b\n\nc"
    html = "".join(block.html for block in blocks(f"{text}\n\n{text}", final=True, prefix="m1"))
    ids = re.findall(r'id="([^"]+)"', html)

    assert len(ids) == len(set(ids)) > 2


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_blocks_of_an_answer_are_the_answer(document: str) -> None:
    found = blocks(document, final=True)

    assert len(found) > 12
    assert "".join(block.html for block in found) == render(document)
    assert [block.start for block in found] == [0, *(block.end for block in found[:-1])]
    assert found[-1].end == len(document)


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_at_every_split_of_an_answer_they_are_the_first_of_the_whole(document: str) -> None:
    whole, splitter, found = spans(document), Splitter(), []
    for end in range(len(document) + 1):
        found += splitter.feed(document[max(end - 1, 0) : end])
        assert spans(document[:end]) == found == whole[: len(found)]
    assert found == whole


# --- Any text -------------------------------------------------------------------------------------------------------

INDENTS = ["", "", "", "", " ", "  ", "   ", "    ", "      ", "\t", " \t"]
LINES = r"""text|*more* text|# head|##|---|***|===|- item|* item|+ x|1. one|2. two|10) ten|- |-|1.|> quote|>|> - q
> ```|```|```py|~~~|````|~~~~ x|- ```|$$|$$ x $$|$$ x|x $$|\[|\]|\[ a \]|- $$|a;b|-;-|;a;b;|;-;-;|[ ] t|- [ ] t
`code|code`|<div>|||||\|a\|[x]|[x](|- - -|* * *|_ _ _|- - a|> 1. x|12 apples|-foo|**bold**|1.5 x"""
LINE = st.builds(
    "{}{}{}".format,
    st.sampled_from(INDENTS),
    st.sampled_from([line.replace(";", "|") for line in re.split(r"[|\n]", LINES)]),
    st.sampled_from(["\n", "\n", "\n", "\n", "\r\n", "\r"]),
)
TEXT = st.one_of(
    st.lists(LINE, max_size=14).map("".join),
    st.text("-*1.) `~$>|#\n\n \t[]ab\\_=", max_size=40),
    st.tuples(st.sampled_from(["- a\n", "1. a\n   ```\n", "> ", "    x\n", "a|b\n-|-\n"]), LINE, LINE, LINE).map(
        "".join
    ),
)
# Definitions have an effect on other blocks, but blocks are rendered separately.
ALONE = TEXT.filter(lambda text: "]:" not in text)


@settings(max_examples=500)
@given(ALONE)
@example("1.\n ```\n```\n")
@example("1. a\n   ```\n```\n\nb\n  ```\n")
@example("- a\n ```\n\nb\n```\n- c\n")
def test_blocks_of_any_text_are_the_text(text: str) -> None:
    assert "".join(block.html for block in blocks(text, final=True)) == render(text)


@given(TEXT)
def test_at_every_split_of_any_text_they_are_the_first_of_the_whole(text: str) -> None:
    whole = spans(text)
    for end in range(len(text)):
        found = spans(text[:end])
        assert found == whole[: len(found)]


@given(TEXT, st.lists(st.integers(0, 7), max_size=30))
def test_pieces_of_any_size_give_the_same_blocks(text: str, sizes: list[int]) -> None:
    assert fed(text, sizes) == spans(text)


# --- Work -----------------------------------------------------------------------------------------------------------


def documents(size: int) -> dict[str, str]:
    rng = random.Random(7)
    parts = re.split(r"\n\n(?=\S)", ANSWER)
    mixed = "\n\n".join(rng.choice(parts) for _ in range(size // 40))
    return {
        "mixed": mixed[:size],
        "code": "```\n" + "x = 1\n\n" * (size // 7),
        "list": "- item\n\n" * (size // 8),
        "code in a list": "- a\n  ```\n  x\n\n  ```\n\n" * (size // 22),
        "code behind a long list": "1. a\n\n  ```\n" * (size // 12) + "\nb\n",
        "code behind lists": "1. a\n  ```\n\nx\n  ```\n\n" * (size // 23),
        "line": "word " * (size // 5),
    }


@pytest.mark.parametrize("kind", documents(0))
def test_every_character_is_parsed_a_few_times_at_most(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []
    parse = ParserBlock.parse

    def counted(self: ParserBlock, source: str, *rest: Any) -> Any:
        parsed.append(len(source))
        return parse(self, source, *rest)

    monkeypatch.setattr(ParserBlock, "parse", counted)
    text = documents(60_000)[kind]
    splitter = Splitter()
    for start in range(0, len(text), 5):
        splitter.feed(text[start : start + 5])
    splitter.finish()

    assert sum(parsed) <= len(text)
    assert max(parsed, default=0) <= 20_000, "the loop that feeds it stands still meanwhile"
