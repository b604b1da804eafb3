"""Full-text search over a user's own titles and messages, without deleted ones, on any supported database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Value
from django.db.models.functions import Coalesce, Left, NullIf
from django.utils.safestring import SafeString

from chat.models import Conversation, Message, User
from chat.search import postgresql, sqlite
from chat.search.hit import Hit, TooBroad
from chat.search.index import MOST_CHARS
from chat.search.snippets import mark, snippet
from chat.search.words import MOST_CHARS as MOST_ASKED_CHARS
from chat.search.words import Term, parse

__all__ = ["MOST_ASKED_CHARS", "Found", "Page", "Place", "TooBroad", "search"]

MOST_TITLES = 10
MOST_HITS = 300
MOST_CONVERSATIONS = 20
MOST_PLACES = 2


@dataclass(frozen=True)
class Place:
    message: UUID
    is_reply: bool
    at: datetime
    html: SafeString


@dataclass(frozen=True)
class Found:
    """A conversation with its newest matching places, and how many `more` are known."""

    conversation: Conversation
    title: SafeString
    places: list[Place]
    more: int


@dataclass(frozen=True)
class Page:
    """A page of results. `older`: `before` of the next page, None on the last; `is_asked`: there was a search term."""

    found: list[Found]
    older: int | None = None
    is_asked: bool = True


def search(user: User, text: str, *, before: int | None = None) -> Page:
    """Return matching titles, then messages, each newest first. Raises TooBroad."""
    terms = parse(text)
    if not terms:
        return Page([], is_asked=False)
    database: Any = postgresql if connection.vendor == "postgresql" else sqlite
    titles = [] if before else database.find(user.pk, terms, titles=True, before=None, limit=MOST_TITLES)
    hits = database.find(user.pk, terms, titles=False, before=before, limit=MOST_HITS)
    shown, older = _a_page_of(hits)
    places: dict[UUID, list[Hit]] = {hit.conversation: [] for hit in titles}
    for hit in shown:
        places.setdefault(hit.conversation, []).append(hit)
    return Page(_describe(user, places, terms), older)


def _a_page_of(hits: list[Hit]) -> tuple[list[Hit], int | None]:
    """Return the hits of MOST_CONVERSATIONS conversations, and where the next page begins."""
    shown: list[Hit] = []
    conversations: set[UUID] = set()
    for conversation, group in groupby(hits, key=lambda hit: hit.conversation):
        if conversation not in conversations and len(conversations) == MOST_CONVERSATIONS:
            return shown, shown[-1].id
        conversations.add(conversation)
        shown += group
    return shown, shown[-1].id if len(hits) == MOST_HITS else None


def _describe(user: User, places: dict[UUID, list[Hit]], terms: Sequence[Term]) -> list[Found]:
    # Don't trust the index: look everything up through the owner again.
    conversations = user.conversations.alive().filter(pk__in=places).only("title", "archived_at", "owner")
    known = {conversation.pk: conversation for conversation in conversations}
    wanted = [hit.message for hits in places.values() for hit in hits[:MOST_PLACES] if hit.message]
    text = Left(Coalesce(NullIf("text", Value("")), "reasoning"), MOST_CHARS)
    messages = user.messages.alive().filter(pk__in=wanted).annotate(body=text)
    rows: dict[UUID | None, Any] = {row["pk"]: row for row in messages.values("pk", "role", "created_at", "body")}
    return [
        Found(
            known[conversation],
            mark(known[conversation].title, terms),
            [_place(rows[hit.message], terms) for hit in hits[:MOST_PLACES] if hit.message in rows],
            max(0, len(hits) - MOST_PLACES),
        )
        for conversation, hits in places.items()
        if conversation in known
    ]


def _place(row: dict[str, Any], terms: Sequence[Term]) -> Place:
    is_reply = row["role"] == Message.Role.ASSISTANT
    return Place(row["pk"], is_reply, row["created_at"], snippet(row["body"], terms))
