"""Which lists, quotes, tables and footnotes run from right to left, so that their marks are on the right.

This is what `dir="auto"` does, but that would not look into a list or quote in another one. A direction is written only
where it changes.
"""

import re
from unicodedata import bidirectional

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

CONTAINERS = {"bullet_list", "ordered_list", "blockquote", "table", "footnote_block"}
LETTER = re.compile(r"[^\W\d_]")
# They turn the direction of all text around them; in code they are kept, because code is copied as it was written.
CODE_OR_CONTROL = re.compile(r"(?s)<code\b.*?</code>|[\u202a-\u202e\u2066-\u2069]")


def install(parser: MarkdownIt) -> None:
    parser.core.ruler.push("directions", mark_directions)


def without_controls(html: str) -> str:
    """Drop the controls of text direction outside of code."""
    return CODE_OR_CONTROL.sub(lambda found: found[0] if found[0][0] == "<" else "", html)


def mark_directions(state: StateCore) -> None:
    """Give each container the direction of its first letter outside of code and formulas."""
    waiting: list[Token] = []  # containers whose first letter is still to come
    found: dict[int, str] = {}
    for token in state.tokens:
        if token.nesting == 1 and token.type.removesuffix("_open") in CONTAINERS:
            waiting.append(token)
        elif token.nesting == -1 and waiting and token.type.removesuffix("_close") in CONTAINERS:
            # It has no letters, if it is still the last that waits.
            waiting = [one for one in waiting if one.level < token.level]
        elif token.type == "inline" and waiting and (direction := direction_of(token.children or [])):
            found |= {id(one): direction for one in waiting}
            waiting = []
    write_changes(state.tokens, found)


def direction_of(children: list[Token]) -> str:
    letters = (LETTER.search(token.content) for token in children if token.type == "text")
    first = next((letter[0] for letter in letters if letter), "")
    return ("rtl" if bidirectional(first) in {"R", "AL"} else "ltr") if first else ""


def write_changes(tokens: list[Token], found: dict[int, str]) -> None:
    around = ["ltr"]
    for token in tokens:
        if token.type.removesuffix("_open").removesuffix("_close") not in CONTAINERS:
            continue
        if token.nesting == -1:
            around.pop()
            continue
        direction = found.get(id(token), around[-1])
        if direction != around[-1]:
            token.attrSet("dir", direction)
        around.append(direction)
