"""The pages are in the reader's language."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from chat.models import Status, User
from tests.pages.page import html
from tests.support.factories import make_conversation, make_user

pytestmark = pytest.mark.django_db

IN_RUSSIAN = {"Accept-Language": "ru-RU,ru;q=0.9,en;q=0.8"}


def test_the_browser_says_which(client: Client, anna: User) -> None:
    conversation = make_conversation(anna)
    page = html(client.get(f"/chat/{conversation.pk}/", headers=IN_RUSSIAN))
    assert '<html lang="ru">' in page
    assert "Новая беседа" in page
    assert 'aria-label="Скопировать ответ"' in page
    assert 'data-finished="Ответ готов."' in page
    assert "New chat" not in page


def test_the_setting_counts_more_than_the_browser(client: Client, anna: User) -> None:
    User.objects.update(language="en")
    assert "New chat" in html(client.get("/", headers=IN_RUSSIAN))
    User.objects.update(language="ru")
    assert "Новая беседа" in html(client.get("/", headers={"Accept-Language": "en"}))


# Neither a placeholder nor the name of a file.
ENGLISH = re.compile(r"(?<![{.A-Za-z-])[A-Za-z]{2,}")
TOLD = {"aria-label", "title", "placeholder", "alt"}
# Names: of a parameter, and of a model, a person and a time zone in these tests.
NAMES = {"Top", "fox", "anna", "UTC"}


class Words(HTMLParser):
    """Collects what people read or hear, except names of keys, code, and choices that are proper names."""

    hidden = {"script", "style", "pre", "code", "kbd", "option", "textarea"}

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        told = (value for name, value in attributes if value and (name in TOLD or (tag == "template" and name != "id")))
        self.found += ENGLISH.findall(" ".join(told))

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in self.hidden:
            self.found += ENGLISH.findall(data)


@pytest.mark.parametrize("status", [status for status in Status.values if status != "streaming"])
def test_no_english_is_left_in_a_conversation(status: str, client: Client, anna: User) -> None:
    conversation = make_conversation(anna, [("Кто это?", "Лиса.")], status=status, duration_ms=1200, reasoning_ms=900)
    conversation.pin(True)
    page = html(client.get(f"/chat/{conversation.pk}/", headers=IN_RUSSIAN))
    assert set(Words(page).found) <= NAMES


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/?preset=",
        "/settings/",
        "/settings/presets/new/",
        "/chat/archived/",
        "/chat/search",
        "/chat/search?q=лиса",
        "/chat/search?q=барсук",
        "/accounts/password/",
        "/accounts/password/done/",
        "/nowhere",
        "/chat/{conversation}/title/",
        "/chat/{conversation}/settings/",
        "/chat/{conversation}/messages/{question}/delete/",
        "/chat/{conversation}/?edit={question}",
    ],
)
def test_no_english_is_left_on_a_page(path: str, client: Client, anna: User) -> None:
    conversation = make_conversation(anna, [("Кто это?", "Лиса.")])
    question = conversation.messages.get(number=1)
    path = path.format(conversation=conversation.pk, question=question.pk)
    assert set(Words(html(client.get(path, headers=IN_RUSSIAN))).found) <= NAMES


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/signup/"])
def test_no_english_is_left_before_the_login(path: str, client: Client) -> None:
    assert set(Words(html(client.get("/accounts/signup/", headers=IN_RUSSIAN))).found) <= NAMES
    make_user()
    assert set(Words(html(client.get(path, headers=IN_RUSSIAN))).found) <= NAMES


def test_a_refusal_to_a_script_too(client: Client, anna: User) -> None:
    User.objects.update(language="ru")
    refused = client.post("/chat/stop", "{", content_type="application/json")
    assert refused.json()["error"]["message"] == "Тело запроса — не JSON."
    client.logout()
    refused = client.post("/chat/stop", {}, content_type="application/json", headers=IN_RUSSIAN)
    assert refused.json()["error"]["message"] == "Войдите снова; набранное вами не пропало."


@pytest.mark.parametrize(
    ("seconds", "word"), [(1, "1 секунду"), (3, "3 секунды"), (12, "12 секунд"), (31, "31 секунду")]
)
def test_numbers_have_their_cases(seconds: int, word: str, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make_user()
    monkeypatch.setattr("chat.accounts.throttle.Attempt.begin", lambda attempt: seconds)
    page = client.post("/accounts/login/", {"username": "anna", "password": "x"}, headers=IN_RUSSIAN)
    assert f"Подождите {word} и попробуйте снова." in html(page)


def test_pages_of_errors_too(client: Client, anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = html(client.get("/chat/nothing", headers=IN_RUSSIAN))
    assert '<html lang="ru">' in missing
    assert "Не найдено" in missing

    def fail(*_: Any) -> None:
        raise ValueError

    monkeypatch.setattr("chat.page.conversation.sidebar_of", fail)
    client.raise_request_exception = False
    failed = html(client.get("/", headers=IN_RUSSIAN))
    assert '<html lang="ru">' in failed
    assert "Что-то сломалось" in failed


def test_the_administration_too(client: Client) -> None:
    client.force_login(make_user(is_staff=True, is_superuser=True))
    page = html(client.get("/admin/chat/conversation/", headers=IN_RUSSIAN))
    assert '<html lang="ru"' in page
    assert "<h1>Беседы</h1>" in page
    assert "состояние последнего ответа" in page
    assert "Всего: 0" in page
