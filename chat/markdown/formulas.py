r"""Formulas in `$…$`, `\(…\)`, `$$…$$`, `\[…\]` and `\begin{align}…\end{align}` as MathML.

Browsers display MathML natively.

We have our own rules because those of mdit-py-plugins can't start in the middle of a paragraph, where models often put
formulas, and because theirs span blank lines: one could never tell which part of a growing text is finished.
"""

import re
from html import escape
from itertools import accumulate
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from math_core import LatexError, LatexToMathML

from chat.markdown.prices import is_price, is_rating

# The converter is native and recursive: a stack overflow kills the process. 4,000 open braces need 8 MB of stack, all
# that a thread has; 3,000 characters of anything else stay below 2 MB.
LONGEST = 3_000
DEEPEST = 50
# Every line that opens a formula makes us look ahead for its end. With more lines than this, that could be slow.
MOST_LINES = 50
# A formula may define its own commands. Without parameters (`#1`) and with few uses, they can't expand without bounds.
MOST_EXPANSIONS = 20

ENDS = {"$$": "$$", r"\[": r"\]", r"\(": r"\)"}
# Not after a letter or digit, no space just inside the dollars, and none right after them: `$5 and $10` are prices.
DOLLARS = re.compile(r"(?<![A-Za-z0-9$])\$(?!\s)(?:\\.|[^\\$])++(?<!\s)\$(?![A-Za-z0-9$])", re.DOTALL)
# The environments of TeX that models also write without dollars around them.
ENVIRONMENT = re.compile(
    r"\\begin\{((?:align|alignat|eqnarray|equation|flalign|gather|multline)\*?|aligned|alignedat|gathered|split|array"
    r"|[dr]?cases|(?:small|[pbBvV])?matrix)\}"
)
FULL_STOPS = {"", ".", ",", ";"}
BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
PARAMETER = re.compile(r"(?<!\\)#")
FENCE = re.compile(r"`{3}|~{3}")

STYLE = re.compile(r' style="([^"]*)"')
# The converter aligns with style attributes, which our Content-Security-Policy forbids.
CLASSES = {
    "text-align: left": "math-left",
    "text-align: right": "math-right",
    "padding-left: 0": "math-flush-left",
    "padding-right: 0": "math-flush-right",
    "padding-left:1em": "math-gap",
    "border-top: 0.05em solid currentcolor": "math-line-top",
    "border-left: 0.05em solid currentcolor": "math-line-left",
    "border-right: 0.05em solid currentcolor": "math-line-right",
    "width: 50%": "math-margin",
    "width: 100%": "math-wide",
}

convert = LatexToMathML(
    macros={
        "abs": r"\left|#1\right|",
        "norm": r"\left\|#1\right\|",
        "argmax": r"\operatorname*{arg\,max}",
        "argmin": r"\operatorname*{arg\,min}",
        "substack": r"\begin{matrix}#1\end{matrix}",
    },
    max_expansions=MOST_EXPANSIONS,
).convert_with_local_state


