"""Full-text search: what is found, how it is shown, and that nothing one can type causes an error."""

import re
from importlib import import_module
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from chat import search
from chat.models import Conversation, Message, SearchDocument, User
from chat.search import index, postgresql, sqlite
from chat.search.hit import Hit
from chat.search.snippets import snippet
from chat.search.words import parse, root_of
from tests.pages.page import html
from tests.support.factories import ask, finish, make_conversation, make_user, retry
from tests.support.xss_payloads import PAYLOADS

pytestmark = pytest.mark.django_db
on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite finds by beginnings")


@pytest.fixture
def anna(client: Client) -> User:
    anna = make_user()
    client.force_login(anna)
    return anna


def found(user: User, text: str) -> list[str]:
    """Return the titles that are found."""
    return [one.conversation.title for one in search.search(user, text).found]


def places(user: User, text: str) -> list[str]:
    return [place.html for one in search.search(user, text).found for place in one.places]


def test_it_finds_titles_questions_and_answers(anna: User) -> None:
    make_conversation(anna, [("What is a fox?", "A small animal with a bushy tail.")])
    make_conversation(anna, [("What is a wolf?", "A large animal.")])
    assert found(anna, "fox") == ["What is a fox?"]
    assert found(anna, "bushy") == ["What is a fox?"]
    assert sorted(found(anna, "animal")) == ["What is a fox?", "What is a wolf?"]
    assert found(anna, "animal bushy") == ["What is a fox?"]
    assert found(anna, "badger") == []


def test_the_newest_comes_first_but_titles_before_all(anna: User) -> None:
    titled = make_conversation(anna, [("badgers", "a")])
    for number in range(3):
        make_conversation(anna, [(f"question {number}", "about badgers")])
    assert found(anna, "badgers") == [titled.title, "question 2", "question 1", "question 0"]


@pytest.mark.parametrize("typed", ["b", "bu", "bus", "bushies", "bushi", "BUSHY", "Bushy tail", "tail bush"])
def test_it_finds_while_one_types(anna: User, typed: str) -> None:
    make_conversation(anna, [("q", "A small animal with a bushy tail; bushies.")])
    assert found(anna, typed) == ["q"]


def test_a_phrase_is_found_in_its_order_only(anna: User) -> None:
    make_conversation(anna, [("one", "the small red fox")])
    make_conversation(anna, [("two", "the red small fox")])
    assert found(anna, '"small red"') == ["one"]
    assert found(anna, '"small red" fox') == ["one"]
    assert found(anna, '"small re') == ["one"], "while it is being typed, too"
    assert len(found(anna, "small red")) == 2
    assert found(anna, '"small r"') == []


def test_code_is_found_by_its_parts(anna: User) -> None:
    make_conversation(
        anna, [("q", "set `settings.LLM_MODEL` in config/settings.py or <b>bold</b> https://example.com/path")]
    )
    for part in ("LLM_MODEL", "llm", "settings.py", "config", "bold", "example.com", "path", "settings.LLM_MODEL"):
        assert found(anna, part) == ["q"], part


def test_russian_is_found_whatever_its_case_and_its_yo(anna: User) -> None:
    make_conversation(anna, [("q", "Рыжая ЛИСА и «Ёжик» в тумане—ночью")])
    for word in ("лиса", "Лиса", "ёжик", "ежик", "ЕЖ", "тумане", "ночью", "рыжая лиса"):
        assert found(anna, word) == ["q"], word


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("рыжие лисы", "лисами"),
        ("об обновлениях", "обновление"),
        ("running foxes", "fox runs"),
        ("two stories", "story"),
    ],
)
@on_postgresql
def test_words_are_found_in_their_other_forms(anna: User, said: str, asked: str) -> None:
    make_conversation(anna, [("q", said)])
    assert found(anna, asked) == ["q"]
    assert "<mark>" in places(anna, asked)[0]


@pytest.mark.parametrize(("said", "asked"), [("рыжие лисы", "лисами"), ("foxes", "fox"), ("a fox ran", "foxes")])
def test_most_are_found_by_their_beginnings_everywhere(anna: User, said: str, asked: str) -> None:
    make_conversation(anna, [("q", said)])
    assert found(anna, asked) == ["q"]


@pytest.mark.parametrize(
    ("forms", "root"),
    [
        ("story stories", "stor"),
        ("coding codes coded", "cod"),
        ("running", "run"),
        ("connect connected connection connections", "connect"),
        ("обновление обновлениями обновлениях", "обновлен"),
    ],
)
def test_forms_of_a_word_share_its_root(forms: str, root: str) -> None:
    assert {root_of(form) for form in forms.split()} == {root}


