"""Text filters that work across chunks: surrogate pairs and <think> tags may be split anywhere."""

import re
import unicodedata

_REPLACED = re.compile("[\0\ud800-\udfff]")
NAMES = ("think", "thinking", "thought")
OPENING = tuple(f"<{name}>" for name in NAMES)
CLOSING = tuple(f"</{name}>" for name in NAMES)
_CLOSING_TAG = re.compile("|".join(CLOSING), re.IGNORECASE | re.ASCII)
LONGEST = max(map(len, CLOSING))
INVISIBLE = {"Cc", "Cf", "Zs", "Zl", "Zp"}
# White space before the opening tag is held back with it; more than this is part of the answer.
MOST_BLANK = 100
MOST_PIECES = 100


def cleaned(text: str) -> str:
    """Clean a text that is complete."""
    cleaner = Cleaner()
    return cleaner.clean(text) + cleaner.flush()


class Cleaner:
    """Replaces NUL and lone surrogates with U+FFFD: PostgreSQL refuses the former, UTF-8 the latter."""

    def __init__(self) -> None:
        self._high = ""

    def clean(self, text: str) -> str:
        text = self._high + text
        self._high = ""
        if not _REPLACED.search(text):
            return text
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._high = text[:-1], text[-1]
        return self._repaired(text)

    def flush(self) -> str:
        high, self._high = self._high, ""
        return self._repaired(high)

    @staticmethod
    def _repaired(text: str) -> str:
        text = text.replace("\0", "\ufffd")
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class ThinkTags:
    """Splits a text into reasoning and answer by its tags, which count only where a thought can be open.

    An opening tag counts at the very start, or right after another thought; only the closing tag of the same name ends
    the thought. A closing tag without an opening one ends the reasoning of a model that begins in it. Otherwise it is
    dropped if it is alone on its line or stuck to the next word, because some templates leave it behind, unless the
    reasoning has a field of its own or the tag stands between backticks. All other tags are part of the answer.
    """

    def __init__(self, *, begins_in_reasoning: bool = False) -> None:
        # The closing tags that end the thought that is open; none outside of a thought.
        self._closing: tuple[str, ...] = CLOSING if begins_in_reasoning else ()
        self._at_start = True
        self._may_be_lone = not begins_in_reasoning
        self._is_code, self._line_is_blank = False, True
        self._held = ""
        self._passing: list[str] = []

    def reasoning_has_a_field(self) -> None:
        self._may_be_lone = False

    def split(self, text: str) -> tuple[str, str]:
        """Return the (reasoning, answer) that is certain so far, and hold back what may be half a tag."""
        if not (self._at_start or self._closing or self._held) and (not self._may_be_lone or "<" not in text):
            if self._may_be_lone:
                self._pass_later(text)
            return "", text
        self._pass_all()
        text, self._held = self._held + text, ""
        reasoning = ""
        while text:
            if self._at_start:
                text = self._past_opening(text)
            elif self._closing:
                thought, text = self._past_closing(text)
                reasoning += thought
            else:
                return reasoning, self._without_lone(text)
        return reasoning, ""

    def _past_opening(self, text: str) -> str:
        """Return what follows the opening tag, all of it if there is none, nothing while there may still be one."""
        start = text.lstrip()
        may_open = len(text) - len(start) <= MOST_BLANK
        small = start[:LONGEST].lower()
        tag = next((tag for tag in OPENING if small.startswith(tag)), "") if may_open else ""
        if not tag and may_open and any(tag.startswith(small) for tag in OPENING) and len(small) < LONGEST:
            self._held = text
            return ""
        self._at_start = False
        if not tag:
            return text
        self._closing, self._may_be_lone = (f"</{tag[1:]}",), False
        return start[len(tag) :]

    def _past_closing(self, text: str) -> tuple[str, str]:
        """Return (the thought, what follows its closing tag)."""
        found = next((tag for tag in _CLOSING_TAG.finditer(text) if tag[0].lower() in self._closing), None)
        if not found:
            thought, self._held = _hold_back(text, self._closing)
            return thought, ""
        self._closing, self._at_start = (), True
        return text[: found.start()], text[found.end() :]

    def _without_lone(self, text: str) -> str:
        """Return the text without a lone closing tag."""
        if not self._may_be_lone:
            return text
        at = text.find("<")
        while at >= 0:
            rest = text[at : at + LONGEST].lower()
            if any(rest.startswith(tag) for tag in OPENING):
                # The answer talks about these tags.
                self._may_be_lone = False
                return text
            if tag := next((tag for tag in CLOSING if rest.startswith(tag)), ""):
                return self._at_lone(text[:at], text[at:], tag)
            if len(rest) < LONGEST and any(tag.startswith(rest) for tag in (*OPENING, *CLOSING)):
                self._held = text[at:]
                return self._passed(text[:at])
            at = text.find("<", at + 1)
        return self._passed(text)

    def _at_lone(self, before: str, text: str, tag: str) -> str:
        """Decide about the first lone closing tag, once it is known what follows on its line."""
        before = self._passed(before)
        after = text[len(tag) :]
        line = after.partition("\n")[0]
        if not after or (line.isspace() and "\n" not in after and len(line) <= MOST_BLANK):
            self._held = text
            return before
        self._may_be_lone = False
        is_alone = self._line_is_blank and not line.strip()
        is_stuck = after[0].isalnum()
        return before + (after if (is_alone or is_stuck) and not self._is_code else text)

    def _pass_later(self, text: str) -> None:
        """Note text without a tag. Many pieces at once are looked at as fast as one."""
        self._passing.append(text)
        if len(self._passing) >= MOST_PIECES:
            self._pass_all()

    def _pass_all(self) -> None:
        self._passed("".join(self._passing))
        self._passing.clear()

    def _passed(self, text: str) -> str:
        """Remember whether the text so far ends between backticks, and on a line that is blank so far."""
        self._is_code ^= text.count("`") % 2 == 1
        _, line_break, line = text.rpartition("\n")
        self._line_is_blank = (bool(line_break) or self._line_is_blank) and not line.strip()
        return text

    def flush(self) -> tuple[str, str]:
        self._pass_all()
        held, self._held = self._held, ""
        if self._closing:
            return held, ""
        is_lone_tag = held.strip().lower() in CLOSING and self._line_is_blank and not self._is_code
        return "", "" if is_lone_tag else held


def _hold_back(text: str, tags: tuple[str, ...]) -> tuple[str, str]:
    """Split `text` into (certain, held): the longest end that may be the beginning of a tag is held back."""
    # A tag contains "<" only at its beginning.
    at = text.rfind("<", -LONGEST + 1)
    if at >= 0 and any(tag.startswith(text[at:].lower()) for tag in tags):
        return text[:at], text[at:]
    return text, ""


def has_words(text: str) -> bool:
    """Tell whether there is anything to see: neither white space nor invisible characters are."""
    return any(unicodedata.category(character) not in INVISIBLE for character in text.strip())
