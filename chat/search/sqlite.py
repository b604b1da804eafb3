"""SQLite's FTS5. It has no Russian stemmer, so words are found by their beginnings, also while they are being typed."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from chat.search.hit import Hit
from chat.search.letters import is_unspaced
from chat.search.words import Term, root_of

# CROSS JOIN makes SQLite read the index first, newest first, and stop at the limit.
FIND = """
    SELECT document.id, document.conversation, document.message
    FROM {index} AS found CROSS JOIN chat_searchdocument AS document ON document.id = found.rowid
    WHERE {index} MATCH %s AND found.rowid < %s
        AND document.conversation NOT IN (
            SELECT id FROM chat_conversation WHERE owner_id = %s AND deleted_at IS NOT NULL)
        AND (document.message IS NULL OR document.message NOT IN (
            SELECT id FROM chat_message WHERE owner_id = %s AND deleted_at IS NOT NULL))
    ORDER BY found.rowid DESC LIMIT %s
"""
NEWEST = 2**63 - 1


def find(owner: UUID, terms: Sequence[Term], *, titles: bool, before: int | None, limit: int) -> list[Hit]:
    match = f'scope : "{owner.hex}" AND words : ({" AND ".join(map(_match, terms))})'
    statement = FIND.format(index="chat_search_titles" if titles else "chat_search_texts")
    with connection.cursor() as cursor:
        cursor.execute(statement, [match, NEWEST if before is None else before, owner.hex, owner.hex, limit])
        return [Hit(row[0], UUID(row[1]), UUID(row[2]) if row[2] else None) for row in cursor.fetchall()]


def _match(term: Term) -> str:
    """Return a term in FTS5's syntax. It needs no escaping: words are only letters and digits."""
    if term.is_phrase or is_unspaced(term.words[0]):
        return f'"{" ".join(term.tokens)}"{"*" if term.is_beginning else ""}'
    [word] = term.words
    return f'"{root_of(word)}"*'
