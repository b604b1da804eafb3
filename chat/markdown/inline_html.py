"""The few HTML tags that models use because Markdown has nothing for them: `<br>`, `<sub>`, `<sup>`, `<kbd>`.

They are read only without attributes, and only as a whole element; anything else stays text.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

# A line break in the source right after it would be a second one.
BREAK = re.compile(r"<br[ \t]*/?>(?:[ \t]*\n[ \t]*)?", re.IGNORECASE)
OPENING = re.compile(r"<(sub|sup|kbd)>")
# Looking for the end of an element stops here, so that many openings without an end cost little.
LONGEST = 500


def install(parser: MarkdownIt) -> None:
    parser.inline.ruler.before("autolink", "inline_html", inline_rule)


def inline_rule(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "<":
        return False
    return _break(state, silent) or _element(state, silent)


def _break(state: StateInline, silent: bool) -> bool:
    found = BREAK.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if not silent:
        state.push("hardbreak", "br", 0)
    state.pos = found.end()
    return True


def _element(state: StateInline, silent: bool) -> bool:
    opening = OPENING.match(state.src, state.pos, state.posMax)
    if not opening:
        return False
    start, most = opening.end(), state.posMax
    closing = f"</{opening[1]}>"
    end = state.src.find(closing, start, min(most, start + LONGEST))
    if end <= start or opening[0] in state.src[start:end]:
        return False
    if not silent:
        state.push(f"{opening[1]}_open", opening[1], 1)
        state.pos, state.posMax = start, end
        state.md.inline.tokenize(state)
        state.push(f"{opening[1]}_close", opening[1], -1)
        state.posMax = most
    state.pos = end + len(closing)
    return True
