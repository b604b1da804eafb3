"""Dollars that mean money: `between $5 and 10$`, `$1M$`, `a café ($$) or a restaurant ($$$)`."""

import re

TEX = re.compile(r"[\\^_{}=<>]")
AMOUNT = re.compile(r"\d[\d.,]*+[KMBT]n?\Z")
# After a number, a word that is no product of variables: `5 million`, `5/month`, `5 to 10`, or one in letters that no
# formula has. `2xy` and `2 n` are formulas.
WORD = re.compile(r"[\s/][^\W\d_]{3,}|\s[^\W\d_]+\s+[A-Z]{0,3}\d|[\u0400-\u1cff\u3040-\ud7ff]")
# Between two ratings: a bracket closes that was not opened, or nothing but a dash.
BETWEEN = re.compile(r"\s*(?:[)\],;]|[/\u2013\u2014-]\s*\Z)")


def is_price(inside: str) -> bool:
    """Tell whether what is between two single dollars is an amount, or the text between two amounts."""
    if not inside[:1].isdecimal():
        return False
    return bool(AMOUNT.match(inside) or (not TEX.search(inside) and WORD.search(inside)))


def is_rating(text: str, start: int, source: str) -> bool:
    """Tell whether `source`, which begins and ends with two dollars, has more of them around it or is no formula."""
    around = text[start - 1 : start] + text[start + len(source) : start + len(source) + 1]
    return "$" in around or source[2:3] == "$" or bool(BETWEEN.match(source[2:-2]))