def test_reasoning_is_searched_only_where_it_is_the_answer(anna: User) -> None:
    conversation = make_conversation(anna, [])
    finish(ask(conversation, "q?"), "an answer", reasoning="pondering")
    assert found(anna, "pondering") == []
    finish(ask(conversation, "q?"), "", reasoning="pondering")
    assert len(found(anna, "pondering")) == 1


# --- Whose, and what is left out --------------------------------------------------------------------------------------


def test_a_stranger_finds_nothing(anna: User) -> None:
    boris = make_user("boris", is_superuser=True, is_staff=True)
    make_conversation(anna, [("the secret of anna", "a secret")])
    assert found(boris, "secret") == []
    # Nor by the words with which the index marks the owner.
    for typed in (anna.pk.hex, f"o:{anna.pk}", str(anna.pk), f'scope:"{anna.pk.hex}"'):
        assert found(boris, typed) == [] == found(boris, f'{typed} OR secret"')


def hits(user: User, text: str) -> list[Hit]:
    """Return what the index finds, before it is looked up through the owner."""
    database: Any = postgresql if connection.vendor == "postgresql" else sqlite
    ask_for: dict[str, Any] = {"before": None, "limit": 10}
    return [hit for titles in (True, False) for hit in database.find(user.pk, parse(text), titles=titles, **ask_for)]


def test_the_index_leaves_out_others_and_what_is_deleted(anna: User) -> None:
    """Otherwise they would take the places of real results."""
    conversation = make_conversation(anna, [("fox", "fox")])
    assert len(hits(anna, "fox")) == 3
    assert hits(make_user("boris"), "fox") == []
    Message.objects.filter(role="user").update(deleted_at=conversation.created_at)
    assert len(hits(anna, "fox")) == 2
    conversation.soft_delete()
    assert hits(anna, "fox") == []


