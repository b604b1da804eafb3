"""PostgreSQL's full-text search: words as typed, their beginnings, and the stems of Russian and English words."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction

from chat.search.hit import Hit, TooBroad
from chat.search.index import BUCKET
from chat.search.letters import is_unspaced
from chat.search.words import Term

# Materialized, so that the index is read once, whatever the planner makes of the limit.
FIND = """
    WITH found AS MATERIALIZED (
        SELECT id, conversation, message FROM chat_searchdocument
        WHERE message IS {kind} AND vector @@ (%s::tsquery && {words}) AND id < %s
    ), mine AS (
        SELECT id, conversation, message FROM found
        WHERE conversation NOT IN (SELECT id FROM chat_conversation WHERE owner_id = %s AND deleted_at IS NOT NULL)
            AND (message IS NULL OR message NOT IN (
                SELECT id FROM chat_message WHERE owner_id = %s AND deleted_at IS NOT NULL))
        ORDER BY id DESC LIMIT %s
    )
    SELECT mine.id, mine.conversation, mine.message FROM mine
"""
IN_PHRASES = " JOIN chat_searchdocument AS document USING (id) WHERE document.vector @@ ({phrases})"
NEWEST_FIRST = " ORDER BY id DESC LIMIT %s"
NEWEST = "SELECT coalesce(max(id), 0) + 1 FROM chat_searchdocument"
# The planner thinks a sequential scan of this narrow table is cheap, but its vectors are expensive to read.
PATIENCE = "SET LOCAL enable_seqscan = off; SET LOCAL statement_timeout = '5s'"
QUERY_CANCELED = "57014"
# How many buckets to search at a time, newest first. A very common word is found often enough in the first few.
STEPS = (2, 20, None)
# A phrase is searched for in the newest texts of each step that have all of its words, and each of them has to be read.
MOST_READ_FOR_PHRASES = 2_000

Part = tuple[str, list[str]]


def find(owner: UUID, terms: Sequence[Term], *, titles: bool, before: int | None, limit: int) -> list[Hit]:
    """Find texts with all terms, newest first. Raises TooBroad if that takes too long."""
    words, values = _join([part for term in terms for part in _words(term)])
    phrases, phrase_values = _join([_phrase(term) for term in terms if term.is_phrase])
    statement = FIND.format(words=words, kind="NULL" if titles else "NOT NULL")
    statement += (IN_PHRASES.format(phrases=phrases) if phrases else "") + NEWEST_FIRST
    most = MOST_READ_FOR_PHRASES if phrases else limit
    found: list[Hit] = []
    upper = before or _run(NEWEST, [])[0][0]
    for buckets in STEPS:
        scope, lower = _scope(owner, upper, buckets)
        asked = [scope, *values, upper, owner, owner, most, *phrase_values, limit - len(found)]
        found += [Hit(*row) for row in _run(statement, asked)]
        if len(found) == limit or not lower:
            break
        upper = lower
    return found


def _scope(owner: UUID, upper: int, buckets: int | None) -> tuple[str, int]:
    """Return a query for the owner and the newest buckets, and the lowest id in them (0 if nothing is older).

    Both are found by words that nobody can search for, because they contain a colon.
    """
    scope, last = f"'o:{owner}'", (upper - 1) // BUCKET
    if buckets is None or buckets > last:
        return scope, 0
    when = " | ".join(f"'b:{last - back}'" for back in range(buckets))
    return f"{scope} & ({when})", (last - buckets + 1) * BUCKET


def _run(statement: str, values: list[Any]) -> list[tuple[Any, ...]]:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(PATIENCE)
            cursor.execute(statement, values)
            return cursor.fetchall()
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == QUERY_CANCELED:
            raise TooBroad from error
        raise


def _words(term: Term) -> list[Part]:
    """Match each word as typed, by its beginning or by its stem. Stop words such as "the" have no stem."""
    as_they_are = _as_typed(term)
    if term.is_phrase or is_unspaced(term.words[0]):
        # Of a word without spaces, all pairs are enough: PostgreSQL forgets where words stand in a long text.
        return [("to_tsquery('pg_catalog.simple', %s)", [word]) for word in as_they_are]
    both = "(to_tsquery('pg_catalog.simple', %s) || to_tsquery('pg_catalog.russian', %s))"
    return [(both, [*as_they_are, term.words[0]])]


def _phrase(term: Term) -> Part:
    return "to_tsquery('pg_catalog.simple', %s)", [" <-> ".join(_as_typed(term))]


def _as_typed(term: Term) -> list[str]:
    *before, last = term.tokens
    return [*before, f"{last}:*" if term.is_beginning else last]


def _join(parts: list[Part]) -> Part:
    return " && ".join(sql for sql, _values in parts), [value for _sql, values in parts for value in values]
