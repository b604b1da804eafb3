import pytest

from chat.models import AuditEntry
from tests.admin.site import client_of, text_of, transcript_of, url
from tests.support.factories import make_conversation, make_user

pytestmark = pytest.mark.django_db


def test_the_log_tells_who_read_what_of_whom(talk):
    client = client_of("superuser")
    client.get(transcript_of(talk))
    page = text_of(client.get(url("chat_auditentry_changelist")))
    for told in ("superuser", "read a transcript", str(talk.pk), str(talk.owner_id)):
        assert told in page
    assert "superuser" in text_of(client.get(url("chat_auditentry_change", AuditEntry.objects.get().pk)))


@pytest.mark.parametrize("term", ["", "READER", "request-7", "conversation", "owner"])
def test_an_entry_is_found_by_name_and_ids(talk, term):
    client_of("superuser").get(transcript_of(make_conversation(make_user("bert"))))
    client_of("reader").get(transcript_of(talk), headers={"X-Request-ID": "request-7"})
    wanted = {"conversation": str(talk.pk), "owner": str(talk.owner_id)}.get(term, term)
    response = client_of("staff").get(url("chat_auditentry_changelist"), {"q": wanted})
    names = [entry.actor_name for entry in response.context["cl"].result_list]
    assert names == (["reader"] if term else ["reader", "superuser"])


@pytest.mark.parametrize(("action", "count"), [("read_transcript", 1), ("search_text", 0)])
def test_the_log_is_filtered_by_what_was_done(talk, action, count):
    client = client_of("superuser")
    client.get(transcript_of(talk))
    response = client.get(url("chat_auditentry_changelist"), {"action__exact": action})
    assert len(response.context["cl"].result_list) == count
