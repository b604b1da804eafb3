"""Words are found in the middle of a text without spaces, and letters whatever their accent or width."""

import re
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from chat import search
from chat.models import Message, User
from chat.search import letters
from chat.search.index import WORDS
from chat.search.letters import plain
from chat.search.words import words_of
from tests.pages.page import html
from tests.support.factories import ask, finish, make_conversation, make_user

pytestmark = pytest.mark.django_db

TEXTS = [
    "我昨天查了很多聊天记录记忆断裂问题",
    "修改youer服务端的配置2次",
    "明日の天気予報はどうですか。カタカナ・テスト",
    "ｶﾀｶﾅも半角",
    "한국어학교에서는 무엇을 배우나요",
    "สวัสดีชาวโลก",
    "ພາສາລາວ",
    "ភាសាខ្មែរ",
    "မြန်မာဘာသာ",
    "日本語",
    "語",
    "𠮷野家で𠮷",
    "注音ㄅㄆㄇ",
]
MIXED = "ab語日本x漢字カナ가나다1é ｗ。"


def found(user: User, text: str) -> list[str]:
    return [one.conversation.title for one in search.search(user, text).found]


def marked(user: User, text: str) -> set[str]:
    found = search.search(user, text).found
    shown = [one.title for one in found] + [place.html for one in found for place in one.places]
    return {mark for html in shown for mark in re.findall("<mark>([^<]*)</mark>", html)}


def parts_of(text: str) -> list[str]:
    """Return every part of one to five letters that touches no other script and no sign."""
    runs = [run for run in words_of(text) if letters.is_unspaced(run)]
    return [run[start : start + size] for run in runs for size in range(1, 6) for start in range(len(run) - size + 1)]


@pytest.fixture
def anna() -> User:
    return make_user()


@pytest.mark.parametrize("text", TEXTS)
def test_every_part_of_a_text_without_spaces_is_found(anna: User, text: str) -> None:
    make_conversation(anna, [("in a message", text)])
    make_conversation(anna, [("nothing of it: 犬 개", "fox")])
    titled = make_conversation(anna, [("x", "y")])
    titled.rename(text)
    parts = parts_of(text)
    assert parts
    for part in parts:
        assert found(anna, part) == [text, "in a message"], part
        assert part in marked(anna, part), part


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("记忆断裂", "记忆断裂"),
        ("youer", "youer"),
        ("YOU", "youer"),
        ("服务端", "服务端"),
        ("修改youer服务端", "修改"),
        ('"修改 youer 服务端"', "服务端"),
        ('"改youer服"', "youer"),
        ("天気", "天気"),
        ("学校 没有", ""),
        ("학교", "학교"),
        ("天 予", "予"),
    ],
)
def test_words_that_touch_each_other_are_found(anna: User, typed: str, shown: str) -> None:
    make_conversation(anna, [("我昨天查了很多聊天记录记忆断裂问题", "修改youer服务端 明日の天気予報 한국어학교에서는")])
    assert bool(found(anna, typed)) == bool(shown)
    assert not shown or shown in marked(anna, typed)


@pytest.mark.parametrize(
    ("said", "typed", "is_found"),
    [
        ("天気予報", '"天気 予報"', False),
        ("天気 予報", '"天気 予報"', True),
        ("日本語と英語", "日英", False),
        ("日本語の先生", "本の", False),
        ("二つの天と気", "天気", False),
        ("outfoxed", "fox", False),
        ("youers", "youer", True),
    ],
)
def test_letters_that_are_no_neighbours_are_no_word(anna: User, said: str, typed: str, is_found: bool) -> None:
    make_conversation(anna, [("q", said)])
    assert bool(found(anna, typed)) == is_found


@pytest.mark.parametrize(
    ("said", "typed"),
    [
        ("Crème brûlée", "creme"),
        ("Crème brûlée", "brûlee"),
        ("Creme", "crème"),
        ("Cre\u0300me", "creme"),
        ("Creme", "cre\u0300me"),
        ("Ａｌｐｈａ１", "alpha1"),
        ("alpha1", "ＡＬＰＨＡ１"),
        ("設定ｙｏｕｅｒを", "youer"),
        ("Việt Nam", "viet"),
        ("ÅNGSTRÖM", "angstrom"),
        ("Ёжик", "ежик"),
        ("Новый йод", "йод"),
        ("İstanbul", "istanbul"),
    ],
)
def test_accents_and_width_make_no_difference(anna: User, said: str, typed: str) -> None:
    make_conversation(anna, [("q", said)])
    make_conversation(anna, [(f"title: {said}", "x")])
    assert found(anna, typed) == [f"title: {said}", "q"]
    assert marked(anna, typed)


