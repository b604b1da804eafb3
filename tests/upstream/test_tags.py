"""How a text is filtered: surrogates, NUL and <think> tags, split anywhere."""

import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat.upstream.text_filters import MOST_BLANK, Cleaner, ThinkTags, cleaned

PIECES = st.lists(st.text(st.sampled_from("a\0\ud83d\ude00é👋\udfff\ud800"), max_size=4), max_size=8)
BLANK = "\n" * (MOST_BLANK - 2)
WORDS = ["<think>", "</think>", "`", "<", "</", "thi", "nk>", " ", "\n", "a", "👋", "<think", BLANK]
TAGGED = st.lists(st.sampled_from(WORDS), max_size=10).map("".join)
PLACES = st.lists(st.integers(0, 150), max_size=12)


def cleaned_by_pieces(pieces: list[str]) -> str:
    cleaner = Cleaner()
    return "".join([*map(cleaner.clean, pieces), cleaner.flush()])


def divided(pieces: list[str], *, begins_in_reasoning: bool = False) -> tuple[str, str]:
    tags = ThinkTags(begins_in_reasoning=begins_in_reasoning)
    parts = [*map(tags.split, pieces), tags.flush()]
    return "".join(reasoning for reasoning, _ in parts), "".join(answer for _, answer in parts)


def test_it_divides_an_answer_by_its_tags() -> None:
    assert divided(["<thi", "nk>Hm", "m.</", "think>Hello"]) == ("Hmm.", "Hello")


def test_it_leaves_a_text_without_tags_alone() -> None:
    assert divided(["Hello, ", "a < b"]) == ("", "Hello, a < b")


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("<think>Hmm", "Hmm", ""),
        (" \n<think>Hmm</think>Hi", "Hmm", "Hi"),
        (" \nHi", "", " \nHi"),
        ("Hi <think>no</think> there", "", "Hi <think>no</think> there"),
        ("before</think>after", "", "beforeafter"),
        ("<think>a</think>b</think>c", "a", "b</think>c"),
        ("<think>a<think>b</think>c", "a<think>b", "c"),
        ("<think>a</thin", "a</thin", ""),
        ("<thin", "", "<thin"),
        ("\n", "", "\n"),
    ],
)
def test_only_the_first_tags_count(text: str, reasoning: str, answer: str) -> None:
    assert divided([text]) == (reasoning, answer)
    assert divided(list(text)) == (reasoning, answer)


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("Hmm</think>Hi", "Hmm", "Hi"),
        ("<think>Hmm</think>Hi", "Hmm", "Hi"),
        ("\nHmm", "\nHmm", ""),
        ("</think>Hi", "", "Hi"),
        ("<", "<", ""),
    ],
)
def test_a_model_may_begin_in_reasoning_with_or_without_saying_so(text: str, reasoning: str, answer: str) -> None:
    assert divided([text], begins_in_reasoning=True) == (reasoning, answer)
    assert divided(list(text), begins_in_reasoning=True) == (reasoning, answer)


def test_blank_lines_without_end_do_not_wait_for_a_tag() -> None:
    tags = ThinkTags()
    shown = "".join(tags.split("\n")[1] for _ in range(100_000))

    assert shown == "\n" * 100_000


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("<thinking>Hmm</thinking>Hi", "Hmm", "Hi"),
        ("<thought>Hmm</thought>Hi", "Hmm", "Hi"),
        ("<THINK>Hmm</Think>Hi", "Hmm", "Hi"),
        ("<think>not </thinking> yet</think>Hi", "not </thinking> yet", "Hi"),
        ("<think>a</think>\n<think>b</think>\nHi", "ab", "\nHi"),
        ("<think>İ</think>Hi", "İ", "Hi"),
        ("Hi\n</think>\nyou", "", "Hi\n\nyou"),
        ("Hi\n </THINKING> \nyou", "", "Hi\n  \nyou"),
        ("Hi\n</think>", "", "Hi\n"),
    ],
)
def test_a_tag_counts_in_any_case_where_a_thought_can_be_open(text: str, reasoning: str, answer: str) -> None:
    assert divided([text]) == (reasoning, answer)
    assert divided(list(text)) == (reasoning, answer)


@pytest.mark.parametrize(
    "text",
    [
        "Close the block with `</think>`, and not with `</thinking>`.",
        "Close it with </think> or <think>.",
        "```\n</think>\n```",
        "`a\n</think>\nb`",
        "The tag </think>.",
        "Not </think >, not </thin",
        "Write <thought>\n</thought>\n",
    ],
)
def test_a_tag_that_the_answer_talks_about_stays(text: str) -> None:
    assert divided([text]) == ("", text)
    assert divided(list(text)) == ("", text)
    assert divided(["<think>Hmm</think>", *text]) == ("Hmm", text)


def test_once_reasoning_has_a_field_of_its_own_no_lone_tag_is_dropped() -> None:
    tags = ThinkTags()
    parts = [*tags.split("a\n</think>")]
    tags.reasoning_has_a_field()

    assert "".join([*parts, *tags.split("\nb"), *tags.flush()]) == "a\n</think>\nb"


@given(TAGGED, PLACES, st.booleans())
@example(f"  {BLANK}<think>a", [0, 50, 103], False)
@example(f"   {BLANK}<think>a", [0, 50, 103], False)
def test_any_split_divides_alike_and_loses_nothing_but_tags(text: str, places: list[int], begins: bool) -> None:
    bounds = [0, *sorted(min(place, len(text)) for place in places), len(text)]
    whole = divided([text], begins_in_reasoning=begins)

    assert divided([text[start:stop] for start, stop in pairwise(bounds)], begins_in_reasoning=begins) == whole
    assert divided(list(text), begins_in_reasoning=begins) == whole
    assert sorted(without_tags("".join(whole))) == sorted(without_tags(text))


def without_tags(text: str) -> str:
    """The letters; white space before an opening tag goes with it."""
    return re.sub(r"</?think>|\s", "", text)


# --- Characters that can't be stored --------------------------------------------------------------------------------


@given(PIECES)
@example(["\ud83d", "\ude00"])
@example(["x\ud83d"])
def test_any_split_is_cleaned_alike_and_nothing_else_is_lost(pieces: list[str]) -> None:
    text = "".join(pieces)
    # A pair is one character; NUL and the remaining surrogates are replaced one by one.
    joined = re.sub("[\ud800-\udbff][\udc00-\udfff]", lambda pair: paired(pair[0]), text)

    assert cleaned_by_pieces(pieces) == re.sub("[\0\ud800-\udfff]", "\ufffd", joined)
    assert cleaned(text) == cleaned_by_pieces(pieces)


@given(st.lists(st.text(), max_size=8))
def test_a_good_text_is_unchanged(pieces: list[str]) -> None:
    text = "".join(pieces).replace("\0", "")
    assert cleaned_by_pieces([piece.replace("\0", "") for piece in pieces]) == text


def test_only_half_a_pair_is_waited_for() -> None:
    cleaner = Cleaner()
    assert [cleaner.clean("a\ud83d"), cleaner.clean("\ude00b"), cleaner.clean("c")] == ["a", "😀b", "c"]


def paired(halves: str) -> str:
    return chr(0x10000 + ((ord(halves[0]) - 0xD800) << 10) + ord(halves[1]) - 0xDC00)
