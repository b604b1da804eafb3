r"""Formulas in `$…$`, `\(…\)`, `$$…$$` and `\[…\]` as MathML, which browsers display natively.

We have our own rules because those of mdit-py-plugins can't start in the middle of a paragraph, where models often put
formulas, and because theirs span blank lines: one could never tell which part of a growing text is finished.
"""

import re
from html import escape
from itertools import accumulate

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from math_core import LatexError, LatexToMathML

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
    mark = opening_mark(state.src, state.pos)
    source = find_formula(state.src, state.pos, mark) if mark else ""
    if not source or state.pos + len(source) > state.posMax:
        return False
    if not silent:
        token = state.push("formula_inline" if mark in {"$", r"\("} else "formula_display", "math", 0)
        token.content, token.info = source[len(mark) : -len(mark)], source
    state.pos += len(source)
    return True


def opening_mark(text: str, start: int) -> str:
    mark = text[start : start + 2]
    return mark if mark in ENDS else "$" if mark[:1] == "$" else ""


def find_formula(text: str, start: int, mark: str) -> str:
    """Return the formula that begins here, with its marks, or an empty string."""
    if mark == "$":
        match = DOLLARS.match(text, start, start + LONGEST)
        return match[0] if match else ""
    end = text.find(ENDS[mark], start + 2, start + LONGEST)
    return text[start : end + 2] if end > 0 and not text[start + 2 : end].isspace() and end > start + 2 else ""


def block_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Parse a formula on lines of its own, where `- x` is not a list. As in TeX, it contains no blank line."""
    if state.is_code_block(start) or not (source := find_lines(state, start, end)):
        return False
    if not silent:
        token = state.push("formula_block", "math", 0)
        token.info, token.block = source, True
        inner, _, full_stop = source[2:].rpartition(ENDS[source[:2]])
        token.content = inner + full_stop
        token.map = [start, start + source.count("\n") + 1]
        state.line = token.map[1]
    return True


def find_lines(state: StateBlock, start: int, end: int) -> str:
    """Return the lines of a formula, or an empty string if there is none or text follows it on the last line."""
    mark = line_of(state, start)[:2]
    if mark not in {"$$", r"\["}:
        return ""
    lines: list[str] = []
    for number in range(start, min(end, start + MOST_LINES)):
        line = line_of(state, number)
        outside = number > start and state.sCount[number] < state.blkIndent
        if not line or outside or FENCE.match(line):
            return ""
        lines.append(line)
        _, closed, behind = line[2 * (number == start) :].partition(ENDS[mark])
        if closed:
            source = "\n".join(lines)
            holds_something = source[2:].rpartition(closed)[0].strip()
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
