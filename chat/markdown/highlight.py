"""Code in its box: a label with the language, and what stands for a colour in static/css/code.css as a class."""

import re
from collections.abc import Iterator
from functools import lru_cache
from html import escape
from itertools import groupby
from typing import Any

from pygments.lexer import Lexer
from pygments.lexers import find_lexer_class_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

# Some lexers take quadratic time on what nobody writes by hand: 1 s for 10,000 characters. Longer code, and what an
# answer holds beyond the second number, is shown without colours; so is minified code and very wide white space.
LONGEST = 8_000
LONGEST_TOGETHER = 64_000
UNREADABLE = re.compile(r"[^\n]{500}|\s{200}")
# A label, not a place for text.
LONGEST_LABEL = 30
LANGUAGE = re.compile(r"[\w.+#-]+")

# A token has the class of the longest name here that its own short name begins with: `s2` and `sa` are strings.
CLASSES = {
    *("c", "cp", "gd", "gh", "gi", "gu", "k", "kc", "kt", "m", "na", "nb", "nc", "nd", "ne", "nf", "nt", "nv", "o"),
    *("ow", "s", "se", "si", "sr"),
}


def code_box(code: str, info: str, env: dict[str, Any]) -> str:
    """`env` is markdown-it's, one for each text; it counts how much of the text has colours."""
    label = info.split(maxsplit=1)[0][:LONGEST_LABEL] if info.strip() else ""
    env["highlighted"] = env.get("highlighted", 0) + len(code)
    lexer = lexer_for(label) if env["highlighted"] <= LONGEST_TOGETHER else None
    readable = len(code) <= LONGEST and not UNREADABLE.search(code)
    html = "".join(spans(code, lexer)) if lexer and readable else escape(code)
    head = f'<div class="code-head"><span class="code-language">{escape(label)}</span></div>'
    return f'<div class="code">{head}<pre tabindex="0"><code>{html}</code></pre></div>\n'


def lexer_for(label: str) -> type[Lexer] | None:
    match = LANGUAGE.match(label)
    return find_lexer(match[0].lower()) if match else None


@lru_cache(256)
def find_lexer(name: str) -> type[Lexer] | None:
    try:
        return find_lexer_class_by_name(name)
    except ClassNotFound:
        return None


def spans(code: str, lexer: type[Lexer]) -> Iterator[str]:
    # Nothing is stripped or added: what is copied is what was written.
    tokens = lexer(stripnl=False, ensurenl=False).get_tokens(code)
    for name, group in groupby(tokens, key=lambda token: class_of(token[0])):
        text = escape("".join(piece for _, piece in group))
        yield f'<span class="{name}">{text}</span>' if name else text


@lru_cache(1024)
def class_of(kind: Any) -> str:
    while kind not in STANDARD_TYPES:
        kind = kind.parent
    short = STANDARD_TYPES[kind]
    return next((short[:end] for end in (2, 1) if short[:end] in CLASSES), "")