def install(parser: MarkdownIt) -> None:
    parser.inline.ruler.before("escape", "formula", inline_rule)
    parser.block.ruler.before("fence", "formula", block_rule, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    for name in ("formula_inline", "formula_display", "formula_block"):
        parser.add_render_rule(name, render_formula)


def inline_rule(state: StateInline, silent: bool) -> bool:
    marks = marks_at(state.src, state.pos)
    source = find_formula(state.src, state.pos, marks) if marks else ""
    if not marks or not source or state.pos + len(source) > state.posMax:
        return False
    if not silent:
        token = state.push("formula_inline" if marks.opening in {"$", r"\("} else "formula_display", "math", 0)
        token.content, token.info = marks.inside(source), source
    state.pos += len(source)
    return True


class Marks(NamedTuple):
    """What is around a formula."""

    opening: str
    closing: str

    def inside(self, source: str) -> str:
        """Return the TeX of a formula. An environment's marks are part of it."""
        is_environment = self.opening.startswith(r"\begin")
        return source if is_environment else source[len(self.opening) : -len(self.closing)]


def marks_at(text: str, start: int) -> Marks | None:
    if (mark := text[start : start + 2]) in ENDS:
        return Marks(mark, ENDS[mark])
    if mark[:1] == "$":
        return Marks("$", "$")
    environment = ENVIRONMENT.match(text, start) if mark == r"\b" else None
    return Marks(environment[0], rf"\end{{{environment[1]}}}") if environment else None


def find_formula(text: str, start: int, marks: Marks) -> str:
    """Return the formula that begins here, with its marks, or an empty string."""
    if marks.opening == "$":
        match = DOLLARS.match(text, start, start + LONGEST)
        return match[0] if match and not is_price(match[0][1:-1]) else ""
    behind = start + len(marks.opening)
    end = text.find(marks.closing, behind, start + LONGEST)
    if end <= behind or text[behind:end].isspace():
        return ""
    source = text[start : end + len(marks.closing)]
    return "" if marks.opening == "$$" and is_rating(text, start, source) else source


def block_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Parse a formula on lines of its own, where `- x` is not a list. As in TeX, it contains no blank line."""
    if state.is_code_block(start):
        return False
    line = line_of(state, start)
    marks = marks_at(line, 0) if line[:1] in {"$", "\\"} else None
    if not marks or marks.opening in {"$", r"\("} or not (source := find_lines(state, start, end, marks)):
        return False
    if not silent:
        token = state.push("formula_block", "math", 0)
        token.info, token.block = source, True
        inner, closing, full_stop = source.rpartition(marks.closing)
        token.content = marks.inside(inner + closing) + full_stop
        token.map = [start, start + source.count("\n") + 1]
        state.line = token.map[1]
    return True


def find_lines(state: StateBlock, start: int, end: int, marks: Marks) -> str:
    """Return the lines of a formula, or an empty string if there is none or text follows it on the last line."""
    last = min(end, start + MOST_LINES)
    if state.src.find(marks.closing, state.bMarks[start], state.eMarks[last - 1]) < 0:
        return ""
    lines: list[str] = []
    for number in range(start, last):
        line = line_of(state, number)
        outside = number > start and state.sCount[number] < state.blkIndent
        if not line or outside or FENCE.match(line):
            return ""
        lines.append(line)
        _, closed, behind = line[len(marks.opening) * (number == start) :].partition(marks.closing)
        if closed:
            source = "\n".join(lines)
            holds_something = source[len(marks.opening) :].rpartition(closed)[0].strip()
            return source if holds_something and behind.strip() in FULL_STOPS else ""
    return ""


def line_of(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]].rstrip(" \t")


def render_formula(_self: object, tokens: list[Token], index: int, _options: object, _env: object) -> str:
    token = tokens[index]
    display = token.type != "formula_inline"
    math = mathml(token.content, display=display) or f'<code class="formula-source">{escape(token.info)}</code>'
    tag = "div" if token.type == "formula_block" else "span"
    end = "\n" if tag == "div" else ""
    return f'<{tag} class="formula" tabindex="0">{math}</{tag}>{end}' if display else math


def mathml(tex: str, *, display: bool) -> str | None:
    """Convert TeX to MathML; return None if it can't be parsed, so that the source is shown instead."""
    if not is_harmless(tex):
        return None
    try:
        return STYLE.sub(classes, convert(tex, displaystyle=display))
    except LatexError:
        return None


def is_harmless(tex: str) -> bool:
    depth = accumulate((brace == "{") - (brace == "}") for brace in BRACES.findall(tex))
    return len(tex) <= LONGEST and max(depth, default=0) <= DEEPEST and not PARAMETER.search(tex)


def classes(style: re.Match[str]) -> str:
    names = [CLASSES[one.strip()] for one in style[1].split(";") if one.strip() in CLASSES]
    return f' class="{" ".join(names)}"' if names else ""
