"""Lists and quotes in each other, down to a depth; what is deeper stays text in the deepest of them."""

from collections.abc import Callable

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock

# A quote is one level, a list two. Each quote looks at every line of those in it, so they are allowed less.
DEEPEST = {"blockquote": 16, "list": 32, "footnote_def": 32}
# markdown-it drops blocks that are deeper than this, so no block may be. Spans of a line have a limit of their own.
MOST_LEVELS = 40

Rule = Callable[[StateBlock, int, int, bool], bool]


def install(parser: MarkdownIt) -> None:
    rules = parser.block.ruler.__rules__
    for rule in [rule for rule in rules if rule.name in DEEPEST]:
        parser.block.ruler.at(rule.name, bounded(rule.fn, DEEPEST[rule.name]), {"alt": rule.alt})


def bounded(rule: Rule, deepest: int) -> Rule:
    def run(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        return state.level < deepest and rule(state, start, end, silent)

    return run
