"""The part of a conversation that fits the model's context window. Pure."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.replies.context_window import ANSWER_SHARE, fit
from chat.replies.tokens import tokens_of

Turns = tuple[dict[str, Any], ...]


def turns(*texts: str, instructions: str = "") -> Turns:
    """Return questions and answers in turn, with a question last."""
    said = [{"role": ("user", "assistant")[number % 2], "content": text} for number, text in enumerate(texts)]
    return (*([{"role": "system", "content": instructions}] if instructions else []), *said)


def size(sent: Turns) -> int:
    return sum(tokens_of(turn["content"]) for turn in sent)


def test_the_oldest_turns_drop_out_first() -> None:
    whole = turns("one " * 50, "two " * 50, "three " * 50, "four " * 50, "five?")

    assert fit(whole, window=300) == (whole[2:], 2)


def test_everything_stays_if_it_fits() -> None:
    whole = turns("one?", "One.", "two?", instructions="Be brief.")

    assert fit(whole, window=1_000) == (whole, 0)


def test_without_a_window_everything_stays() -> None:
    whole = turns("one?" * 100_000, "One." * 100_000, "two?")

    assert fit(whole, window=0) == (whole, 0)


def test_room_is_kept_for_an_answer_whose_length_is_known() -> None:
    whole = turns("one " * 50, "two " * 50, "three?")

    assert fit(whole, window=500, answer=100) == (whole, 0)
    assert fit(whole, window=500, answer=400) == (whole[2:], 2)
    assert fit(whole, window=500, answer=1_000) == (whole[2:], 2)


def test_an_answer_does_not_stay_without_its_question() -> None:
    whole = turns("a very long question " * 100, "Yes.", "Why?")

    assert fit(whole, window=200) == (whole[2:], 2)


def test_what_is_to_be_continued_stays_with_its_question() -> None:
    whole = turns("one?", "One.", "two?", "Two is " * 500, "Go on.")

    assert fit(whole, window=200, last=3) == (whole[2:], 2)


def test_instructions_and_question_stay_even_if_they_do_not_fit() -> None:
    whole = turns("one?", "One.", "two? " * 1_000, instructions="Be brief. " * 1_000)

    assert fit(whole, window=100) == ((whole[0], whole[3]), 2)


@pytest.mark.parametrize(
    ("text", "at_least"),
    [
        ("The quick brown fox jumps over the lazy dog.", 10),
        ("x = f(a[0], b[1]);", 7),
        ("狐狸跳过懒狗", 6),
        ("🦊" * 10, 20),
    ],
)
def test_it_rather_counts_too_many_tokens_than_too_few(text: str, at_least: int) -> None:
    """`at_least`: what the tokenizers of common models count, or a little less."""
    assert tokens_of(text) >= at_least


def test_ever_so_long_a_text_is_counted_in_no_time() -> None:
    assert tokens_of("x" * 5_000_000) > 1_000_000


alternating = st.lists(st.text(max_size=200), min_size=1, max_size=15).filter(lambda texts: len(texts) % 2 == 1)


@given(alternating, st.text(max_size=50), st.integers(1, 2_000))
def test_whatever_the_turns_the_newest_that_fit_are_sent(texts: list[str], instructions: str, window: int) -> None:
    whole = turns(*texts, instructions=instructions)

    sent, omitted = fit(whole, window=window)

    system = [turn for turn in whole if turn["role"] == "system"]
    past = sent[len(system) : -1]
    assert list(sent[: len(system)]) == system
    assert sent[-1] == whole[-1]
    assert past == whole[len(whole) - 1 - len(past) : -1]
    assert omitted == len(whole) - len(sent)
    assert not past or past[0]["role"] == "user"
    assert not past or size(sent) <= window * (1 - ANSWER_SHARE)
