"""Chinese, Japanese, Korean and Thai words are found wherever they stand, and on PostgreSQL e finds é.

First the triggers are replaced, then what is there already is indexed again, the newest first, in small transactions:
nobody waits, and the version before goes on reading and writing meanwhile. Undone in the same way.

The statements are those of this version: what chat/search/index.py says later does not change what is done here.
"""

from django.db import migrations, transaction

BATCH = 200
UNSPACED = (
    "\u0e01-\u0e30\u0e32-\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2-\u0eb3\u0ebd-\u0ec6\u0edc-\u0edf"
    "\u1000-\u102a\u103f-\u103f\u1050-\u1055\u1780-\u17b3"
    "\u1100-\u11ff\u3131-\u318e\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb"
    "\u3005-\u3006\u3031-\u3035\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
    "\u3105-\u312f\u31a0-\u31bf\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufad9\U00020000-\U0003ffff"
)
WIDE = "\uff10-\uff19\uff21-\uff3a\uff41-\uff5a"
ACCENTED = "\u00c0-\u024f\u1e00-\u1eff"
MARKS = "\u0300-\u036f\u3099\u309a"
# Only texts with one of these are indexed in another way than before. Jamo are letters of their own without NFC.
CONCERNED = UNSPACED + WIDE + ACCENTED + MARKS

# --- SQLite -----------------------------------------------------------------------------------------------------------

TEXT = "substr(coalesce(nullif({0}.text, ''), {0}.reasoning), 1, 200000)"
PAIRS = f"""(
    WITH RECURSIVE piece(text, rest) AS (
        SELECT substr({{0}}, 1, 129), substr({{0}}, 129)
        UNION ALL SELECT substr(rest, 1, 129), substr(rest, 129) FROM piece WHERE rest <> ''
    ), place(at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM place WHERE at < 128),
    pair(a, b) AS (SELECT substr(text, at, 1), substr(text, at + 1, 1) FROM piece CROSS JOIN place)
    SELECT group_concat(CASE WHEN a GLOB '[{WIDE}]' THEN char(unicode(a) - 65248) ELSE a END || CASE
        WHEN a GLOB '[{UNSPACED}]' THEN CASE WHEN b GLOB '[{UNSPACED}]' THEN b ELSE '' END || ' '
        WHEN b GLOB '[{UNSPACED}]' THEN ' ' ELSE '' END, '') FROM pair WHERE a <> '')"""
# All of them and some more, in few ranges: most texts have none, and GLOB compares each letter with every range.
PERHAPS = "\u0e01-\u17b3\u3005-\ud7fb\uf900-\ufad9\uff10-\uff9f\U00020000-\U0003ffff"
AS_FOUND = f"""CASE
    WHEN length(CAST({{0}} AS BLOB)) = length({{0}}) THEN {{0}}
    WHEN {{0}} GLOB '*[{PERHAPS}]*' THEN {PAIRS}
    ELSE {{0}} END"""
WORDS = "replace(replace({0}, 'ё', 'е'), 'Ё', 'Е')"
NEW_WORDS = WORDS.format(AS_FOUND)


def sqlite_triggers(words):
    index_message = f"""
        INSERT INTO chat_searchdocument (conversation, message)
            SELECT NEW.conversation_id, NEW.id WHERE NEW.text <> '' OR NEW.reasoning <> '';
        INSERT INTO chat_search_texts (rowid, scope, words)
            SELECT id, NEW.owner_id, {words.format(TEXT.format("NEW"))}
            FROM chat_searchdocument WHERE message = NEW.id;"""
    index_title = f"""
        INSERT INTO chat_searchdocument (conversation) SELECT NEW.id WHERE NEW.title <> '';
        INSERT INTO chat_search_titles (rowid, scope, words)
            SELECT id, NEW.owner_id, {words.format("NEW.title")}
            FROM chat_searchdocument WHERE conversation = NEW.id AND message IS NULL;"""
    return (
        "DROP TRIGGER IF EXISTS chat_search_message_added",
        "DROP TRIGGER IF EXISTS chat_search_message_changed",
        "DROP TRIGGER IF EXISTS chat_search_title_added",
        "DROP TRIGGER IF EXISTS chat_search_title_changed",
        f"""CREATE TRIGGER chat_search_message_added AFTER INSERT ON chat_message BEGIN {index_message} END""",
        f"""CREATE TRIGGER chat_search_message_changed AFTER UPDATE OF text, reasoning ON chat_message
        WHEN OLD.text <> NEW.text OR OLD.reasoning <> NEW.reasoning
        BEGIN DELETE FROM chat_searchdocument WHERE message = OLD.id; {index_message} END""",
        f"""CREATE TRIGGER chat_search_title_added AFTER INSERT ON chat_conversation BEGIN {index_title} END""",
        f"""CREATE TRIGGER chat_search_title_changed AFTER UPDATE OF title ON chat_conversation
        WHEN OLD.title <> NEW.title
        BEGIN DELETE FROM chat_searchdocument WHERE conversation = OLD.id AND message IS NULL; {index_title} END""",
    )