@pytest.mark.parametrize("q", ["½", "①", "😀", "👩‍👩‍👧", "!!!", "→ ½"])
def test_signs_are_not_searched_for_and_it_says_so(client: Client, anna: User, q: str) -> None:
    client.force_login(anna)
    make_conversation(anna, [(q, q)])
    assert "Enter a word or a number. Signs and emoji can’t be searched for." in html(
        client.get("/chat/search", {"q": q})
    )


def test_a_sign_beside_a_word_does_no_harm(anna: User) -> None:
    make_conversation(anna, [("½ cup 😀", "①天気")])
    for typed in ("cup 😀", "½ cup", "①天気", "天気 ½"):
        assert found(anna, typed) == ["½ cup 😀"]


def test_a_long_text_is_found_to_its_end(anna: User) -> None:
    """Longer than the pieces in which SQLite walks through it, and than the places that PostgreSQL remembers."""
    long = "".join(f"{chr(0x4E00 + number % 9000)}{chr(0x5E00 + number % 7919)}" for number in range(12_000))
    make_conversation(anna, [("q", f"{long}记忆断裂")])
    for part in ("记忆断裂", long[127:130], long[128:131], long[23_000:23_004]):
        assert found(anna, part) == ["q"], part
    assert marked(anna, "记忆断裂") == {"记忆断裂"}


@given(st.text(st.sampled_from(MIXED), max_size=300))
def test_the_database_splits_a_text_as_the_search_does(text: str) -> None:
    assert tokens_in_the_database(text) == tokens_of_the_search(text)


def tokens_of_the_search(text: str) -> list[str]:
    tokens: list[str] = []
    for word in words_of(text):
        tokens += [*letters.pairs_of(word), word[-1]] if letters.is_unspaced(word) else [word]
    return tokens


def tokens_in_the_database(text: str) -> list[str]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT chat_search_words(%s)", [text])
        else:
            cursor.execute(f"SELECT {WORDS.format('body')} FROM (SELECT %s AS body)", [text])
        [words] = cursor.fetchone()
    return plain(re.sub(r"[。\s]+", " ", words or "")).lower().split()


def test_the_migration_and_the_search_know_the_same_letters() -> None:
    migration = import_module("chat.migrations.0012_search_without_spaces")
    assert migration.WIDE == letters.WIDE
    pattern = re.compile(f"[{migration.UNSPACED}]")
    for code in range(0x110000):
        if not 0xD800 <= code < 0xE000:
            assert bool(pattern.match(chr(code))) == letters.is_unspaced(chr(code))


@pytest.mark.parametrize("text", [*TEXTS, "Crème"])
def test_what_was_there_before_is_found_too_and_the_migration_can_be_undone(anna: User, text: str) -> None:
    migration: Any = import_module("chat.migrations.0012_search_without_spaces")
    editor = type("Editor", (), {"connection": connection})
    before = index_of_all()
    migration.uninstall(None, editor)
    conversation = make_conversation(anna, [("before", text)])
    conversation.rename(text)
    old = index_of_all()
    migration.install(None, editor)
    part = parts_of(text)[-1] if parts_of(text) else "creme"
    assert len(search.search(anna, part).found[0].places) == 1
    finish(ask(conversation, "after"), text)
    assert len(search.search(anna, part).found[0].places) == 2
    Message.objects.filter(text="after").delete()
    migration.uninstall(None, editor)
    for row in old:
        assert row in index_of_all()
    assert before == []


def index_of_all() -> list[Any]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT id, vector::text FROM chat_searchdocument ORDER BY id")
        else:
            cursor.execute(
                "SELECT rowid, words FROM chat_search_texts UNION SELECT rowid, words FROM chat_search_titles"
            )
        return sorted(cursor.fetchall())
