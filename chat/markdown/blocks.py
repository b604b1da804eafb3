"""The finished parts of a growing text: no text that is still to come can change how they are parsed.

The text is read line by line, and a decision is never revised. So however a text is split into pieces, the blocks of
its beginning are also the first blocks of the whole; each is rendered on its own. Where the lines alone don't tell (a
fence that may be inside a list or after it), the parser is asked, at most twice for each piece, so the total work is
linear.
"""

import re
from typing import NamedTuple

from markdown_it.token import Token

from chat.markdown.rendering import PARSER, render

NEWLINE = re.compile(r"\r\n|\n|\r")
BLANK = re.compile(r"[ \t\r\n]*\Z")
# A heading or a rule: at the beginning of a block, one line is the whole block.
ONE_LINE = re.compile(r" {0,3}(?:#{1,6}[ \t\r\n]|([-*_])(?:[ \t]*\1){2,}[ \t]*[\r\n])")
FENCE = re.compile(r"( {0,3})(`{3,}(?=[^`]*\Z)|~{3,})")
# List items, footnotes and indented code may contain blank lines.
HOLDS_BLANKS = re.compile(r" {0,3}(?:[-+*]|\d{1,9}[.)])[ \t\r\n]| {0,3}\[\^| {4}| {0,3}\t")
# The beginning of a line that continues none of these: not indented, and not a list marker. ENOUGH characters are
# always enough to tell.
ENDS_THEM = re.compile(r"[^ \t\r\n\-+*\d]|[-+*][^ \t\r\n]|\d{1,9}[^\d.)\r\n]|\d{1,9}[.)][^ \t\r\n]|\d{10}")
ENOUGH = 12
# In longer lists the parser is not asked: it would keep other replies waiting.
MOST_ASKED = 20_000


class Span(NamedTuple):
    """The text of a block, not yet rendered; it starts where the previous one ends."""

    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class Block(NamedTuple):
    """The HTML of `text[start:end]`, counted in code points."""

    start: int
    end: int
    html: str


def rendered(span: Span, prefix: str = "m") -> Block:
    """Render a block on its own: link definitions and footnotes don't reach from one block into another."""
    return Block(span.start, span.end, render(span.text, prefix=f"{prefix}-{span.start}"))


def blocks(text: str, *, final: bool = False, prefix: str = "m") -> list[Block]:
    """Return the finished blocks of a text; if `final`, the rest is a block too."""
    splitter = Splitter()
    spans = splitter.feed(text) + (splitter.finish() if final else [])
    return [rendered(span, prefix) for span in spans]


class Splitter:
    """Finds where the blocks end in a text that comes in pieces of any size."""

    def __init__(self) -> None:
        self._found: list[Span] = []
        self._start = 0  # where the current block starts
        self._held = ""  # a CR at the end of a piece, which may be half of a CRLF
        self._begun: list[str] = []  # pieces of the unfinished line
        self._head = ""  # the first characters of that line
        self._begin([])

    def feed(self, text: str) -> list[Span]:
        """Return the blocks that this piece finishes."""
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
        """Return the last blocks: at the end of the text, what is left is a block too."""
        self._lines += [*self._begun, self._held]
        if not BLANK.match("".join(self._lines)):
            self._cut()
        return self._take()

    def _take(self) -> list[Span]:
        found, self._found = self._found, []
        return found

    def _begin(self, lines: list[str]) -> None:
        self._lines = lines
        self._closing: re.Pattern[str] | None = None  # closes the fence that we are in
        self._is_empty = True
        self._holds_blanks = False
        self._after_blank = False
        self._is_doubtful = False  # a fence was opened, in a list or after it

    def _read_beginning(self, piece: str) -> None:
        """End a list as soon as the next line can't belong to it, without waiting for the whole line."""
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
            # In a list, an indented fence may belong to an item.
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
        """End the block before the current line, unless that line is inside a fence."""
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
        """Return the parser's token for the fence, outside any list, that is open at the end of what was read."""
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
