"""What a conversation is called until somebody thinks of something better."""

import re

# Of the question's first words.
MOST = 80


def first_words(text: str) -> str:
    """Cut between two words, if there are two."""
    line = " ".join(text.split())
    if len(line) <= MOST:
        return line
    words = re.match(rf"(.{{1,{MOST - 1}}})(?=\s)", line)
    return (words[1] if words else line[: MOST - 1]).rstrip(" ,;:-–—") + "…"
