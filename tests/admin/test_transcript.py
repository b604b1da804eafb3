import uuid

import pytest
from django.test import RequestFactory

from chat.admin.audit import note
from chat.admin.transcript import Turn
from chat.models import AuditEntry, Conversation, Generation, Piece, User
from tests.admin.site import client_of, text_of, transcript_of, url
from tests.support.factories import WRITER, ask, finish, make_conversation, retry

pytestmark = pytest.mark.django_db

PAYLOAD = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7|add:7 }}"


def test_a_reader_reads_questions_and_answers_in_order(talk):
    page = text_of(client_of("reader").get(transcript_of(talk)))
    said = ["1. Question", "What is a fox?", "2. Answer", "An animal.", "3. Question", "And a hen?", "A bird."]
    places = [page.index(text, page.index("<article")) for text in said]
    assert places == sorted(places)
    assert "fox-1" in page
    assert "other branch" not in page


def test_an_opening_is_written_to_the_audit_log_once(talk):
    reader = client_of("reader")
    reader.get(transcript_of(talk), headers={"X-Request-ID": "request-7"})
    entry = AuditEntry.objects.get()
    assert entry.action == AuditEntry.Action.READ_TRANSCRIPT
    assert (entry.actor_name, entry.trace_id) == ("reader", "request-7")
    reader_id = User.objects.get(username="reader").pk
    assert (entry.actor, entry.conversation, entry.owner) == (reader_id, talk.pk, talk.owner_id)
    reader.get(transcript_of(talk))
    assert AuditEntry.objects.count() == 2


def test_the_entry_is_there_before_the_text_is_shown(talk, monkeypatch):
    written = []

    def count(_: Conversation) -> list[Turn]:
        written.append(AuditEntry.objects.count())
        return []

    monkeypatch.setattr("chat.admin.transcript.turns_of", count)
    client_of("reader").get(transcript_of(talk))
    assert written == [1]


def test_nothing_is_shown_when_the_entry_cannot_be_written(talk, monkeypatch):
    def fail(*args, **fields):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(AuditEntry.objects, "create", fail)
    with pytest.raises(RuntimeError):
        client_of("reader").get(transcript_of(talk))


def test_the_server_s_own_request_id_wins(talk):
    reader = User.objects.get(pk=client_of("reader").session["_auth_user_id"])
    request = RequestFactory().get("/", headers={"X-Request-ID": "the proxy's"})
    request.user = reader
    request.scope = {"request_id": "the server's"}  # type: ignore[attr-defined]
    note(request, AuditEntry.Action.SEARCH_TEXT)
    assert AuditEntry.objects.get().trace_id == "the server's"


def test_a_request_id_of_any_length_is_kept_as_far_as_it_fits(talk):
    client_of("reader").get(transcript_of(talk), headers={"X-Request-ID": "x" * 500})
    assert AuditEntry.objects.get().trace_id == "x" * 64


def test_a_conversation_that_is_not_there_is_404_and_leaves_no_entry():
    assert client_of("reader").get(url("chat_conversation_transcript", uuid.uuid4())).status_code == 404
    assert not AuditEntry.objects.exists()


def test_a_transcript_can_only_be_read(talk):
    assert client_of("superuser").post(transcript_of(talk)).status_code == 405


def test_answers_on_other_branches_are_shown_and_marked(anna):
    conversation = make_conversation(anna)
    finish(retry(conversation), "A red animal.")
    page = text_of(client_of("reader").get(transcript_of(conversation)))
    assert page.count("other branch") == 1
    assert page.index("An animal.") < page.index("A red animal.")
    assert page.index("other branch") < page.index("An animal.")


def test_a_bad_end_is_told_with_its_sentence(anna):
    conversation = make_conversation(anna, status="failed", error_code="rate_limited", error_detail="slow down <b>")
    page = text_of(client_of("reader").get(transcript_of(conversation)))
    assert "The model server is receiving too many requests." in page
    assert "slow down &lt;b&gt;" in page


def test_reasoning_is_folded_and_unfolded_where_it_is_all_there_is(anna):
    conversation = make_conversation(anna, [("One?", "1")], reasoning="Counting…")
    folded = text_of(client_of("reader").get(transcript_of(conversation)))
    assert "<details>" in folded
    assert "Counting…" in folded
    finish(ask(conversation, "Two?"), "", reasoning="Only thoughts")
    assert "<details open>" in text_of(client_of("superuser").get(transcript_of(conversation)))


def test_a_question_stays_text_and_an_answer_is_markdown_without_markup_of_its_own(anna):
    conversation = make_conversation(anna, [("a\n  b\n" + PAYLOAD, "c\n\n*d*\n" + PAYLOAD)], reasoning=PAYLOAD)
    page = text_of(client_of("reader").get(transcript_of(conversation)))
    assert "a\n  b\n" in page
    assert "<p>c</p>\n<p><em>d</em><br>\n" in page
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


def test_a_reply_that_is_being_written_is_shown_as_far_as_it_is_saved(anna):
    conversation = make_conversation(anna)
    reply = ask(conversation, "And a hen?")
    Generation.objects.save_snapshot(WRITER, [Piece(generation_id=reply.pk, text="A bi")])
    page = text_of(client_of("reader").get(transcript_of(conversation)))
    assert "A bi" in page
    assert "The answer is being written." in page


def test_a_dead_reply_is_ended_by_who_looks_at_it(anna):
    conversation = make_conversation(anna)
    reply = ask(conversation, "And a hen?")
    Generation.objects.save_snapshot(WRITER, [Piece(generation_id=reply.pk, text="A bi")])
    a_minute = Generation.objects.get(pk=reply.pk).heartbeat_at.replace(year=2020)
    Generation.objects.filter(pk=reply.pk).update(heartbeat_at=a_minute)
    page = text_of(client_of("reader").get(transcript_of(conversation)))
    assert "A bi" in page
    assert "The server stopped while this answer was being written." in page
