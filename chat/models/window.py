"""The part of a branch that one page shows, however long the branch is."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chat.models.message import Message, with_parts
from chat.models.tree import Row, Tree

if TYPE_CHECKING:
    from chat.models.conversation import Conversation

MOST = 40


@dataclass(frozen=True)
class Window:
    """`earlier`, `later`: the first and last message shown, if there are more beyond. `leaf`: the end of the branch."""

    messages: list[Message]
    earlier: uuid.UUID | None = None
    later: uuid.UUID | None = None
    leaf: uuid.UUID | None = None


@dataclass(frozen=True)
class Anchor:
    """Which part of a branch to show: before, after or around a message."""

    side: str
    message: uuid.UUID


def window_of(conversation: Conversation, anchor: Anchor | None = None, *, most: int = MOST) -> Window:
    """Return the window at the anchor, or at the end of the branch. Raises Message.DoesNotExist.

    Takes two queries: one for the places of all messages, one for the texts of those that are shown.
    """
    tree = conversation.messages.tree()
    path = tree.path_to(conversation.leaf_id)
    start, stop = max(0, len(path) - most), len(path)
    if anchor:
        path, here = _branch_with(anchor.message, tree, path)
        start, stop = _around(here, anchor.side, most, len(path))
    return Window(
        _messages(conversation, tree, path[start:stop]),
        earlier=path[start].pk if 0 < start < stop else None,
        later=path[stop - 1].pk if start < stop < len(path) else None,
        leaf=path[-1].pk if path else None,
    )


def message_in(conversation: Conversation, message: uuid.UUID) -> Message:
    """Return one message as the page shows it. Raises Message.DoesNotExist, also for a deleted one."""
    tree = conversation.messages.tree()
    row = tree.all.get(message)
    if not row or row.deleted_at:
        raise Message.DoesNotExist
    return _messages(conversation, tree, [row])[0]


def _branch_with(message: uuid.UUID, tree: Tree[Row], path: list[Row]) -> tuple[list[Row], int]:
    """Return this branch if it contains the message, otherwise the newest that does; and the message's index in it."""
    place = tree.all.get(message)
    if place is None or place.deleted_at:
        raise Message.DoesNotExist
    if place not in path:
        place = tree.shown_as(place)
    if place not in path:
        tip = tree.latest_below(place.pk)
        path = tree.path_to(tip.pk if tip else None)
    return path, path.index(place)


def _around(here: int, side: str, most: int, end: int) -> tuple[int, int]:
    if side == "before":
        return max(0, here - most), here
    if side == "after":
        return here + 1, min(end, here + 1 + most)
    start = max(0, min(here - most // 2, end - most))
    return start, min(end, start + most)


def _messages(conversation: Conversation, tree: Tree[Row], rows: list[Row]) -> list[Message]:
    parts = {part.pk for row in rows for part in tree.chain_of(row)}
    found = conversation.messages.filter(pk__in=parts).select_related("generation", "evidence")
    by_id = {message.pk: message for message in with_parts(found)}
    for row in rows:
        by_id[row.pk].conversation = conversation
        by_id[row.pk].versions = tree.versions_of(row)
    return [by_id[row.pk] for row in rows]
