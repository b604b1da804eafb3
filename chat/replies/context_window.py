"""Fit a conversation into the model's context window: the oldest turns drop out first. Pure."""

from typing import Any

Turn = dict[str, Any]

# The share of the window that is kept free for the answer.
ANSWER_SHARE = 0.25
# What a chat template adds to each turn, in tokens.
TURN_OVERHEAD = 8


def tokens_of(text: str) -> int:
    """Estimate the tokens of a text without the model's tokenizer; too many rather than too few, which is refused.

    English has about 4 characters per token, code and digits about 2; other scripts up to one token per byte.
    """
    ascii_bytes = sum(map(str.isascii, text))
    return int(ascii_bytes / 2.5 + (len(text.encode()) - ascii_bytes) * 0.75) + TURN_OVERHEAD


def fit(
    turns: tuple[Turn, ...], *, window: int, answer: int | None = None, last: int = 1
) -> tuple[tuple[Turn, ...], int]:
    """Return (the turns to send, how many were left out). Instructions and the `last` turns always stay.

    `window` in tokens, 0: no limit. `answer`: the tokens to keep free for it, if known; many servers refuse a prompt
    that leaves no room for it.
    """
    if not window:
        return turns, 0
    instructions = [turn for turn in turns if turn["role"] == "system"]
    said = [turn for turn in turns if turn["role"] != "system"]
    past, asked = said[:-last], said[-last:]
    room = window - answer if answer else window * (1 - ANSWER_SHARE)
    left = room - sum(tokens_of(turn["content"]) for turn in [*instructions, *asked])
    kept: list[Turn] = []
    for turn in reversed(past):
        left -= tokens_of(turn["content"])
        if left < 0:
            break
        kept.insert(0, turn)
    if kept and kept[0]["role"] == "assistant":
        # An answer without its question is of no use.
        del kept[0]
    return (*instructions, *kept, *asked), len(past) - len(kept)
