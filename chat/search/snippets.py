"""The place in a text that was found, with the words marked. Pure, except for Django's escaping."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import islice

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from chat.search.letters import UNSPACED, is_unspaced, plain
from chat.search.words import Term, root_of

BEFORE, AFTER = 50, 130
# The best place is chosen from this many matches.
MOST_MATCHES = 200
# Markdown's punctuation would only be noise here.
# A word that touches one without spaces is a word nonetheless.
_BEGINS = rf"(?<![^\W_{UNSPACED}]){{}}[^\W_{UNSPACED}]*"
_MARKUP = re.compile(r"[*`#|>~_]{2,}|[*`#|]|^[>-]\s", re.MULTILINE)


def snippet(text: str, terms: Sequence[Term]) -> SafeString:
    """Return the place where most of the words are close together, or the beginning if there are none."""
    text = unicodedata.normalize("NFC", text)
    pattern = _pattern(terms)
    start, end = _best(list(islice(pattern.finditer(plain(text)), MOST_MATCHES)))
    begin, stop = max(0, start - BEFORE), min(len(text), end + AFTER)
    # Cut between words.
    begin = text.find(" ", begin, start) + 1 or begin if begin else 0
    stop = text.rfind(" ", end, stop) if stop < len(text) and " " in text[end:stop] else stop
    shown = " ".join(_MARKUP.sub(" ", text[begin:stop]).split())
    return mark(f"{'… ' if begin else ''}{shown}{' …' if stop < len(text) else ''}", terms)


def mark(text: str, terms: Sequence[Term]) -> SafeString:
    """Escape the whole text, and put the words that were searched for in <mark>."""
    text = unicodedata.normalize("NFC", text)
    pieces, here = [], 0
    for match in _pattern(terms).finditer(plain(text)):
        pieces += [("", text[here : match.start()], ""), ("<mark>", text[slice(*match.span())], "</mark>")]
        here = match.end()
    pieces.append(("", text[here:], ""))
    return _join(pieces)


def _join(pieces: list[tuple[str, str, str]]) -> SafeString:
    tags = {"": SafeString(""), "<mark>": SafeString("<mark>"), "</mark>": SafeString("</mark>")}
    return format_html_join("", "{}{}{}", ((tags[before], text, tags[after]) for before, text, after in pieces))


def _pattern(terms: Sequence[Term]) -> re.Pattern[str]:
    """Return a pattern for words that begin with one of the roots, and for words without spaces wherever they are."""
    roots = sorted({root_of(word) for term in terms for word in term.words}, key=len, reverse=True)
    any_of = "|".join(re.escape(root) if is_unspaced(root) else _BEGINS.format(re.escape(root)) for root in roots)
    return re.compile(any_of, re.IGNORECASE)


def _best(matches: list[re.Match[str]]) -> tuple[int, int]:
    """Return the span of the match that is followed by the most different words; the first of several."""
    most, place = 0, (0, 0)
    for number, match in enumerate(matches):
        near = {other[0].lower() for other in matches[number : number + 20] if other.end() < match.start() + AFTER}
        if len(near) > most:
            most, place = len(near), match.span()
    return place
