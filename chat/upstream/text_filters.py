"""Two text filters that work across chunks: surrogate pairs and <think> tags may be split anywhere."""

import re

_REPLACED = re.compile("[\0\ud800-\udfff]")
OPEN, CLOSE = "<think>", "</think>"
# White space before the opening tag is held back with it; more than this is part of the answer.
MOST_BLANK = 100


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
    """Splits a text into reasoning and answer by its tags.

    <think> only counts at the very start. A lone </think> is dropped, and the text before it remains part of the answer
    unless the model begins in reasoning, with or without an opening tag.
    """

    def __init__(self, *, begins_in_reasoning: bool = False) -> None:
        self._thinking = begins_in_reasoning
        self._at_start = True
        self._closed = False
        self._held = ""

    def split(self, text: str) -> tuple[str, str]:
        """Return the (reasoning, answer) that is certain so far, and hold back what may be half a tag."""
        if self._closed:
            return "", text
        text, self._held = self._held + text, ""
        if self._at_start:
            text = self._past_opening(text)
        before, tag, after = text.partition(CLOSE)
        if not tag and not self._at_start:
            before, self._held = _hold_back(text, CLOSE)
        reasoning, answer = (before, "") if self._thinking else ("", before)
        if tag:
            self._closed, self._thinking = True, False
            answer += after
        return reasoning, answer

    def _past_opening(self, text: str) -> str:
        """Return the text after the opening tag, all of it if there is none, nothing while it may still become one."""
        start = text.lstrip()
        may_open = len(text) - len(start) <= MOST_BLANK
        if may_open and len(start) < len(OPEN) and OPEN.startswith(start):
            self._held = text
            return ""
        self._at_start = False
        if not may_open or not start.startswith(OPEN):
            return text
        self._thinking = True
        return start.removeprefix(OPEN)

    def flush(self) -> tuple[str, str]:
        held, self._held = self._held, ""
        return (held, "") if self._thinking else ("", held)


def _hold_back(text: str, tag: str) -> tuple[str, str]:
    """Split `text` into (certain, held): the longest end that may be the beginning of `tag` is held back."""
    # A tag contains "<" only at its beginning.
    at = text.rfind("<", -len(tag) + 1)
    if at >= 0 and tag.startswith(text[at:]):
        return text[:at], text[at:]
    return text, ""
