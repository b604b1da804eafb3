import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chat.models import AuditEntry
from tests.admin.site import EVIDENCE, PAGES, client_of, permit, text_of, transcript_of, url
from tests.support.factories import ask, finish, make_conversation, make_user

pytestmark = pytest.mark.django_db

PAYLOAD = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7|add:7 }}"


LOGIN, SHOWN, FORBIDDEN = 302, 200, 403


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    ("who", "expected", "but"),
    [
        ("anonymous", LOGIN, {}),
        ("user", LOGIN, {}),
        ("newcomer", FORBIDDEN, {"index": SHOWN}),
        ("staff", SHOWN, {"transcript": FORBIDDEN}),
        ("helpdesk", SHOWN, {"transcript": FORBIDDEN}),
        ("reader", SHOWN, {}),
        ("superuser", SHOWN, {}),
    ],
)
def test_each_page_is_open_to_whom_it_should_be(talk, page, who, expected, but):
    response = client_of(who).get(PAGES[page](talk))
    assert response.status_code == but.get(page, expected)
    if response.status_code == LOGIN:
        assert response.headers["Location"].startswith((url("login"), reverse("login")))


def test_a_password_is_asked_for_only_by_the_form_of_the_site_which_slows_guesses_down(talk):
    make_user("boss", is_staff=True, is_superuser=True)
    guess = {"username": "boss", "password": "a password of anna", "next": url("index")}
    response = Client().post(url("login") + "?next=" + transcript_of(talk), guess)
    assert response.headers["Location"] == f"{reverse('login')}?next={transcript_of(talk)}"
    assert client_of("user").post(url("login"), guess).status_code == FORBIDDEN
    assert client_of("superuser").get(url("login")).headers["Location"] == url("index")


@pytest.mark.parametrize("who", ["anonymous", "user", "newcomer", "staff", "helpdesk"])
def test_a_refused_opening_leaves_no_entry_and_shows_no_text(talk, who):
    response = client_of(who).get(transcript_of(talk))
    assert b"An animal." not in response.content
    assert not AuditEntry.objects.exists()


def test_the_permission_alone_opens_the_transcript(talk):
    client = Client()
    client.force_login(permit(make_user("auditor", is_staff=True), "read_transcript"))
    assert "An animal." in text_of(client.get(transcript_of(talk)))


@pytest.mark.parametrize("kind", ["conversation", "generation", "auditentry"])
def test_nobody_adds_changes_or_deletes_a_record(talk, kind):
    client = client_of("superuser")
    client.get(transcript_of(talk))
    pk = {"conversation": talk.pk, "generation": talk.leaf_id, "auditentry": AuditEntry.objects.get().pk}[kind]
    assert client.get(url(f"chat_{kind}_add")).status_code == 403
    assert client.post(url(f"chat_{kind}_add"), {}).status_code == 403
    assert client.post(url(f"chat_{kind}_change", pk), {"title": "other"}).status_code == 403
    assert client.post(url(f"chat_{kind}_delete", pk), {"post": "yes"}).status_code == 403
    client.post(
        url(f"chat_{kind}_changelist"), {"action": "delete_selected", "_selected_action": str(pk), "post": "yes"}
    )
    assert talk.messages.count() == 4
    assert AuditEntry.objects.exists()


def test_markup_in_names_titles_and_details_is_escaped_on_every_page():
    owner = make_user("<b>mallory</b>", first_name=PAYLOAD[:100])
    conversation = make_conversation(owner, [(PAYLOAD, PAYLOAD)], status="failed", error_detail=PAYLOAD, model=PAYLOAD)
    client = client_of("superuser")
    for page in PAGES.values():
        shown = text_of(client.get(page(conversation)))
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown
        assert "<b>mallory" not in shown


def queries_of(client: Client, address: str) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        text_of(client.get(address))
    return [query["sql"] for query in queries]


@pytest.mark.parametrize("page", ["people", "conversations", "replies", "audit log", "conversation", "transcript"])
def test_a_page_costs_the_same_number_of_queries_however_many_rows(talk, page):
    client = client_of("superuser")
    text_of(client.get(transcript_of(talk)))
    few = queries_of(client, PAGES[page](talk))
    for number in range(5):
        other = make_conversation(make_user(f"user{number}"), status="failed", **EVIDENCE)
        text_of(client.get(transcript_of(other)))
        finish(ask(talk, f"Question {number}"), f"Answer {number}")
    assert len(queries_of(client, PAGES[page](talk))) == len(few) <= 12


@pytest.mark.parametrize("page", ["people", "conversations", "replies", "conversation", "reply"])
def test_a_page_without_texts_does_not_load_them(talk, page):
    columns = re.compile(r'"(text|reasoning|instructions)"')
    queries = queries_of(client_of("superuser"), PAGES[page](talk))
    # The reader's own row is loaded with everything.
    others = [sql for sql in queries if not re.search(r'FROM "chat_user" WHERE "chat_user"."id" = \S+ LIMIT 21', sql)]
    assert not [sql for sql in others if columns.search(sql)]
