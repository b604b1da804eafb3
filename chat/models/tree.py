"""A conversation is a tree: a branch is the path from its first question to a leaf. Pure.

A deleted message is skipped: what followed it moves below the nearest message above that is left. An answer that was
continued is a part of its continuation, not a version of its own, unless a question was asked after it.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar


class Row(NamedTuple):
    """Where a message is in the tree, without its text."""

    pk: uuid.UUID
    parent_id: uuid.UUID | None
    continues_id: uuid.UUID | None
    number: int
    role: str
    deleted_at: datetime.datetime | None


# A Row, or a whole Message, which has the same names. No Protocol:
# mypy looks for them before it knows the model's fields.
P = TypeVar("P", bound=Any)
_by_number = attrgetter("number")


@dataclass(frozen=True)
class Versions:
    """Which of several versions of a question or an answer this is: the second of three."""

    number: int
    count: int
    before: uuid.UUID | None
    after: uuid.UUID | None


class Tree(Generic[P]):
    """All messages of one conversation, including deleted ones."""

    def __init__(self, places: Iterable[P]) -> None:
        self.all: dict[uuid.UUID, P] = {place.pk: place for place in places}
        self._children: dict[uuid.UUID | None, list[P]] = {}
        for place in sorted(self.all.values(), key=_by_number):
            self._children.setdefault(place.parent_id, []).append(place)

    @property
    def next_number(self) -> int:
        return max((place.number for place in self.all.values()), default=0) + 1

    def path_to(self, leaf: uuid.UUID | None) -> list[P]:
        """Return what is left of the branch that ends in `leaf`, from its first question on."""
        path, here = [], self.all.get(leaf) if leaf else None
        while here:
            path.append(here)
            here = self.all.get(here.parent_id) if here.parent_id else None
        return [place for place in reversed(path) if place.deleted_at is None]

    def latest_below(self, start: uuid.UUID | None) -> P | None:
        """Return the newest message at or below `start`; of the whole tree, if nothing at or above `start` is left."""
        top: P | None = self.nearest_left(start)
        below = ([top] if top else []) + self._all_below(top.pk if top else None)
        return max((place for place in below if place.deleted_at is None), key=_by_number, default=None)

    def nearest_left(self, start: uuid.UUID | None) -> P | None:
        """Return `start`, or the first message above it that is not deleted."""
        here = self.all.get(start) if start else None
        while here and here.deleted_at is not None:
            here = self.all.get(here.parent_id) if here.parent_id else None
        return here

    def chain_of(self, reply: P) -> list[P]:
        """Return an answer and those that it continues, the oldest first."""
        links = [reply]
        while before := links[-1].continues_id:
            links.append(self.all[before])
        return links[::-1]

    def shown_as(self, reply: P) -> P:
        """Return the answer that `reply` is shown as a part of: itself, or the newest continuation of it."""
        same_question = self._children.get(reply.parent_id, [])
        while not self._is_asked_on(reply):
            newest = [one for one in same_question if one.continues_id == reply.pk and one.deleted_at is None][-1:]
            if not newest:
                break
            reply = newest[0]
        return reply

    def versions_of(self, place: P) -> Versions | None:
        """Return which version this is; None if there is only one."""
        above = self.nearest_left(place.parent_id)
        beside = [one for one in self._left_below(above.pk if above else None) if one.role == place.role]
        ids = [one.pk for one in beside if one.pk == place.pk or self.shown_as(one).pk == one.pk]
        if len(ids) < 2:
            return None
        here = ids.index(place.pk)
        return Versions(here + 1, len(ids), ids[here - 1] if here else None, next(iter(ids[here + 1 :]), None))

    def pair_of(self, question: P) -> list[P]:
        """Return a question and its answers."""
        return [question] + [one for one in self._children.get(question.pk, []) if one.role != question.role]

    def _is_asked_on(self, reply: P) -> bool:
        return any(self._left_below(reply.pk))

    def _left_below(self, parent: uuid.UUID | None) -> list[P]:
        """Return the children; in the place of deleted ones, theirs."""
        found, look_at = [], list(self._children.get(parent, []))
        while look_at:
            child = look_at.pop()
            if child.deleted_at is None:
                found.append(child)
            else:
                look_at += self._children.get(child.pk, [])
        return sorted(found, key=_by_number)

    def _all_below(self, start: uuid.UUID | None) -> list[P]:
        found: list[P] = []
        look_at = [start]
        while look_at:
            children = self._children.get(look_at.pop(), [])
            found += children
            look_at += [child.pk for child in children]
        return found
