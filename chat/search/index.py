"""The search index, kept by triggers, so that a text is indexed in the transaction that writes it.

Migrations make it, each with statements of its own; `0004` and `0012` have all of PostgreSQL's.
SQLite's triggers are here too, because they have to be restored now and then. An answer is indexed once, at
its end: until then its message is empty. Deleted texts that can still be restored stay in the index; the search leaves
them out. Titles have a table of their own, or searching them first would search all texts twice.
"""

from typing import Any

from chat.search.letters import UNSPACED, WIDE, WIDE_OFFSET

# Only the beginning of a longer text is indexed: PostgreSQL limits the size of a vector, and people won't wait.
MOST_CHARS = 200_000
# On PostgreSQL, this many consecutive documents share a word that says when they were added.
BUCKET = 10_000


def reinstall_what_is_lost(connection: Any) -> None:
    """Restore the triggers that Django loses when it changes an SQLite table, because it recreates the table."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        known = {name for (name,) in cursor.fetchall()}
        cursor.execute("SELECT count(*) FROM sqlite_master WHERE name = 'chat_search_texts'")
        [is_there] = cursor.fetchone()
        for name, (when, what) in TRIGGERS.items():
            if is_there and name not in known:
                cursor.execute(f"CREATE TRIGGER {name} AFTER {when} BEGIN {what} END")


# --- SQLite -----------------------------------------------------------------------------------------------------------

TEXT = f"substr(coalesce(nullif({{0}}.text, ''), {{0}}.reasoning), 1, {MOST_CHARS})"
# A letter, as it is found: full-width ones are those they stand for.
LETTER = f"CASE WHEN a GLOB '[{WIDE}]' THEN char(unicode(a) - {WIDE_OFFSET}) ELSE a END"
# Walks through the text piece by piece, because SQLite counts a text's letters from its start; 129 for the neighbour.
PAIRS = f"""(
    WITH RECURSIVE piece(text, rest) AS (
        SELECT substr({{0}}, 1, 129), substr({{0}}, 129)
        UNION ALL SELECT substr(rest, 1, 129), substr(rest, 129) FROM piece WHERE rest <> ''
    ), place(at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM place WHERE at < 128),
    pair(a, b) AS (SELECT substr(text, at, 1), substr(text, at + 1, 1) FROM piece CROSS JOIN place)
    SELECT group_concat({LETTER} || CASE
        WHEN a GLOB '[{UNSPACED}]' THEN CASE WHEN b GLOB '[{UNSPACED}]' THEN b ELSE '' END || ' '
        WHEN b GLOB '[{UNSPACED}]' THEN ' ' ELSE '' END, '') FROM pair WHERE a <> '')"""
# All of them and some more, in few ranges: most texts have none, and GLOB compares each letter with every range.
PERHAPS = "\u0e01-\u17b3\u3005-\ud7fb\uf900-\ufad9\uff10-\uff9f\U00020000-\U0003ffff"
AS_FOUND = f"""CASE
    WHEN length(CAST({{0}} AS BLOB)) = length({{0}}) THEN {{0}}
    WHEN {{0}} GLOB '*[{PERHAPS}]*' THEN {PAIRS}
    ELSE {{0}} END"""
WORDS = f"replace(replace({AS_FOUND}, 'ё', 'е'), 'Ё', 'Е')"

INDEX_MESSAGE = f"""
    INSERT INTO chat_searchdocument (conversation, message)
        SELECT NEW.conversation_id, NEW.id WHERE NEW.text <> '' OR NEW.reasoning <> '';
    INSERT INTO chat_search_texts (rowid, scope, words)
        SELECT id, NEW.owner_id, {WORDS.format(TEXT.format("NEW"))} FROM chat_searchdocument WHERE message = NEW.id;
"""
INDEX_TITLE = f"""
    INSERT INTO chat_searchdocument (conversation) SELECT NEW.id WHERE NEW.title <> '';
    INSERT INTO chat_search_titles (rowid, scope, words)
        SELECT id, NEW.owner_id, {WORDS.format("NEW.title")}
        FROM chat_searchdocument WHERE conversation = NEW.id AND message IS NULL;
"""
FORGET_MESSAGE = "DELETE FROM chat_searchdocument WHERE message = OLD.id;"
FORGET_TITLE = "DELETE FROM chat_searchdocument WHERE conversation = OLD.id AND message IS NULL;"
FORGET = "DELETE FROM chat_search_texts WHERE rowid = OLD.id; DELETE FROM chat_search_titles WHERE rowid = OLD.id;"
TRIGGERS = {
    "chat_search_message_added": ("INSERT ON chat_message", INDEX_MESSAGE),
    "chat_search_message_changed": (
        "UPDATE OF text, reasoning ON chat_message WHEN OLD.text <> NEW.text OR OLD.reasoning <> NEW.reasoning",
        FORGET_MESSAGE + INDEX_MESSAGE,
    ),
    "chat_search_message_deleted": ("DELETE ON chat_message", FORGET_MESSAGE),
    "chat_search_title_added": ("INSERT ON chat_conversation", INDEX_TITLE),
    "chat_search_title_changed": (
        "UPDATE OF title ON chat_conversation WHEN OLD.title <> NEW.title",
        FORGET_TITLE + INDEX_TITLE,
    ),
    "chat_search_title_deleted": ("DELETE ON chat_conversation", FORGET_TITLE),
    "chat_search_forget": ("DELETE ON chat_searchdocument", FORGET),
}
