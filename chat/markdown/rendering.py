"""The whole text: parsed by markdown-it, dressed by our rules, cleaned by nh3."""

import re
from html import escape
from typing import Any

from linkify_it import LinkifyIt
from markdown_it import MarkdownIt
from mdit_py_plugins.footnote import footnote_plugin

from chat.markdown import formulas, rules
from chat.markdown.memory import remembered
from chat.markdown.sanitiser import clean

# About 0.4 s for such a text, up to some seconds for one that was made to be slow.
LONGEST = 200_000
# Of lists and quotes in each other, two for each list. markdown-it would leave out what is deeper; brackets in each
# other take time in proportion.
DEEPEST = 20
SAFE_URL = re.compile(r"(?:https?://[^/?#]|mailto:.)", re.IGNORECASE)
# No encoder takes them, and JSON may bring them.
SURROGATE = re.compile("[\ud800-\udfff]")


class Parser(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 - markdown-it's name
        return bool(SAFE_URL.match(url))


def make_parser() -> MarkdownIt:
    parser = Parser(
        "js-default", {"breaks": True, "html": False, "linkify": True, "tasklists": True, "maxNesting": DEEPEST}
    )
    # `main.py` and `README.md` are no addresses, though .py and .md are countries.
    parser.linkify = LinkifyIt({"ftp:": None, "//": None}, {"fuzzy_link": False, "fuzzy_email": False})
    # No `^[…]`: in prose of models that is an exponent.
    parser.use(footnote_plugin, inline=False).use(formulas.install).use(rules.install)
    # Rules are put together at the first use, which two threads must not do at once.
    parser.render("*")
    return parser


PARSER = make_parser()


def render(text: str, *, prefix: str = "m") -> str:
    """`prefix` keeps the footnotes of a page's messages apart."""
    return _render(text, prefix)


@remembered
def _render(text: str, prefix: str) -> str:
    text = SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
    env: dict[str, Any] = {"docId": prefix}
    tokens = PARSER.parse(text, env) if len(text) <= LONGEST else []
    if len(text) > LONGEST or any(token.nesting == 1 and token.level >= DEEPEST - 1 for token in tokens):
        return clean(f'<p class="plain">{escape(text)}</p>')
    return clean(PARSER.renderer.render(tokens, PARSER.options, env))
