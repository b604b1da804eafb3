"""Bold, emphasis and strikethrough beside scripts that write no spaces between words.

CommonMark lets `**` close after punctuation only before a space or more punctuation, so `**注意：**请` keeps its
stars. For Chinese, Japanese and Korean this follows the "CommonMark CJK-friendly Amendments"
(https://github.com/tats-u/markdown-cjk-friendly, specification.md, Unicode 17). Two things are ours: Thai, Lao,
Tibetan, Burmese and Khmer are treated likewise, and `**Note:**This` is bold in every script.
"""

from unicodedata import category, east_asian_width

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token
from markdown_it.utils import EnvType

# The time for brackets that close nowhere grows with it.
MOST_BRACKETS = 10
OPENING = {"Ps", "Pi"}
# Variation selectors say how the character before them looks. U+FE0F is left out: it makes an emoji.
SELECTORS = range(0xFE00, 0xFE0F)
IDEOGRAPHIC_SELECTORS = range(0xE0100, 0xE01F0)
# In these, a selector makes a curved quotation mark, which is otherwise ambiguous, a wide one.
WIDE_QUOTE_SELECTOR = "\ufe01"
QUOTES = "‘’“”"
# Wide characters that are emoji and not writing.
EMOJI = (range(0x2000, 0x2E80), range(0x1F000, 0x1FB00))
HANGUL = range(0x1100, 0x1200)
# Thai, Lao and Tibetan; Burmese; Khmer.
WITHOUT_SPACES = (range(0x0E00, 0x1000), range(0x1000, 0x10A0), range(0x1780, 0x1800))


class State(StateInline):
    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803 - markdown-it's names
        scanned = super().scanDelims(start, canSplitWord)
        end = start + scanned.length
        if not canSplitWord or start == 0 or end >= self.posMax:
            return scanned
        before, mark = _before(self.src, start)
        after = self.src[end]
        if isWhiteSpace(ord(before)) or isWhiteSpace(ord(after)):
            return Scanned(not isWhiteSpace(ord(after)), not isWhiteSpace(ord(before)), scanned.length)
        if _is_spaceless_before(before, mark) or is_spaceless(after):
            return Scanned(True, True, scanned.length)
        closes = scanned.can_close or (
            scanned.length > 1 and _is_punctuation(before) and category(before) not in OPENING
        )
        return Scanned(scanned.can_open, closes, scanned.length)


class InlineParser(ParserInline):
    """markdown-it's own, with our state and a limit of its own for brackets in brackets."""

    def skipToken(self, state: StateInline) -> None:  # noqa: N802
        if state.level < MOST_BRACKETS or state.pos in state.cache:
            super().skipToken(state)
            return
        state.cache[state.pos] = state.posMax
        state.pos = state.posMax

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        state = State(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


def is_spaceless(character: str) -> bool:
    """Tell whether a character belongs to a script that writes no spaces between words; its punctuation does too."""
    code = ord(character)
    if code < 0x0E00:
        return False
    if any(code in script for script in WITHOUT_SPACES) or code in HANGUL:
        return True
    is_emoji = any(code in emoji for emoji in EMOJI)
    return east_asian_width(character) in {"W", "F", "H"} and not is_emoji


def _before(text: str, start: int) -> tuple[str, str]:
    """Return the character before a run and the variation selector between them, if there is one."""
    last = text[start - 1]
    if start > 1 and ord(last) in SELECTORS and not isWhiteSpace(ord(text[start - 2])):
        return text[start - 2], last
    return last, ""


def _is_spaceless_before(character: str, selector: str) -> bool:
    is_wide_quote = character in QUOTES and selector == WIDE_QUOTE_SELECTOR
    return is_wide_quote or is_spaceless(character) or ord(character) in IDEOGRAPHIC_SELECTORS


def _is_punctuation(character: str) -> bool:
    return isMdAsciiPunct(ord(character)) or isPunctChar(character)
