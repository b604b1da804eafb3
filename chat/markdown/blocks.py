"""Which parts of a growing text are finished: no text that may still come changes how they are read.

A reader of lines that decides once and never looks back. So the blocks of a text's beginning are the first blocks of
the text, however it came in pieces; each is rendered alone. What it can't tell by the lines alone (a fence that may
stand in a list or behind it) it asks the parser, at most twice for each piece of text: all work together is linear.
"""

import re
from typing import NamedTuple

from markdown_it.token import Token

from chat.markdown.rendering import PARSER, render

NEWLINE = re.compile(r"\r\n|\n|\r")
BLANK = re.compile(r"[ \t\r\n]*\Z")
# One line and finished, at the beginning of a block: a heading, a rule.
ONE_LINE = re.compile(r" {0,3}(?:#{1,6}[ \t\r\n]|([-*_])(?:[ \t]*\1){2,}[ \t]*[\r\n])")
FENCE = re.compile(r"( {0,3})(`{3,}(?=[^`]*\Z)|~{3,})")
# What may hold blank lines: list items, footnotes, indented code.
HOLDS_BLANKS = re.compile(r" {0,3}(?:[-+*]|\d{1,9}[.)])[ \t\r\n]| {0,3}\[\^| {4}| {0,3}\t")
# The beginning of a line that goes on with none of them: not indented, no marker of a list. Decided by so many
# characters at most.
ENDS_THEM = re.compile(r"[^ \t\r\n\-+*\d]|[-+*][^ \t\r\n]|\d{1,9}[^\d.)\r\n]|\d{1,9}[.)][^ \t\r\n]|\d{10}")
ENOUGH = 12
# In lists longer than this it does not ask the parser, for whom others would wait.
MOST_ASKED = 20_000


class Span(NamedTuple):
    """A block's text, not yet rendered; it starts where the one before ends."""

    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class Block(NamedTuple):
    """`text[start:end]`, in code points, as HTML."""

    start: int
    end: int
    html: str


def rendered(span: Span, prefix: str = "m") -> Block:
    """Alone: its definitions reach into no other block, nor their footnotes into it."""
    return Block(span.start, span.end, render(span.text, prefix=f"{prefix}-{span.start}"))


def blocks(text: str, *, final: bool = False, prefix: str = "m") -> list[Block]:
    """With `final` the unfinished rest is one too."""
    splitter = Splitter()
    spans = splitter.feed(text) + (splitter.finish() if final else [])
    return [rendered(span, prefix) for span in spans]


class Splitter:
    """Feed it a text in pieces of any size: it finds where the blocks end."""

    def __init__(self) -> None:
        self._found: list[Span] = []
        self._start = 0  # of the block that is being read
        self._held = ""  # a CR at the end of a piece, which may be half of a CRLF
        self._begun: list[str] = []  # pieces of the line that has no end yet
        self._head = ""  # how this line begins
        self._begin([])

    def feed(self, text: str) -> list[Span]:
        """The blocks that are finished by this piece."""
        text = self._held + text
        self._held = "\r" if text.endswith("\r") else ""
        text = text.removesuffix("\r")
        position = 0
        for match in NEWLINE.finditer(text):
            self._read("".join([*self._begun, text[position : match.end()]]))
            self._begun, self._head = [], ""
            position = match.end()
        if position < len(text):
            self._read_beginning(text[position:])
        return self._take()

    def finish(self) -> list[Span]:
        """There is no more text: what is left is a block too."""
        self._lines += [*self._begun, self._held]
        if not BLANK.match("".join(self._lines)):
            self._cut()
        return self._take()

    def _take(self) -> list[Span]:
        found, self._found = self._found, []
        return found

    def _begin(self, lines: list[str]) -> None:
        self._lines = lines
        self._closing: re.Pattern[str] | None = None  # what closes the fence that we are in
        self._is_empty = True
        self._holds_blanks = False
        self._after_blank = False
        self._is_doubtful = False  # a fence was opened in a list, or behind it

    def _read_beginning(self, piece: str) -> None:
        """A list ends as soon as the next line shows that it is none of it: nobody waits for the whole line."""
        self._begun.append(piece)
        if len(self._head) < ENOUGH:
            self._head += piece[: ENOUGH - len(self._head)]
            if self._after_blank and ENDS_THEM.match(self._head):
                self._end_before()

    def _read(self, line: str) -> None:
        if self._after_blank and ENDS_THEM.match(line):
            self._end_before()
        fence = FENCE.match(line)
        if fence and not self._closing and not self._is_empty:
            # In a list it may stand in an item, unless it is not indented at all.
            if self._holds_blanks and fence[1]:
                self._is_doubtful = True
            else:
                self._end_before()
        self._lines.append(line)
        if self._closing:
            self._read_code(line)
        elif BLANK.match(line):
            self._read_blank()
        elif self._is_empty:
            self._read_first(line, fence)
        else:
            self._read_next(line)

    def _read_code(self, line: str) -> None:
        if self._closing and self._closing.match(line):
            self._cut()

    def _read_blank(self) -> None:
        if self._holds_blanks:
            self._after_blank = True
        elif not self._is_empty:
            self._cut()

    def _read_first(self, line: str, fence: re.Match[str] | None) -> None:
        self._is_empty = False
        if fence:
            self._closing = closing(fence[2])
        elif ONE_LINE.match(line):
            self._cut()
        else:
            self._read_next(line)

    def _read_next(self, line: str) -> None:
        self._holds_blanks = self._holds_blanks or bool(HOLDS_BLANKS.match(line))
        self._after_blank = False

    def _end_before(self) -> None:
        """The block ends before the line that begins now, unless that line is in a fence."""
        fence = self._open_fence() if self._is_doubtful else None
        if not fence or not fence.map:
            self._cut()
            return
        code = self._lines[fence.map[0] :]
        del self._lines[fence.map[0] :]
        self._cut()
        self._begin(code)
        self._is_empty = False
        self._closing = closing(fence.markup)

    def _open_fence(self) -> Token | None:
        """The last word of the parser on what was read: the fence it is in, outside of any list."""
        source = NEWLINE.sub("\n", "".join(self._lines))
        if len(source) > MOST_ASKED:
            return None
        tokens: list[Token] = []
        PARSER.block.parse(source, PARSER, {}, tokens)
        last = tokens[-1]
        if last.type != "fence" or last.level or not last.map or last.map[1] < len(self._lines):
            return None
        behind_first = self._lines[last.map[0] + 1 :]
        is_closed = behind_first and closing(last.markup).match(behind_first[-1])
        return None if is_closed else last

    def _cut(self) -> None:
        span = Span(self._start, "".join(self._lines))
        self._found.append(span)
        self._start = span.end
        self._begin([])


def closing(fence: str) -> re.Pattern[str]:
    return re.compile(rf" {{0,3}}{fence[0]}{{{len(fence)},}}[ \t]*[\r\n]*\Z")