def test_whatever_the_index_says_it_is_looked_up_through_the_owner(anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = make_conversation(make_user("boris"), [("fox", "fox")])
    mine = make_conversation(anna, [("fox", "fox")])
    wrong = [Hit(2, theirs.pk, theirs.leaf_id), Hit(1, mine.pk, theirs.leaf_id)]
    for database in (sqlite, postgresql):
        monkeypatch.setattr(database, "find", lambda *_, titles, **__: [] if titles else wrong)
    [found] = search.search(anna, "fox").found
    assert (found.conversation, found.places) == (mine, [])


def test_what_is_deleted_is_not_found_until_it_is_back(anna: User) -> None:
    conversation = make_conversation(anna, [("q", "bushy")])
    conversation.soft_delete()
    assert found(anna, "bushy") == found(anna, "q") == []
    conversation.restore()
    assert found(anna, "bushy") == ["q"]
    Message.objects.filter(text="bushy").update(deleted_at=conversation.created_at)
    assert found(anna, "bushy") == []
    Message.objects.update(deleted_at=None)
    assert found(anna, "bushy") == ["q"]


def test_what_is_archived_is_found_and_says_so(client: Client, anna: User) -> None:
    make_conversation(anna, [("q", "bushy")]).archive(True)
    assert "Archived</span>" in html(client.get("/chat/search", {"q": "bushy"}))


# --- Keeping the index up to date -----------------------------------------------------------------------------------


def test_the_index_follows_every_change(anna: User) -> None:
    conversation = make_conversation(anna, [("first title", "bushy")])
    conversation.rename("another name")
    assert (found(anna, "first"), found(anna, "another")) == (["another name"], ["another name"])
    Message.objects.filter(text="first title").delete()
    assert found(anna, "first") == []
    reply = ask(conversation, "more?")
    assert found(anna, "growing") == []
    finish(reply, "growing")
    assert found(anna, "growing") == ["another name"]
    finish(retry(conversation), "again")
    assert found(anna, "growing") == ["another name"], "another branch"
    conversation.rename("")
    assert found(anna, "another") == []


def test_what_is_gone_for_good_leaves_nothing_in_the_index(anna: User) -> None:
    conversation = make_conversation(anna, [("one?", "bushy"), ("two?", "tail")])
    assert SearchDocument.objects.count() == 5
    Conversation.objects.filter(pk=conversation.pk).delete()
    assert SearchDocument.objects.count() == 0
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("SELECT (SELECT count(*) FROM chat_search_texts), (SELECT count(*) FROM chat_search_titles)")
            assert cursor.fetchone() == (0, 0)


def test_what_was_there_before_the_index_is_in_it(anna: User) -> None:
    make_conversation(anna, [("Лиса?", "bushy")])
    migration = import_module("chat.migrations.0004_search")
    editor = connection.schema_editor(atomic=False)
    migration.uninstall(None, editor)
    SearchDocument.objects.all().delete()
    make_conversation(anna, [("wolf?", "")])
    migration.install(None, editor)
    assert [found(anna, word) for word in ("bushy", "лиса", "wolf")] == [["Лиса?"], ["Лиса?"], ["wolf?"]]
    make_conversation(anna, [("badger?", "")])
    assert found(anna, "badger") == ["badger?"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite loses them")
def test_the_triggers_to_restore_are_those_of_the_migrations() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        made = dict(cursor.fetchall())
    assert set(made) == set(index.TRIGGERS)
    for name, (when, what) in index.TRIGGERS.items():
        assert made[name].split() == f"CREATE TRIGGER {name} AFTER {when} BEGIN {what} END".split()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite loses them")
def test_triggers_that_a_migration_has_lost_come_back(anna: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER chat_search_message_changed")
    index.reinstall_what_is_lost(connection)
    make_conversation(anna, [("q", "bushy")])
    assert found(anna, "bushy") == ["q"]


def test_a_question_costs_no_query_more(anna: User, django_assert_max_num_queries: Any) -> None:
    conversation = make_conversation(anna)
    with django_assert_max_num_queries(10):
        ask(conversation, "And a wolf?")


# --- What can be typed ------------------------------------------------------------------------------------------------

HOSTILE = [
    '"', '""', '"""', "'", "\\", "*", "**", "a*", "(", ")", "()", "(a", "AND", "OR", "NOT", "NEAR", "a AND", "NOT a",
    "NEAR(a b)", "a:b", "words:a", "scope:a", ":*", "a:*", "a:A", "!", "!a", "&", "|", "<->", "a <-> b", "a & b", "-a",
    "+a", "^a", "{a}", "[a]", "%", "_", "$1", "%s", "{}", "{words}", ";", "--", "/*", "\0", "a\0b", "\ud800", "\x7f",
    "\n", "\t", " ", "😀", "👩‍👩‍👧", "é", "e\u0301", "İ", "ß", "ﬁ", "你好", "日本語テスト", "हिन्दी", "العربية",
    "\u202e", "½", "x²",
    "a" * 10_000, "a " * 5_000, '"' * 10_000, "(" * 10_000, "лиса " * 2_000, "\\" * 10_000,
    "'; DROP TABLE chat_message; --",
]  # fmt: skip


@pytest.mark.parametrize("typed", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_that_can_be_typed_is_an_error(client: Client, anna: User, typed: str) -> None:
    make_conversation(anna, [("a fox", "a b лиса")])
    search.search(anna, typed)
    if "\ud800" not in typed:
        for fragment in ("", "results"):
            response = client.get("/chat/search", {"q": typed, "fragment": fragment})
            assert response.status_code == 200
            assert len(response.content) < 100_000


@pytest.mark.parametrize(
    "text", ["a-" * 100_000, "a." * 100_000, "/a" * 100_000, "я" * 200_000, "😀" * 200_000, "<" * 200_000]
)
def test_a_text_that_is_odd_and_long_is_stored(anna: User, text: str) -> None:
    make_conversation(anna, [("q", f"{text} needle")])
    assert Message.objects.filter(text__endswith="needle").exists()
    assert found(anna, "q") == ["q"]


def test_a_text_of_too_many_words_for_a_vector_is_stored(anna: User) -> None:
    # Distinct words, made of the characters with the most bytes.
    letters = [chr(0x20000 + number) for number in range(40_000)]
    make_conversation(anna, [("q", "needle " + " ".join(f"{one}{other}" for one, other in pairwise(letters)))])
    assert found(anna, "needle") == ["q"]


@on_postgresql
def test_the_oldest_are_found_behind_the_newest(anna: User) -> None:
    """They are searched in steps; between two steps, nothing is left out or found twice."""
    places = [1, index.BUCKET - 3, 2 * index.BUCKET, 5 * index.BUCKET, 29 * index.BUCKET - 3, 30 * index.BUCKET, 10**6]
    for place in places:
        with connection.cursor() as cursor:
            cursor.execute("SELECT setval('chat_searchdocument_id_seq', %s)", [place])
        make_conversation(anna, [(f"at {place}", "the bushy tail"), ("more?", "the bushy tail again")])
    for typed in ("bushy", '"bushy tail"', "tail bush"):
        assert found(anna, typed) == [f"at {place}" for place in reversed(places)]
        for one in search.search(anna, typed).found:
            assert (len(one.places), one.more) == (2, 0)


@on_postgresql
def test_what_takes_too_long_says_so(client: Client, anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    make_conversation(anna)
    monkeypatch.setattr(postgresql, "FIND", postgresql.FIND.replace("FROM mine", "FROM mine, pg_sleep(10)"))
    monkeypatch.setattr(postgresql, "PATIENCE", postgresql.PATIENCE.replace("'5s'", "'50ms'"))
    assert "That search takes too long." in html(client.get("/chat/search", {"q": "fox"}))


# --- The page ---------------------------------------------------------------------------------------------------------


def test_a_result_opens_the_conversation_at_the_message(client: Client, anna: User) -> None:
    conversation = make_conversation(anna, [("one?", "a bushy tail"), ("two?", "b")])
    reply = Message.objects.get(text="a bushy tail")
    page = html(client.get("/chat/search", {"q": "bushy"}))
    path = f"/chat/{conversation.pk}/?message={reply.pk}#message-{reply.pk}"
    assert f'href="{path}"' in page
    assert "a <mark>bushy</mark> tail" in page
    assert f'id="message-{reply.pk}"' in html(client.get(path))


def test_a_result_on_another_branch_opens_too(client: Client, anna: User) -> None:
    conversation = make_conversation(anna, [("q?", "the old bushy answer")])
    old = conversation.leaf_id
    finish(retry(conversation), "the new answer")
    assert "bushy" not in html(client.get(f"/chat/{conversation.pk}/"))
    [path] = re.findall(r'found-place"\s+href="([^"]+)"', html(client.get("/chat/search", {"q": "bushy"})))
    assert f'id="message-{old}"' in html(client.get(path))


def test_scripts_get_the_results_alone(client: Client, anna: User) -> None:
    make_conversation(anna, [("q", "bushy")])
    fragment = html(client.get("/chat/search", {"q": "bushy", "fragment": "results"}))
    assert fragment.strip().startswith('<div class="found"')
    assert "<html" not in fragment
    assert "Found in 1 conversation" in fragment


def test_more_results_are_on_the_next_page(client: Client, anna: User) -> None:
    for number in range(45):
        make_conversation(anna, [(f"question {number}", "bushy")])
    seen, query = [], {"q": "bushy"}
    for _ in range(3):
        page = html(client.get("/chat/search", query))
        seen += re.findall(r'found-title"[^>]*>(question \d+)<', page)
        older = re.search(r'&amp;before=(\d+)" rel', page)
        query = {"q": "bushy", "before": older[1] if older else ""}
    assert seen == [f"question {number}" for number in range(44, -1, -1)]
    for odd in ("x", "-1", "9" * 30, "٣"):
        assert client.get("/chat/search", {"q": "bushy", "before": odd}).status_code == 200


def test_a_long_conversation_shows_once_and_says_how_many_more(client: Client, anna: User) -> None:
    make_conversation(anna, [(f"bushy {number}", "bushy") for number in range(5)])
    page = html(client.get("/chat/search", {"q": "bushy"}))
    assert page.count("found-place") == 2
    assert "and 8 more messages" in page


@pytest.mark.parametrize("q", ["", "  ", "!!!"])
def test_without_a_word_it_asks_for_one(client: Client, anna: User, q: str) -> None:
    page = client.get("/chat/search", {"q": q})
    assert page.status_code == 200
    assert "found-list" not in html(page)


def test_snippets_escape_whatever_was_said(client: Client, anna: User) -> None:
    for payload in PAYLOADS[:60]:
        make_conversation(anna, [(f"fox {payload}"[:200], f"{payload} fox {payload}")])
    page = html(client.get("/chat/search", {"q": 'fox <script>alert(1)</script> "'}))
    page += html(client.get("/chat/search", {"q": "fox"}))
    tags = set(re.findall(r"<(\w+)", page.split('<main id="main"')[1].split("</main>")[0]))
    assert tags <= {
        "form",
        "label",
        "input",
        "button",
        "div",
        "p",
        "ol",
        "li",
        "a",
        "span",
        "time",
        "mark",
        "svg",
        "path",
    }


@pytest.mark.parametrize(
    ("text", "typed", "shown"),
    [
        ("a fox", "fox", "a <mark>fox</mark>"),
        ("Foxes & <foxes>", "fox", "<mark>Foxes</mark> &amp; &lt;<mark>foxes</mark>&gt;"),
        ("Ёжик", "ежик", "<mark>Ёжик</mark>"),
        ("outfoxed", "fox", "outfoxed"),
        ("**a** `fox`\n\n# b", "fox", "a <mark>fox</mark> b"),
        ("word " * 100 + "fox", "fox", None),
        ("fox " + "x" * 5000, "fox", None),
    ],
)
def test_a_snippet_is_the_place_that_was_found(text: str, typed: str, shown: str | None) -> None:
    terms = parse(typed)
    result = snippet(text, terms)
    assert shown is None or result == shown
    assert len(result) < 400
    assert shown is not None or "<mark>fox</mark>" in result


def test_a_stranger_is_sent_to_the_login(client: Client) -> None:
    assert client.get("/chat/search", {"q": "fox"}).status_code == 302
    assert client.post("/chat/search", {"q": "fox"}).status_code in (302, 405)
