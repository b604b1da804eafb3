import pytest

from chat.models import AuditEntry
from tests.admin.site import PAGES, client_of, text_of, transcript_of, url
from tests.support.factories import ask, finish, make_conversation, make_user, retry

pytestmark = pytest.mark.django_db


def test_a_conversation_shows_the_end_the_model_and_the_tokens(anna):
    conversation = make_conversation(anna, [("1", "2"), ("3", "4")], prompt_tokens=1000, completion_tokens=234)
    finish(ask(conversation, "5", model="owl-2"), "", status="timed_out", timer="idle")
    row = text_of(client_of("staff").get(PAGES["conversations"](conversation)))
    assert "timed out" in row
    assert "owl-2" in row
    assert "2468" in row


def found_by(filters: dict[str, str]) -> set[str]:
    response = client_of("superuser").get(url("chat_conversation_changelist"), filters)
    assert response.status_code == 200
    return {conversation.owner.username for conversation in response.context["cl"].result_list}


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"status": "failed"}, {"bert"}),
        ({"status": "complete"}, {"anna"}),
        ({"model": "fox-1"}, {"anna", "bert"}),
        ({"model": "owl-2"}, set()),
        ({"owner__is_active__exact": "0"}, {"bert"}),
        ({"last_message_at__gte": "2001-01-01 00:00:00Z"}, {"anna", "bert"}),
        ({"created_at__lt": "2001-01-01 00:00:00Z"}, set()),
        ({"status": "no such status"}, set()),
    ],
)
def test_conversations_are_filtered(talk, filters, names):
    make_conversation(make_user("bert", is_active=False), status="failed", error_code="cut")
    assert found_by(filters) == names


@pytest.mark.parametrize(("status", "names"), [("complete", {"anna"}), ("failed", set())])
def test_only_the_last_reply_counts_for_the_filter(anna, status, names):
    conversation = make_conversation(anna, status="failed")
    finish(retry(conversation), "Now it works")
    assert found_by({"status": status}) == names


def test_a_conversation_without_replies_can_be_looked_at(anna):
    conversation = make_conversation(anna, [])
    client = client_of("superuser")
    for page in ("conversations", "conversation", "transcript"):
        assert client.get(PAGES[page](conversation)).status_code == 200


@pytest.mark.parametrize("page", [name for name in PAGES if name != "transcript"])
def test_staff_sees_no_title_no_text_and_no_link_to_the_transcript(talk, page):
    shown = text_of(client_of("staff").get(PAGES[page](talk)))
    for hidden in ("fox?", "hen?", "animal", "A bird", "/transcript/"):
        assert hidden not in shown


def test_a_reader_sees_titles_and_the_link(talk):
    reader = client_of("reader")
    assert "What is a fox?" in text_of(reader.get(PAGES["conversations"](talk)))
    page = text_of(reader.get(PAGES["conversation"](talk)))
    assert "What is a fox?" in page
    assert transcript_of(talk) in page
    assert not AuditEntry.objects.exists()


def test_staff_cannot_guess_at_texts_through_the_address(talk):
    staff = client_of("staff")
    guesses = ["title__startswith", "instructions__contains", "messages__text__contains", "leaf__text__contains"]
    for guess in guesses:
        for value in ("What", "Never"):
            assert staff.get(PAGES["conversations"](talk), {guess: value}).status_code == 400
    for guess in ("message__text__contains", "conversation__title__contains", "pieces__text__contains"):
        assert staff.get(PAGES["replies"](talk), {guess: "What"}).status_code == 400


def test_staff_cannot_ask_the_autocomplete_for_titles(talk):
    asked = {"app_label": "chat", "model_name": "generation", "field_name": "conversation", "term": "fox"}
    assert client_of("superuser").get(url("autocomplete"), asked).status_code in {403, 404}


@pytest.mark.parametrize("term", ["fox", "hen", "BIRD", "thought"])
def test_a_reader_finds_titles_and_texts_and_the_search_is_written_down(talk, anna, term):
    finish(ask(talk, "Why?"), "Because.", reasoning="A thought.")
    other = make_conversation(anna, [("Nothing", "here")])
    page = text_of(client_of("reader").get(PAGES["conversations"](talk), {"q": term}))
    assert str(talk.pk) in page
    assert str(other.pk) not in page
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_name, entry.conversation) == (AuditEntry.Action.SEARCH_TEXT, "reader", None)


@pytest.mark.parametrize("term", ["fox", "hen", "bird"])
def test_staff_finds_nothing_by_text_and_nothing_is_written_down(talk, term):
    page = text_of(client_of("staff").get(PAGES["conversations"](talk), {"q": term}))
    assert str(talk.pk) not in page
    assert not AuditEntry.objects.exists()


def test_a_list_without_a_search_is_not_written_down(talk):
    reader = client_of("reader")
    for q in ({}, {"q": ""}, {"q": "  "}, {"status": "complete"}):
        reader.get(PAGES["conversations"](talk), q)
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("term", ["ANNA", "example.org", "id", "id without dashes"])
def test_staff_finds_conversations_by_person_and_id(talk, term):
    other = make_conversation(make_user("bert"))
    q = {"id": str(talk.pk), "id without dashes": talk.pk.hex}.get(term, term)
    page = text_of(client_of("staff").get(PAGES["conversations"](talk), {"q": q}))
    assert str(talk.pk) in page
    assert str(other.pk) not in page