def sqlite_fill(words):
    body = TEXT.format("chat_message")
    return (
        f"""UPDATE chat_search_texts SET words = (
            SELECT {words.format(body)} FROM chat_searchdocument AS document
            JOIN chat_message ON chat_message.id = document.message WHERE document.id = chat_search_texts.rowid)
        WHERE rowid IN (
            SELECT document.id FROM chat_searchdocument AS document
            JOIN chat_message ON chat_message.id = document.message
            WHERE document.id > %s AND document.id <= %s AND {body} GLOB '*[{CONCERNED}]*')""",
        f"""UPDATE chat_search_titles SET words = (
            SELECT {words.format("title")} FROM chat_searchdocument AS document
            JOIN chat_conversation ON chat_conversation.id = document.conversation
            WHERE document.id = chat_search_titles.rowid)
        WHERE rowid IN (
            SELECT document.id FROM chat_searchdocument AS document
            JOIN chat_conversation ON chat_conversation.id = document.conversation
            WHERE document.message IS NULL AND document.id > %s AND document.id <= %s
                AND title GLOB '*[{CONCERNED}]*')""",
    )


# --- PostgreSQL -------------------------------------------------------------------------------------------------------

# Of two neighbouring letters without spaces, one word; its last letter is one too.
PAIRS_FUNCTION = f"""CREATE OR REPLACE FUNCTION chat_search_pairs(words text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(a || CASE
        WHEN a ~ '[{UNSPACED}]' THEN CASE WHEN b ~ '[{UNSPACED}]' THEN b ELSE '' END || ' '
        WHEN b ~ '[{UNSPACED}]' THEN ' ' ELSE '' END, '')
    FROM unnest(string_to_array(words, NULL), (string_to_array(words, NULL))[2:]) AS pair(a, b)
$$"""
PLAIN_WORDS = """translate(lower(regexp_replace(left(body, 200000) COLLATE "und-x-icu", '[^[:alnum:]]+', ' ', 'g')
            COLLATE "und-x-icu"), 'ё', 'е')"""
WIDE_LETTERS = "".join(map(chr, (*range(0xFF10, 0xFF1A), *range(0xFF41, 0xFF5B))))
NEW_WORDS_FUNCTION = f"""CREATE OR REPLACE FUNCTION chat_search_words(body text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS $$
    DECLARE words text;
    BEGIN
        IF octet_length(body) = length(body) OR body !~ '[{CONCERNED}]' THEN
            RETURN {PLAIN_WORDS};
        END IF;
        body := normalize(body, NFC);
        words := {PLAIN_WORDS};
        words := normalize(regexp_replace(normalize(words, NFD), '([a-z])[{MARKS}]+', '\\1', 'g'), NFC);
        words := translate(words, '{WIDE_LETTERS}', '0123456789abcdefghijklmnopqrstuvwxyz');
        IF words ~ '[{UNSPACED}]' THEN
            RETURN chat_search_pairs(words);
        END IF;
        RETURN words;
    END $$"""
OLD_WORDS_FUNCTION = f"""CREATE OR REPLACE FUNCTION chat_search_words(body text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
        SELECT {PLAIN_WORDS}
    $$"""
POSTGRESQL_FILL = (
    f"""UPDATE chat_searchdocument AS document
    SET vector = chat_search_vector(owner_id, document.id, coalesce(nullif(text, ''), reasoning))
    FROM chat_message WHERE chat_message.id = document.message
        AND document.id > %s AND document.id <= %s AND coalesce(nullif(text, ''), reasoning) ~ '[{CONCERNED}]'""",
    f"""UPDATE chat_searchdocument AS document SET vector = chat_search_vector(owner_id, document.id, title)
    FROM chat_conversation WHERE chat_conversation.id = document.conversation AND document.message IS NULL
        AND document.id > %s AND document.id <= %s AND title ~ '[{CONCERNED}]'""",
)


def install(apps, schema_editor):
    _replace(schema_editor.connection, sqlite_triggers(NEW_WORDS), (PAIRS_FUNCTION, NEW_WORDS_FUNCTION))
    _fill(schema_editor.connection, sqlite_fill(NEW_WORDS))


def uninstall(apps, schema_editor):
    gone = (OLD_WORDS_FUNCTION, "DROP FUNCTION IF EXISTS chat_search_pairs")
    _replace(schema_editor.connection, sqlite_triggers(WORDS), gone)
    _fill(schema_editor.connection, sqlite_fill(WORDS))


def _replace(connection, sqlite, postgresql):
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        for statement in postgresql if connection.vendor == "postgresql" else sqlite:
            cursor.execute(statement)


def _fill(connection, sqlite):
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM chat_searchdocument")
        [upper] = cursor.fetchone()
        while upper > 0:
            with transaction.atomic(connection.alias):
                for statement in POSTGRESQL_FILL if connection.vendor == "postgresql" else sqlite:
                    cursor.execute(statement, [upper - BATCH, upper])
            upper -= BATCH


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("chat", "0011_login_failures")]

    operations = [migrations.RunPython(install, uninstall)]
