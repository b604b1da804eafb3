"""The search index, kept by triggers, so that a text is indexed in the transaction that writes it.

An answer is indexed once, at its end: until then its message is empty. Deleted texts that can still be restored stay
in the index; the search leaves them out.
"""

from typing import Any

# Only the beginning of a longer text is indexed: PostgreSQL limits the size of a vector, and people won't wait.
MOST_CHARS = 200_000
# On PostgreSQL, this many consecutive documents share a word that says when they were added.
BUCKET = 10_000


def install(connection: Any) -> None:
    """Create the triggers and tables that are missing."""
    statements = POSTGRESQL if connection.vendor == "postgresql" else SQLITE
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def uninstall(connection: Any) -> None:
    with connection.cursor() as cursor:
        for statement in POSTGRESQL_GONE if connection.vendor == "postgresql" else SQLITE_GONE:
            cursor.execute(statement)


def reinstall_what_is_lost(connection: Any) -> None:
    """Restore the triggers that Django loses when it changes an SQLite table, because it recreates the table."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        known = {name for (name,) in cursor.fetchall()}
        cursor.execute("SELECT count(*) FROM sqlite_master WHERE name = 'chat_search_texts'")
        [is_there] = cursor.fetchone()
    if is_there and not known >= set(TRIGGERS):
        install(connection)


# --- SQLite -----------------------------------------------------------------------------------------------------------

TEXT = f"substr(coalesce(nullif({{0}}.text, ''), {{0}}.reasoning), 1, {MOST_CHARS})"
WORDS = "replace(replace({0}, 'ё', 'е'), 'Ё', 'Е')"

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
# Titles have their own table: searching them first would otherwise search all texts twice.
TABLES = ("chat_search_texts", "chat_search_titles")
SQLITE = [
    *(
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {table} USING fts5("
        "scope, words, tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3')"
        for table in TABLES
    ),
    *(f"CREATE TRIGGER IF NOT EXISTS {name} AFTER {when} BEGIN {what} END" for name, (when, what) in TRIGGERS.items()),
]
SQLITE_FILL = [
    "INSERT INTO chat_searchdocument (conversation, message) SELECT conversation_id, id FROM chat_message "
    "WHERE text <> '' OR reasoning <> '' ORDER BY created_at",
    "INSERT INTO chat_searchdocument (conversation) SELECT id FROM chat_conversation WHERE title <> '' "
    "ORDER BY created_at",
    f"INSERT INTO chat_search_texts (rowid, scope, words) SELECT document.id, owner_id, "
    f"{WORDS.format(TEXT.format('message'))} FROM chat_searchdocument AS document "
    "JOIN chat_message AS message ON message.id = document.message ORDER BY document.id",
    f"INSERT INTO chat_search_titles (rowid, scope, words) SELECT document.id, owner_id, {WORDS.format('title')} "
    "FROM chat_searchdocument AS document JOIN chat_conversation AS conversation "
    "ON conversation.id = document.conversation WHERE message IS NULL",
]
SQLITE_GONE = [
    *(f"DROP TRIGGER IF EXISTS {name}" for name in TRIGGERS),
    *(f"DROP TABLE IF EXISTS {table}" for table in TABLES),
]

# --- PostgreSQL -------------------------------------------------------------------------------------------------------

# The collation defines letters and their lower case, whatever locale the database was created with. Unstemmed words
# come first, because positions only count up to 16,383; stems have none.
POSTGRESQL = [
    "ALTER TABLE chat_searchdocument ADD COLUMN IF NOT EXISTS vector tsvector NOT NULL DEFAULT ''",
    # The pending list is small, because every search reads it, and the insert that fills it has to merge it.
    "CREATE INDEX IF NOT EXISTS searchdocument_texts ON chat_searchdocument USING gin (vector) "
    "WITH (gin_pending_list_limit = 256) WHERE message IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS searchdocument_titles ON chat_searchdocument USING gin (vector) "
    "WITH (gin_pending_list_limit = 256) WHERE message IS NULL",
    f"""
    CREATE OR REPLACE FUNCTION chat_search_words(body text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
        SELECT translate(lower(regexp_replace(left(body, {MOST_CHARS}) COLLATE "und-x-icu", '[^[:alnum:]]+', ' ', 'g')
            COLLATE "und-x-icu"), 'ё', 'е')
    $$
    """,
    f"""
    CREATE OR REPLACE FUNCTION chat_search_vector(owner uuid, id bigint, body text) RETURNS tsvector
    LANGUAGE plpgsql IMMUTABLE AS $$
    DECLARE
        words text := chat_search_words(body);
        scope tsvector := array_to_tsvector(ARRAY['o:' || owner, 'b:' || id / {BUCKET}]);
    BEGIN
        RETURN scope || to_tsvector('pg_catalog.simple', words) || strip(to_tsvector('pg_catalog.russian', words));
    EXCEPTION WHEN program_limit_exceeded THEN
        -- An answer is worth more than its place in the index.
        RETURN scope || to_tsvector('pg_catalog.simple', left(words, 20000));
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION chat_search_message() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        body text := coalesce(nullif(NEW.text, ''), NEW.reasoning);
        key bigint;
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            DELETE FROM chat_searchdocument WHERE message = NEW.id;
        END IF;
        IF body <> '' THEN
            key := nextval('chat_searchdocument_id_seq');
            INSERT INTO chat_searchdocument (id, conversation, message, vector)
            VALUES (key, NEW.conversation_id, NEW.id, chat_search_vector(NEW.owner_id, key, body));
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION chat_search_title() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        key bigint;
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            DELETE FROM chat_searchdocument WHERE conversation = NEW.id AND message IS NULL;
        END IF;
        IF NEW.title <> '' THEN
            key := nextval('chat_searchdocument_id_seq');
            INSERT INTO chat_searchdocument (id, conversation, vector)
            VALUES (key, NEW.id, chat_search_vector(NEW.owner_id, key, NEW.title));
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION chat_search_forget() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM chat_searchdocument WHERE message = OLD.id OR (message IS NULL AND conversation = OLD.id);
        RETURN NULL;
    END $$
    """,
    """
    CREATE OR REPLACE TRIGGER chat_search_message_added AFTER INSERT ON chat_message
    FOR EACH ROW WHEN (NEW.text <> '' OR NEW.reasoning <> '') EXECUTE FUNCTION chat_search_message()
    """,
    """
    CREATE OR REPLACE TRIGGER chat_search_message_changed AFTER UPDATE OF text, reasoning ON chat_message
    FOR EACH ROW WHEN (OLD.text <> NEW.text OR OLD.reasoning <> NEW.reasoning) EXECUTE FUNCTION chat_search_message()
    """,
    """
    CREATE OR REPLACE TRIGGER chat_search_message_deleted AFTER DELETE ON chat_message
    FOR EACH ROW EXECUTE FUNCTION chat_search_forget()
    """,
    """
    CREATE OR REPLACE TRIGGER chat_search_title_added AFTER INSERT ON chat_conversation
    FOR EACH ROW WHEN (NEW.title <> '') EXECUTE FUNCTION chat_search_title()
    """,
    """
    CREATE OR REPLACE TRIGGER chat_search_title_changed AFTER UPDATE OF title ON chat_conversation
    FOR EACH ROW WHEN (OLD.title <> NEW.title) EXECUTE FUNCTION chat_search_title()
    """,
    """
    CREATE OR REPLACE TRIGGER chat_search_title_deleted AFTER DELETE ON chat_conversation
    FOR EACH ROW EXECUTE FUNCTION chat_search_forget()
    """,
]
POSTGRESQL_FILL = [
    "INSERT INTO chat_searchdocument (conversation, message) SELECT conversation_id, id FROM chat_message "
    "WHERE text <> '' OR reasoning <> '' ORDER BY created_at",
    "INSERT INTO chat_searchdocument (conversation) SELECT id FROM chat_conversation WHERE title <> '' "
    "ORDER BY created_at",
    "UPDATE chat_searchdocument SET vector = chat_search_vector(owner_id, chat_searchdocument.id, "
    "coalesce(nullif(text, ''), reasoning)) FROM chat_message WHERE chat_message.id = message",
    "UPDATE chat_searchdocument SET vector = chat_search_vector(owner_id, chat_searchdocument.id, title) "
    "FROM chat_conversation WHERE chat_conversation.id = conversation AND message IS NULL",
]
# Dropping the functions drops their triggers too.
POSTGRESQL_GONE = [
    "DROP FUNCTION IF EXISTS chat_search_message, chat_search_title, chat_search_forget, chat_search_vector, "
    "chat_search_words CASCADE"
]


def fill(connection: Any) -> None:
    """Index what was written before the index existed."""
    with connection.cursor() as cursor:
        for statement in POSTGRESQL_FILL if connection.vendor == "postgresql" else SQLITE_FILL:
            cursor.execute(statement)
