"""Code in a box with its language as a label; tokens get classes, whose colours are in static/css/code.css."""

import re
from collections.abc import Iterator
from functools import lru_cache
from html import escape
from itertools import groupby
from threading import Lock
from typing import Any

from pygments.lexer import Lexer
from pygments.lexers import find_lexer_class_by_name, get_all_lexers
from pygments.token import STANDARD_TYPES

# On input that nobody writes by hand, even these lexers take quadratic time: 0.5 s for 8,000 characters. Longer code,
# and code beyond LONGEST_TOGETHER in one answer, is not coloured; nor is minified code or very wide white space.
LONGEST = 8_000
LONGEST_TOGETHER = 64_000
UNREADABLE = re.compile(r"[^\n]{500}|\s{200}")

# Lexers that were tested with hostile input. Lexers that delegate to another one named in the input are left out.
TRIED = (
    "awk bash batch c clojure cmake common-lisp console cpp css dart delphi diff docker elixir erlang fortran fsharp"
    " go graphql haskell html ini javascript json jsx julia kotlin less lua make matlab mysql nasm nginx nixos"
    " objective-c ocaml perl php postgresql powershell prolog protobuf python ruby rust scala scheme scss solidity"
    " splus sql swift terraform tex toml tsx typescript vb.net vue xml yaml zig"
)
# The lexers of these languages take seconds; the ones here know most of their keywords.
STAND_INS = {"csharp": "cpp", "groovy": "cpp", "java": "cpp"}
NAMES = {*TRIED.split(), *STAND_INS}
LEXERS = {
    alias: STAND_INS.get(aliases[0], aliases[0])
    for _, aliases, _, _ in get_all_lexers(plugins=False)
    for alias in aliases
    if aliases[0] in NAMES
}
LANGUAGE = re.compile(r"[\w.+#-]+")
# A language's name is short; a long text there is not a label.
LONGEST_LABEL = 30

# A token gets the longest name here that its Pygments short name begins with: `s2` and `sa` are strings.
SHORT_NAMES = "c cp gd gh gi gu k kc kt m na nb nc nd ne nf nt nv ow s se si sr"
CLASSES = {*SHORT_NAMES.split()}

# A lexer class builds its rules on first use, in class variables, which two threads must not do at once.
first_use = Lock()


def code_box(code: str, info: str, env: dict[str, Any]) -> str:
    """Return the HTML of a code block. `env` is markdown-it's, one per text; it counts the text's code so far."""
    label = info.split(maxsplit=1)[0][:LONGEST_LABEL] if info.strip() else ""
    env["code"] = env.get("code", 0) + len(code)
    is_short = len(code) <= LONGEST and env["code"] <= LONGEST_TOGETHER
    lexer = lexer_for(label) if is_short and not UNREADABLE.search(code) else None
    html = "".join(spans(code, lexer)) if lexer else escape(code)
    name = f'<span class="code-language">{escape(label)}</span>' if label else ""
    return f'<div class="code"><div class="code-head">{name}</div><pre tabindex="0"><code>{html}</code></pre></div>\n'


def lexer_for(label: str) -> Lexer | None:
    language = LANGUAGE.match(label.lower())
    name = LEXERS.get(language[0]) if language else None
    if not name:
        return None
    with first_use:
        # Strip and add nothing: copied code must be exactly what was written.
        return find_lexer_class_by_name(name)(stripnl=False, ensurenl=False)


def spans(code: str, lexer: Lexer) -> Iterator[str]:
    for name, group in groupby(lexer.get_tokens(code), key=lambda token: class_of(token[0])):
        text = escape("".join(piece for _, piece in group))
        yield f'<span class="{name}">{text}</span>' if name else text


@lru_cache(1024)
def class_of(kind: Any) -> str:
    while kind not in STANDARD_TYPES:
        kind = kind.parent
    short = STANDARD_TYPES[kind]
    return next((short[:end] for end in (2, 1) if short[:end] in CLASSES), "")
