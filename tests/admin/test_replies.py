import pytest

from tests.admin.site import EVIDENCE, PAGES, client_of, text_of, url
from tests.support.factories import WRITER, ask, make_conversation, make_user

pytestmark = pytest.mark.django_db


def test_a_reply_shows_all_its_evidence(anna):
    conversation = make_conversation(anna, status="failed", **EVIDENCE)
    page = text_of(client_of("reader").get(PAGES["reply"](conversation)))
    shown = {
        **EVIDENCE,
        "error_detail": "the far side &lt;said&gt; no",
        "parameters": "{&quot;temperature&quot;: 0.75}",
    }
    assert [name for name, value in shown.items() if str(value) not in page] == []
    assert "failed" in page
    assert WRITER in page
    assert "fox-1" in page


def test_a_running_reply_has_no_evidence_yet(anna):
    conversation = make_conversation(anna)
    ask(conversation, "And a hen?")
    staff = client_of("staff")
    for page in ("replies", "reply", "conversation"):
        assert "being written" in text_of(staff.get(PAGES[page](conversation)))


def test_the_page_of_a_conversation_shows_the_evidence_of_its_replies(anna):
    conversation = make_conversation(anna, status="failed", **EVIDENCE)
    page = text_of(client_of("staff").get(PAGES["conversation"](conversation)))
    for value in ("stop-77", "upstream_error", "idle", "4321", "54321", "9876"):
        assert value in page
    assert url("chat_generation_change", conversation.leaf_id) in page


@pytest.mark.parametrize("term", ["reply", "conversation", "request", "chatcmpl-88", "far-99", "near-55", "anna"])
def test_a_reply_is_found_by_each_of_its_ids(anna, term):
    conversation = make_conversation(anna, **EVIDENCE)
    make_conversation(make_user("bert"))
    assert conversation.leaf
    ids = {
        "reply": conversation.leaf_id,
        "conversation": conversation.pk,
        "request": conversation.leaf.idempotency_key,
    }
    response = client_of("staff").get(url("chat_generation_changelist"), {"q": str(ids.get(term, term))})
    assert [reply.pk for reply in response.context["cl"].result_list] == [conversation.leaf_id]


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"status": "failed"}, 1),
        ({"status__exact": "failed"}, 1),
        ({"error_code": "upstream_error"}, 1),
        ({"error_code": "cut"}, 0),
        ({"timer": "idle"}, 1),
        ({"timer": "total"}, 0),
        ({"model": "fox-1"}, 2),
        ({"started_at__gte": "2001-01-01 00:00:00Z"}, 2),
        ({}, 2),
    ],
)
def test_replies_are_filtered(anna, filters, count):
    make_conversation(anna, status="failed", **EVIDENCE)
    make_conversation(anna)
    response = client_of("staff").get(url("chat_generation_changelist"), filters)
    assert len(response.context["cl"].result_list) == count


def test_replies_of_one_conversation_are_listed(talk, anna):
    make_conversation(anna)
    response = client_of("staff").get(url("chat_generation_changelist"), {"conversation__id__exact": str(talk.pk)})
    assert len(response.context["cl"].result_list) == 2
