"""The pages speak the reader's language."""

from typing import Any

import pytest
from django.test import Client

from chat.models import User
from tests.factories import make_conversation, make_user
from tests.pages.page import html

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


def test_a_refusal_to_a_script_too(client: Client, anna: User) -> None:
    User.objects.update(language="ru")
    refused = client.post("/chat/stream", "{", content_type="application/json")
    assert refused.json()["error"]["message"] == "Тело запроса — не JSON."
    client.logout()
    refused = client.post("/chat/stream", {}, content_type="application/json", headers=IN_RUSSIAN)
    assert refused.json()["error"]["message"] == "Войдите снова; набранное вами не пропало."


@pytest.mark.parametrize(
    ("seconds", "word"), [(1, "1 секунду"), (3, "3 секунды"), (12, "12 секунд"), (31, "31 секунду")]
)
def test_numbers_have_their_cases(seconds: int, word: str, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make_user()
    monkeypatch.setattr("chat.views.login_attempts.Attempt.begin", lambda attempt: seconds)
    page = client.post("/accounts/login/", {"username": "anna", "password": "x"}, headers=IN_RUSSIAN)
    assert f"Подождите {word} и попробуйте снова." in html(page)


def test_pages_of_errors_too(client: Client, anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = html(client.get("/chat/nothing", headers=IN_RUSSIAN))
    assert '<html lang="ru">' in missing
    assert "Не найдено" in missing

    def fail(*_: Any) -> None:
        raise ValueError

    monkeypatch.setattr("chat.views.pages.sidebar_of", fail)
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
