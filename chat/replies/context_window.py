"""Fit a conversation into the model's context window: the oldest turns drop out first. Pure."""

from collections.abc import Iterable
from typing import Any

from chat.replies.tokens import tokens_of

Turn = dict[str, Any]

# The share of the window that is kept free for the answer.
ANSWER_SHARE = 0.25
# The share of a prompt that is asked again after a server found it too long.
KEPT_SHARE = 0.6


def size_of(turns: Iterable[Turn], *, ratio: float = 1.0) -> float:
    """Estimate the tokens of some turns. `ratio`: what the server counted for each estimated token, if it has."""
    return sum(tokens_of(turn["content"]) for turn in turns) * ratio


def fit(
    turns: tuple[Turn, ...], *, window: float, answer: int | None = None, last: int = 1, ratio: float = 1.0
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
    left = room - size_of([*instructions, *asked], ratio=ratio)
    kept: list[Turn] = []
    for turn in reversed(past):
        left -= size_of([turn], ratio=ratio)
        if left < 0:
            break
        kept.insert(0, turn)
    if kept and kept[0]["role"] == "assistant":
        # An answer without its question is of no use.
        del kept[0]
    return (*instructions, *kept, *asked), len(past) - len(kept)


def fewer(turns: tuple[Turn, ...], *, last: int = 1) -> tuple[tuple[Turn, ...], int]:
    """Return (the newest of the turns, how many were left out), for a server that refused all of them."""
    return fit(turns, window=size_of(turns) * KEPT_SHARE, answer=1, last=last)
