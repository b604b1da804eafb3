"""What people wrote, and what quotes it, is on no page of staff who may not read transcripts."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import models

from chat.models import Conversation, Evidence, Message, User
from tests.admin.site import PAGES, client_of, text_of, url
from tests.support.factories import make_conversation

MARK = "ZEBRA"


@pytest.fixture
def marked(anna: User) -> Conversation:
    """A conversation with a mark of its own in each text of its rows and its owner's."""
    conversation = make_conversation(anna, [("What is a fox?", "An animal.")], status="failed", error_code="refused")
    rows = {
        User: User.objects.filter(pk=anna.pk),
        Conversation: Conversation.objects.filter(pk=conversation.pk),
        Message: Message.objects.filter(conversation=conversation),
        Evidence: Evidence.objects.filter(message__conversation=conversation),
    }
    for model, found in rows.items():
        for field in texts_of(model):
            found.update(**{field: f"{MARK}-{model.__name__}-{field}"})
    conversation.refresh_from_db()
    return conversation


def texts_of(model: Any) -> list[str]:
    texts = [field.name for field in model._meta.fields if isinstance(field, models.TextField)]
    return [*texts, "title"] if model is Conversation and "title" not in texts else texts


def test_every_model_with_texts_is_marked() -> None:
    # Pieces are parts of a message, and search documents copies of it; neither has a page.
    elsewhere = {"Piece", "SearchDocument"}
    kinds = {model.__name__ for model in apps.get_app_config("chat").get_models() if texts_of(model)}
    assert kinds - elsewhere - {"Preset"} == {"User", "Conversation", "Message", "Evidence"}
    assert not {model.__name__ for model in admin.site._registry} & {*elsewhere, "Preset"}


@pytest.mark.parametrize("who", ["staff", "helpdesk"])
@pytest.mark.parametrize("page", [name for name in PAGES if name != "transcript"])
def test_no_page_shows_a_private_word(marked: Conversation, page: str, who: str) -> None:
    assert MARK not in text_of(client_of(who).get(PAGES[page](marked)))


@pytest.mark.parametrize("kind", ["user", "conversation", "generation", "auditentry"])
def test_no_search_finds_one(marked: Conversation, kind: str) -> None:
    response = client_of("staff").get(url(f"chat_{kind}_changelist"), {"q": MARK})
    assert not list(response.context["cl"].result_list)


@pytest.mark.parametrize("kind", ["user", "conversation", "generation", "auditentry"])
def test_no_column_sorts_by_one(marked: Conversation, kind: str) -> None:
    """Sorting tells which of two is greater, so it could be asked like a look-up."""
    list_page = client_of("staff").get(url(f"chat_{kind}_changelist")).context["cl"]
    private = {name for model in (User, Conversation, Message, Evidence) for name in texts_of(model)}
    for column in list_page.list_display:
        ordered_by = str(list_page.get_ordering_field(column)).split("__")
        assert not private & set(ordered_by), column


def test_staff_reads_the_code_of_an_error_and_a_reader_its_words(marked: Conversation) -> None:
    page = text_of(client_of("staff").get(PAGES["reply"](marked)))
    assert "refused" in page
    assert f"{MARK}-Evidence-error_detail" in text_of(client_of("reader").get(PAGES["reply"](marked)))
