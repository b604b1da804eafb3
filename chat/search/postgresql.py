"""PostgreSQL's full-text search: words as they are, with beginnings, and the stems of Russian and English ones."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction

from chat.search.hit import Hit, TooBroad
from chat.search.index import BUCKET
from chat.search.words import Term

# Materialized: the index is asked once, whatever the planner thinks of a limit.
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
# Most of the rows of a narrow table look cheap to read one after the other; their vectors are not.
PATIENCE = "SET LOCAL enable_seqscan = off; SET LOCAL statement_timeout = '5s'"
QUERY_CANCELED = "57014"
# First the newest, in so many buckets, then those before. A word that is everywhere is found there often enough.
STEPS = (2, 20, None)
# A phrase is looked for in each step's newest texts that have all of its words: each has to be read for it.
MOST_READ_FOR_PHRASES = 2_000

Part = tuple[str, list[str]]


def find(owner: UUID, terms: Sequence[Term], *, titles: bool, before: int | None, limit: int) -> list[Hit]:
    """Raises TooBroad if it takes too long."""
    words, values = _join([_word(term, word) for term in terms for word in term.words])
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
    """Whose, and of when: words that nobody can type, as they have a colon; and where those before begin, if any."""
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


def _word(term: Term, word: str) -> Part:
    """As it is, or begins; or by its stem. A word that says nothing, as "the", has no stem."""
    is_open = term.is_open and word == term.words[-1]
    as_it_is = f"{word}:*" if is_open else word
    if term.is_phrase:
        return "to_tsquery('pg_catalog.simple', %s)", [as_it_is]
    return "(to_tsquery('pg_catalog.simple', %s) || to_tsquery('pg_catalog.russian', %s))", [as_it_is, word]


def _phrase(term: Term) -> Part:
    last = f"{term.words[-1]}:*" if term.is_open else term.words[-1]
    return "to_tsquery('pg_catalog.simple', %s)", [" <-> ".join([*term.words[:-1], last])]


def _join(parts: list[Part]) -> Part:
    return " && ".join(sql for sql, _values in parts), [value for _sql, values in parts for value in values]
