"""What somebody types into the search, made into words. Pure."""

import re
import unicodedata
from dataclasses import dataclass

MOST_CHARS = 200
MOST_TERMS = 10
MOST_WORD_CHARS = 60

_PARTS = re.compile(r'"([^"]*)"?|([^"\s]+)')
# Endings, the longest first; what is left of a word is enough to find its other forms by.
_RUSSIAN = re.compile(
    r"(?:иями|ями|ами|ого|его|ому|ему|ыми|ими|ость|ости|иях|ия|ии|ие|ий|ию|ах|ях|ов|ев|ей|ой|ый|ая|яя|ое|ее|ые|ую|юю"
    r"|ом|ем|ам|ям|ых|их|ым|им|ть|ет|ит|ют|ут|ат|ят|ла|ло|ли|[аяоеиыуюьй])$"
)
_ENGLISH = re.compile(r"(?:ings|ing|edly|ed|ies|es|ers|er|ly|y|s)$")
_VOWEL = re.compile("[aeiouyаеиоуыэюя]")
_LONG_ENOUGH = 5


@dataclass(frozen=True)
class Term:
    """Several words are a phrase, in this order. `is_open`: the last of them may go on, as it is still being typed."""

    words: tuple[str, ...]
    is_open: bool = False

    @property
    def is_phrase(self) -> bool:
        return len(self.words) > 1


def parse(text: str) -> tuple[Term, ...]:
    """All of them must be found. Nothing that can be typed is an error; what has no letter or digit is no term."""
    terms: list[Term] = []
    text = text[:MOST_CHARS]
    for match in _PARTS.finditer(text):
        quoted, plain = match.groups()
        is_closed = quoted is not None and match[0].endswith('"') and len(match[0]) > 1
        words = words_of(quoted if plain is None else plain)
        if quoted is not None:
            terms += [Term(words)] if words else []
        else:
            terms += [Term((word,)) for word in words]
        if words and not is_closed and match.end() == len(text.rstrip()):
            terms[-1] = Term(terms[-1].words, is_open=True)
    return tuple(terms[-MOST_TERMS:])


def words_of(text: str) -> tuple[str, ...]:
    """As the index has them: letters and digits, in lower case, ё as е."""
    letters = "".join(character if _is_of_word(character) else " " for character in text)
    return tuple(word[:MOST_WORD_CHARS] for word in letters.lower().replace("ё", "е").split())


def _is_of_word(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] == "L" or category == "Nd"


def root_of(word: str) -> str:
    """Without its ending, if enough is left. A guess, good enough to mark a place or to widen a search."""
    if len(word) < _LONG_ENOUGH:
        return word
    root = _RUSSIAN.sub("", word) if word[-1] >= "а" else _ENGLISH.sub("", word)
    if len(root) < len(word) and len(root) > 3 and root[-1] == root[-2] and root[-1] not in "aeiouls":
        # running, stopped
        root = root[:-1]
    return root if len(root) >= 3 and _VOWEL.search(root) else word
