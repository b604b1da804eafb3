"""How the bytes of a body are cut into pieces. Pure, and always the same for the same name."""

import random
from collections.abc import Callable, Iterable
from itertools import pairwise

Cut = Callable[[bytes], Iterable[bytes]]

# Larger bodies are only cut byte by byte at both ends: a megabyte of single-byte writes takes minutes.
BYTEWISE_BODY = 20_000
BYTEWISE_END = 2_048
LARGE_PIECE = 16_384
MOST_RANDOM_CUTS = 60


def whole(data: bytes) -> Iterable[bytes]:
    return (data,)


def every_byte(data: bytes) -> Iterable[bytes]:
    if len(data) <= BYTEWISE_BODY:
        places = [*range(len(data) + 1)]
    else:
        tail = len(data) - BYTEWISE_END
        places = [*range(BYTEWISE_END), *range(BYTEWISE_END, tail, LARGE_PIECE), *range(tail, len(data) + 1)]
    return (data[start:stop] for start, stop in pairwise(places))


def at_random(seed: int) -> Cut:
    def cut(data: bytes) -> Iterable[bytes]:
        chance = random.Random(seed)
        inside = range(1, len(data))
        places = chance.sample(inside, min(len(inside), chance.randint(1, MOST_RANDOM_CUTS)))
        return (data[start:stop] for start, stop in pairwise([0, *sorted(places), len(data)]))

    return cut


def at(places: Iterable[int]) -> Cut:
    """Cut at these places, if there are that many bytes."""

    def cut(data: bytes) -> Iterable[bytes]:
        inside = sorted(min(place, len(data)) for place in places)
        return (data[start:stop] for start, stop in pairwise([0, *inside, len(data)]))

    return cut


def cut_named(name: str) -> Cut:
    """Return the cut for `whole`, `bytes` or `split-<seed>`. Raises ValueError for anything else."""
    if name == "whole":
        return whole
    if name == "bytes":
        return every_byte
    word, _, seed = name.partition("-")
    if word != "split":
        raise ValueError(f"no such way to cut: {name!r}")
    return at_random(int(seed))
