"""A conversation as it is read."""

import re
from typing import Any

import pytest
from django.test import Client

from chat.models import Generation, User
from tests.pages.page import html, path_of, path_of_message, shown
from tests.support.factories import ask, finish, make_conversation, retry

pytestmark = pytest.mark.django_db


def test_home_offers_a_new_chat(client: Client, anna: User) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert 'action="/chat/"' in html(page)
    assert "private" in page["Cache-Control"]


def test_a_conversation_shows_questions_and_answers_in_order(client: Client, anna: User) -> None:
    conversation = make_conversation(anna, [("one?", "first\nline two"), ("two?", "second")], model="fox-1-turbo")
    page = html(client.get(path_of(conversation)))
    places = [page.index(text) for text in ("one?</div>", "first<br>\nline two</p>", "two?</div>", "second</p>")]
    assert places == sorted(places)
    assert "fox-1-turbo" in page
    assert f'href="{path_of(conversation)}" aria-current="page"' in page


def test_a_new_answer_takes_the_place_of_the_old_one(client: Client, anna: User) -> None:
    conversation = make_conversation(anna, [("q?", "the old answer")], status="failed")
    finish(retry(conversation), "the new answer")
    page = html(client.get(path_of(conversation)))
    assert "the new answer" in page
    assert "the old answer" not in page


def without_tokens(response: Any) -> str:
    """Return the page without the tokens in its forms, which always differ."""
    return re.sub(r'(name="(?:request_id|csrfmiddlewaretoken)" value=)"[^"]*"', r"\1", html(response))


def test_one_message_is_the_same_html_as_in_the_page(client: Client, anna: User) -> None:
    conversation = make_conversation(anna)
    page = without_tokens(client.get(path_of(conversation)))
    for message in conversation.messages.all():
        assert without_tokens(client.get(path_of_message(message))).strip() in page


@pytest.mark.parametrize(
    ("status", "sentence", "actions"),
    [
        ("complete", None, []),
        ("stopped", "You stopped this answer.", ["Continue", "Try again"]),
        ("timed_out", "The model took too long.", ["Try again", "Continue"]),
        ("failed", "The answer failed.", ["Try again", "Continue"]),
        ("truncated", "The answer was cut off at the length limit.", ["Continue"]),
        ("filtered", "The model declined, or a content filter stopped the answer.", ["Edit question"]),
        ("interrupted", "The server stopped while this answer was being written.", ["Continue", "Try again"]),
    ],
)
def test_each_ending_has_its_sentence_and_what_one_may_do(
    client: Client, anna: User, status: str, sentence: str | None, actions: list[str]
) -> None:
    conversation = make_conversation(anna, [("q?", "so far")], status=status)
    [item] = re.findall(r'<li class="message answer" .*?</li>', shown(client.get(path_of(conversation))), re.DOTALL)
    assert re.findall("(?<=>)(?:Try again|Continue|Edit question)", item) == actions
    assert ("ending" in item) is bool(sentence)
    assert (sentence or "") in item


def test_where_there_is_no_text_there_is_nothing_to_continue(client: Client, anna: User) -> None:
    conversation = make_conversation(anna, [("q?", "")], status="stopped")
    page = shown(client.get(path_of(conversation)))
    assert "Try again" in page
    assert ">Continue<" not in page


def test_only_the_last_answer_can_be_retried(client: Client, anna: User) -> None:
    conversation = make_conversation(anna, [("one?", "a"), ("two?", "b")], status="failed")
    assert shown(client.get(path_of(conversation))).count("Try again") == 1


def test_what_the_model_server_said_is_shown(client: Client, anna: User) -> None:
    conversation = make_conversation(
        anna, [("q?", "")], status="failed", error_code="upstream_error", error_detail="out of <memory>"
    )
    assert "The model server reported an error. “out of &lt;memory&gt;”" in html(client.get(path_of(conversation)))


def test_reasoning_is_folded_unless_it_is_all_there_is(client: Client, anna: User) -> None:
    conversation = make_conversation(anna, [])
    finish(ask(conversation, "q?"), "an answer", reasoning="thought")
    assert re.search(r"<details class=\"reasoning\"[^>]*box\">\s*<summary>", html(client.get(path_of(conversation))))
    finish(ask(conversation, "q?"), "", reasoning="nothing but thought")
    assert re.search(r"<details class=\"reasoning\"[^>]*box\" open>", html(client.get(path_of(conversation))))


def test_scripts_get_the_messages_alone(client: Client, anna: User) -> None:
    path = path_of(make_conversation(anna))
    session = client.session
    session["kept"] = "typed before the login"
    session.save()
    fragment = html(client.get(path, {"fragment": "messages"}))
    assert re.findall(r"<(?:ol|aside|textarea)\b", fragment) == ["<ol"]
    assert "An animal." in fragment
    assert "typed before the login" in html(client.get(path)), "that is for the page"


def test_the_page_knows_its_change_number(client: Client, anna: User) -> None:
    make_conversation(anna)
    anna.refresh_from_db()
    assert f'data-change="{anna.change}"' in html(client.get("/"))


@pytest.mark.parametrize(("omitted", "words"), [(1, "The first message no"), (4, "The first 4 messages no")])
def test_it_says_which_turns_were_not_sent(client: Client, anna: User, omitted: int, words: str) -> None:
    conversation = make_conversation(anna)
    assert "no longer fit" not in shown(client.get(path_of(conversation)))
    Generation.objects.update(omitted=omitted)
    assert words in html(client.get(path_of(conversation)))


def test_the_demonstration_model_is_called_what_it_is(client: Client, anna: User, settings: Any) -> None:
    settings.LLM_BASE_URL, settings.LLM_DEMO = "http://127.0.0.1:1/v1", False
    assert "LLM_BASE_URL" not in html(client.get("/"))
    settings.LLM_DEMO = True
    assert "tiny demonstration model" in html(client.get("/"))
    assert "LLM_BASE_URL=https://" in html(client.get("/"))


def test_a_missing_model_server_is_told(client: Client, anna: User, settings: Any) -> None:
    settings.LLM_BASE_URL = ""
    assert "No model server is set up." in html(client.get("/"))
    assert "LLM_BASE_URL=https://" in html(client.get("/"))


def test_the_theme_is_the_users(client: Client, anna: User) -> None:
    assert "data-theme" not in html(client.get("/"))
    User.objects.update(theme="dark")
    assert '<html lang="en" data-theme="dark">' in html(client.get("/"))
