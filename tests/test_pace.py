"""Much is read at beats, little as it comes."""

import pytest

from chat.upstream.pace import LONGEST_SECONDS, SHORTEST_SECONDS, Pace, beat_at


def test_little_is_read_as_it_comes() -> None:
    assert beat_at(0) == beat_at(299) == 0


@pytest.mark.parametrize(
    ("rate", "seconds"),
    [
        (300, SHORTEST_SECONDS),
        (3_000, SHORTEST_SECONDS),
        (4_000, 0.06),
        (5_000, LONGEST_SECONDS),
        (1e6, LONGEST_SECONDS),
    ],
)
def test_the_more_comes_the_longer_are_the_beats(rate: float, seconds: float) -> None:
    assert beat_at(rate) == pytest.approx(seconds)


def test_all_replies_wait_for_the_same_beat() -> None:
    now = 100.0
    pace = Pace(lambda: now)
    assert pace.until_next_beat() == 0
    now += 1.02
    pace.passed(10_000)
    assert pace.until_next_beat() == pytest.approx(0.08)
    now += 0.03
    assert pace.until_next_beat() == pytest.approx(0.05)


def test_it_calms_down_when_less_comes() -> None:
    now = 100.0
    pace = Pace(lambda: now)
    now += 1
    pace.passed(10_000)
    now += 1
    pace.passed(1)
    assert pace.until_next_beat() == 0
