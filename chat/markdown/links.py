"""Addresses: which ones become links, where one that is typed as it is ends, and how its host is shown.

We have our own rule for typed addresses, because linkify-it reads on to the end of the text at each open bracket, and
takes 。 and what follows into the address.
"""

import re
from unicodedata import name

from markdown_it import MarkdownIt
from markdown_it.common.normalize_url import normalizeLink
from markdown_it.rules_inline import StateInline

LONGEST = 2_000
# No user (`https://bank.example@evil.example`), and only ASCII, which is what a browser goes to.
SAFE = re.compile(
    r"(?:https?://[\w.-]+(?::\d{0,5})?(?:[/?#]|\Z)|https?://\[[\da-f:.]+\]|mailto:.)", re.IGNORECASE | re.ASCII
)
SCHEME = re.compile(r"(?<![A-Za-z0-9.+-])https?\Z", re.IGNORECASE)
LONGEST_SCHEME = len("https")
# In `https://example.com获取`, the host ends before the script that writes no spaces.
HOST = re.compile(r"://((?:[\w-]+\.)*(?:[A-Za-z0-9-]+(?=[\u0e00-\uffff])|[\w-]*[^\W_-]))(?::\d{1,5})?")
# With these, an address may end in a sentence: white space, marks of Markdown and HTML, invisible characters that turn
# the direction of text around, and the punctuation of Chinese, Japanese and Korean, of Arabic and of Hindi.
BREAKS = (
    r"\s<>\"`|\\^\x00-\x1f\x7f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffd"
    r"\u3001-\u3003\u3008-\u3011\u3014-\u301f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65‘’“”…—、。，؟،؛।॥"
)
REST = re.compile(rf"[^{BREAKS}()\[\]{{}}]+|[()\[\]{{}}]")
BRACKETS = {")": "(", "]": "[", "}": "{"}
USER = re.compile(rf"[^{BREAKS}/?#]*@")
# Signs that end a sentence, not an address, and opened brackets that close nowhere.
TRAILING = "?!.,:;*_~'([{"
# Scripts that are read together, and so never mistaken for each other.
TOGETHER = ({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}, {"LATIN", "CJK", "BOPOMOFO"}, {"LATIN", "CJK", "HANGUL"})


def install(parser: MarkdownIt) -> None:
    parser.inline.ruler.at("linkify", inline_rule)


def is_safe(url: str) -> bool:
    return bool(SAFE.match(url))


def inline_rule(state: StateInline, silent: bool) -> bool:
    """Parse an address that is typed as it is. Called at its colon: letters don't stop the rule for text."""
    scheme = SCHEME.search(state.src[max(0, state.pos - LONGEST_SCHEME - 1) : state.pos])
    # In a label, brackets come first.
    if silent or not scheme or state.linkLevel or not state.pending.endswith(scheme[0]):
        return False
    start = state.pos - len(scheme[0])
    end = end_of_address(state.src, state.pos, state.posMax)
    if end == state.pos:
        return False
    state.pending = state.pending[: -len(scheme[0])]
    url = state.src[start:end]
    href = normalizeLink(url)
    if len(url) > LONGEST or not is_safe(href):
        state.append_pending(url)
    else:
        _push(state, href, shown(url))
    state.pos = end
    return True


def end_of_address(text: str, start: int, most: int) -> int:
    """Return where the address ends whose `://` is at `start`, or `start` if it is none."""
    host = HOST.match(text, start, most)
    if not host or USER.match(text, start + 3, most):
        return start
    if text[host.end() : host.end() + 1] not in {"/", "?", "#"}:
        return host.end()
    end = host.end()
    opened: list[str] = []
    while piece := REST.match(text, end, most):
        if piece[0] in BRACKETS and (not opened or opened.pop() != BRACKETS[piece[0]]):
            break
        if piece[0] in BRACKETS.values():
            opened.append(piece[0])
        end = piece.end()
    return host.end() + len(text[host.end() : end].rstrip(TRAILING))


def _push(state: StateInline, href: str, text: str) -> None:
    state.push("link_open", "a", 1).attrs = {"href": href}
    state.push("text", "", 0).content = text
    state.push("link_close", "a", -1)


def shown(url: str) -> str:
    """Return an address as it is shown: if its host mixes scripts, as the browser asks for it, in Punycode."""
    host = HOST.search(url)
    if not host or not is_mixed(host[1]):
        return url
    plain = HOST.search(normalizeLink(url))
    return url.replace(host[1], plain[1], 1) if plain else url


def is_mixed(host: str) -> bool:
    """Tell whether a host has letters of scripts that can be mistaken for each other, as Latin and Cyrillic can."""
    scripts = {name(letter, "").partition(" ")[0] for letter in host if letter.isalpha()}
    return len(scripts) > 1 and not any(scripts <= together for together in TOGETHER)
