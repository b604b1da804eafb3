"""A whole text as HTML: parsed by markdown-it, adapted by our rules, sanitised by nh3."""

import re
from html import escape
from typing import Any

from linkify_it import LinkifyIt
from markdown_it import MarkdownIt
from mdit_py_plugins.footnote import footnote_plugin

from chat.markdown import formulas, rules
from chat.markdown.cache import cached_html
from chat.markdown.sanitiser import clean

# A text this long takes about 0.4 s, and up to a few seconds if it was made to be slow.
LONGEST = 200_000
# Nesting of lists and quotes; a list counts twice. markdown-it would drop anything deeper, and the time for nested
# brackets grows with it.
DEEPEST = 20
SAFE_URL = re.compile(r"(?:https?://[^/?#]|mailto:.)", re.IGNORECASE)
# They can arrive in JSON, but can't be encoded.
SURROGATE = re.compile("[\ud800-\udfff]")


class Parser(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 - markdown-it's name
        return bool(SAFE_URL.match(url))


def make_parser() -> MarkdownIt:
    parser = Parser(
        "js-default", {"breaks": True, "html": False, "linkify": True, "tasklists": True, "maxNesting": DEEPEST}
    )
    # `main.py` and `README.md` are not links, although .py and .md are top-level domains.
    parser.linkify = LinkifyIt({"ftp:": None, "//": None}, {"fuzzy_link": False, "fuzzy_email": False})
    # No inline footnotes `^[…]`: in a model's text that is an exponent.
    parser.use(footnote_plugin, inline=False).use(formulas.install).use(rules.install)
    # The parser compiles its rules on first use, which two threads must not do at once.
    parser.render("*")
    return parser


PARSER = make_parser()


def render(text: str, *, prefix: str = "m") -> str:
    """Return safe HTML. `prefix` keeps the footnotes of different messages on a page apart."""
    return _render(text, prefix)


@cached_html()
def _render(text: str, prefix: str) -> str:
    text = SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
    env: dict[str, Any] = {"docId": prefix}
    tokens = PARSER.parse(text, env) if len(text) <= LONGEST else []
    if len(text) > LONGEST or any(token.nesting == 1 and token.level >= DEEPEST - 1 for token in tokens):
        return clean(f'<p class="plain">{escape(text)}</p>')
    return clean(PARSER.renderer.render(tokens, PARSER.options, env))
