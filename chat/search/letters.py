"""Letters as the index knows them, in a text or in what somebody types. Pure.

Chinese, Japanese, Thai and some other scripts put no space between words, and Korean ones get endings. There, each two
neighbouring letters are a word of the index, and a word is found wherever it stands: 天気予報 is 天気, 気予, 予報, 報.
"""

import re
import unicodedata

# Letters of scripts without spaces, and of Korean. Signs among them, such as ・ and the marks of Thai, end a word.
UNSPACED_RANGES = (
    (0x0E01, 0x0E30), (0x0E32, 0x0E33), (0x0E40, 0x0E46),  # Thai
    (0x0E81, 0x0EB0), (0x0EB2, 0x0EB3), (0x0EBD, 0x0EC6), (0x0EDC, 0x0EDF),  # Lao
    (0x1000, 0x102A), (0x103F, 0x103F), (0x1050, 0x1055), (0x1780, 0x17B3),  # Burmese, Khmer
    (0x1100, 0x11FF), (0x3131, 0x318E), (0xA960, 0xA97C), (0xAC00, 0xD7A3), (0xD7B0, 0xD7FB),  # Korean
    (0x3005, 0x3006), (0x3031, 0x3035), (0x3041, 0x3096), (0x309D, 0x309F), (0x30A1, 0x30FA), (0x30FC, 0x30FF),  # Kana
    (0x31F0, 0x31FF), (0xFF66, 0xFF9F),
    (0x3105, 0x312F), (0x31A0, 0x31BF),  # Bopomofo
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAD9), (0x20000, 0x3FFFF),  # Chinese characters
)  # fmt: skip
# As it is written between the brackets of a pattern: in Python, in SQLite's GLOB, in PostgreSQL.
UNSPACED = "".join(f"{chr(first)}-{chr(last)}" for first, last in UNSPACED_RANGES)
WIDE = "０-９Ａ-Ｚａ-ｚ"
# From a full-width letter to the one it stands for.
WIDE_OFFSET = 0xFEE0
_LATIN = (*range(0x00C0, 0x0250), *range(0x1E00, 0x1F00))
_LETTER = re.compile(f"[{UNSPACED}]")
_RUNS = re.compile(f"[{UNSPACED}]+|[^{UNSPACED}]+")


def _plain_letters() -> dict[int, str]:
    """Return Latin letters with accents, and full-width ones, each with the letter that it is found by."""
    wide = {ord(letter) + WIDE_OFFSET: letter for letter in map(chr, range(0x21, 0x7F)) if letter.isalnum()}
    bases = {code: unicodedata.normalize("NFD", chr(code))[0] for code in _LATIN}
    accented = {code: base for code, base in bases.items() if base.isascii()}
    return wide | accented | {ord("ё"): "е", ord("Ё"): "Е"}


_PLAIN = _plain_letters()


def plain(text: str) -> str:
    """Return a composed text of the same length, with е for ё, e for é, and letters of the usual width."""
    return text if text.isascii() else text.translate(_PLAIN)


def is_unspaced(word: str) -> bool:
    """Tell the script of a run: its letters are all alike."""
    return _LETTER.match(word) is not None


def runs_of(word: str) -> list[str]:
    """Split a word where a script without spaces begins or ends: 修改youer服务端 is three words."""
    return _RUNS.findall(word)


def pairs_of(word: str) -> list[str]:
    return [word[place : place + 2] for place in range(len(word) - 1)]
