"""The words in what somebody types into the search. Pure."""

import re
import unicodedata
from dataclasses import dataclass

import snowballstemmer

from chat.search.letters import is_unspaced, pairs_of, plain, runs_of

MOST_CHARS = 200
MOST_TERMS = 10
MOST_WORD_CHARS = 60

_PARTS = re.compile(r'"([^"]*)"?|([^"\s]+)')
# The beginning of a shorter word, or a shorter beginning, would match far too much.
_LONG_ENOUGH, _SHORTEST_ROOT = 5, 3


@dataclass(frozen=True)
class Term:
    """A word, or the words of a phrase in their order. `is_open`: the last word may still be being typed."""

    words: tuple[str, ...]
    is_open: bool = False

    @property
    def is_phrase(self) -> bool:
        return len(self.words) > 1

    @property
    def is_beginning(self) -> bool:
        """Tell whether the last of `tokens` is the beginning of what is found: of a pair, if it is a single letter."""
        return self.is_open or (len(self.words[-1]) == 1 and is_unspaced(self.words[-1]))

    @property
    def tokens(self) -> tuple[str, ...]:
        """The words as they are in the index, one behind the other."""
        return tuple(token for number, word in enumerate(self.words, 1) for token in self._tokens(number, word))

    def _tokens(self, number: int, word: str) -> list[str]:
        if not is_unspaced(word):
            return [word]
        # The last letter of a run is in the index alone, but where a search ends, a run may go on.
        is_last = number == len(self.words) and len(word) > 1
        return pairs_of(word) + ([] if is_last else [word[-1]])


def parse(text: str) -> tuple[Term, ...]:
    """Return the terms, all of which must be found.

    Nothing that can be typed is an error; whatever has no letter or digit is not a term.
    """
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
    """Split a text into words as the index does: letters and digits, plain ones, in lower case."""
    text = plain(unicodedata.normalize("NFC", text))
    letters = "".join(character if _is_of_word(character) else " " for character in text).lower()
    return tuple(run[:MOST_WORD_CHARS] for word in letters.split() for run in runs_of(word))


def _is_of_word(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] == "L" or category == "Nd"


def root_of(word: str) -> str:
    """Return the beginning that a word shares with its other forms, or the whole word if that is too short."""
    if len(word) < _LONG_ENOUGH:
        return word
    is_russian = word[-1] >= "а"
    # A new one each time: stemmers are not thread-safe.
    root = snowballstemmer.stemmer("russian" if is_russian else "english").stemWord(word)
    while not word.startswith(root):
        # A stem may end in another letter: story has the stem stori.
        root = root[:-1]
    if not is_russian and root.endswith(("e", "i")):
        # The other forms lose it: code, coding; stories, story.
        root = root[:-1]
    return root if len(root) >= _SHORTEST_ROOT else word
