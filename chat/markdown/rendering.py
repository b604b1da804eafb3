"""A whole text as HTML: parsed by markdown-it, adapted by our rules, sanitised by nh3."""

import re
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from mdit_py_plugins.footnote import footnote_plugin

from chat.markdown import directions, formulas, inline_html, links, nesting, rules
from chat.markdown.cache import cached_html
from chat.markdown.directions import without_controls
from chat.markdown.emphasis import InlineParser
from chat.markdown.sanitiser import clean
from chat.markdown.turns import turn

# A text this long takes about 0.4 s, and up to a few seconds if it was made to be slow.
LONGEST = 200_000
# They can arrive in JSON, but can't be encoded.
SURROGATE = re.compile("[\ud800-\udfff]")


class Parser(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 - markdown-it's name
        return links.is_safe(url)

    def normalizeLinkText(self, link: str) -> str:  # noqa: N802
        return links.shown(link)


def make_parser() -> MarkdownIt:
    options = {"breaks": True, "html": False, "linkify": False, "tasklists": True, "maxNesting": nesting.MOST_LEVELS}
    parser = Parser("js-default", options)
    parser.inline = InlineParser()
    # No inline footnotes `^[…]`: in a model's text that is an exponent.
    parser.use(footnote_plugin, inline=False).use(formulas.install).use(rules.install)
    parser.use(links.install).use(inline_html.install).use(nesting.install).use(directions.install)
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
    if len(text) > LONGEST:
        return without_controls(clean(f'<p class="plain">{escape(text)}</p>'))
    with turn():
        return without_controls(clean(PARSER.render(text, env)))
