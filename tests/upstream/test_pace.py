"""Under load, chunks are read at a fixed beat; otherwise, as they arrive."""

import asyncio
import time

import pytest

from chat.upstream.batching import LONGEST_SECONDS, SHORTEST_SECONDS, ReadBatching, rest_at


@pytest.mark.parametrize(
    ("rate", "seconds"),
    [
        (0, 0),
        (2_999, 0),
        (3_000, SHORTEST_SECONDS),
        (4_000, (SHORTEST_SECONDS + LONGEST_SECONDS) / 2),
        (5_000, LONGEST_SECONDS),
        (1e6, LONGEST_SECONDS),
    ],
)
def test_the_more_comes_the_longer_a_reply_rests(rate: float, seconds: float) -> None:
    assert rest_at(rate) == pytest.approx(seconds)


def test_all_replies_rest_until_the_same_instant() -> None:
    now = 100.0
    pace = ReadBatching(lambda: now)
    assert pace.rest() == 0
    now += 1.02
    pace.passed(10_000)
    assert pace.rest() == pytest.approx(0.08)
    now += 0.03
    assert pace.rest() == pytest.approx(0.05)


def test_it_calms_down_when_less_comes() -> None:
    now = 100.0
    pace = ReadBatching(lambda: now)
    now += 1
    pace.passed(10_000)
    now += 1
    pace.passed(1)
    assert pace.rest() == 0


def test_the_process_sleeps_between_beats_only_while_much_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    now, naps = 100.0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        naps.append(seconds)
        now += seconds

    monkeypatch.setattr(time, "sleep", sleep)

    async def test() -> None:
        nonlocal now
        pace = ReadBatching(lambda: now)
        keeping = asyncio.create_task(pace.keep())
        await turns()
        now += 1
        pace.passed(200)
        await turns()
        assert not naps
        now += 1
        pace.passed(2_000)
        await turns()
        assert naps[0] == pytest.approx(0.02)
        # Nothing arrives any more: after half a second, it stops sleeping.
        await turns()
        assert sum(naps) < 1
        assert keeping.cancel()

    asyncio.run(asyncio.wait_for(test(), 10))


async def turns() -> None:
    for _ in range(1_000):
        await asyncio.sleep(0)
