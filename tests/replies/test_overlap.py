"""What a continuation repeats of the answer before it: pure."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat.replies.overlap import Overlap

STORY = "Once upon a time there was a fox. It lived near a river, and every morning it went to the"


def joined(before: str, *pieces: str) -> str:
    overlap = Overlap(before)
    new = "".join(overlap.feed(piece) for piece in pieces)
    return new + overlap.flush()


@pytest.mark.parametrize(
    ("before", "said", "new"),
    [
        (STORY, " water.", " water."),
        (STORY, f"{STORY} water.", " water."),
        (STORY, f"\n\n{STORY} water.", " water."),
        (STORY, "and every morning it went to the water.", " water."),
        (STORY, "went to the water.", "went to the water."),
        (STORY, "Once upon a time there was a hen.", "Once upon a time there was a hen."),
        (STORY, "", ""),
        (STORY, "  \n", "  \n"),
        ("Paris is a", "Paris is a city.", " city."),
        ("Paris is a", "Paris is a", ""),
        ("Ha", "Ha ha", "Ha ha"),
        # Rows that are alike go on being alike.
        ("| one row of a table |\n" * 3, "| one row of a table |\n" * 2, "| one row of a table |\n" * 2),
        ("---------------------------", "---------------------------", "---------------------------"),
        ("", "All of it.", "All of it."),
    ],
)
def test_a_repetition_is_dropped_and_nothing_else(before: str, said: str, new: str) -> None:
    for size in (1, 2, 3, 7, 1_000):
        pieces = [said[start : start + size] for start in range(0, len(said), size)]
        assert joined(before, *pieces) == new


@given(st.text("ab \n", max_size=60), st.lists(st.text("ab \n", max_size=30), max_size=6))
@example("a" * 30, ["a" * 29, "a", "b"])
def test_what_is_dropped_was_there_already_however_it_is_cut(before: str, pieces: list[str]) -> None:
    said = "".join(pieces)
    new = joined(before, *pieces)

    assert said.endswith(new)
    assert new == joined(before, said) == joined(before, *said)
    dropped = said[: len(said) - len(new)].strip()
    assert before.strip().endswith(dropped)


def test_a_long_answer_is_compared_in_no_time() -> None:
    before = "ab" * 500_000
    assert joined(before, *["ab"] * 1_000, "c") == "ab" * 1_000 + "c"
