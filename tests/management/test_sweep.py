"""`manage.py sweep`: replies whose writer died, and what was deleted long ago."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.utils import timezone

from chat.models import Conversation, Generation, Message
from chat.models.listable import PURGED_AT_ONCE
from tests.support.factories import ask, make_conversation, make_user
from tests.support.factories import finish as end_reply

pytestmark = pytest.mark.django_db


def test_sweep_ends_dead_replies(capsys: pytest.CaptureFixture[str]) -> None:
    anna = make_user()
    dead, alive, ended = (ask(make_conversation(anna, ()), "Hello?") for _ in range(3))
    end_reply(ended)
    Generation.objects.filter(pk=dead.pk).update(heartbeat_at=timezone.now() - timedelta(seconds=60))

    call_command("sweep")

    assert capsys.readouterr().out == "Ended as interrupted: 1\nDeleted for good: conversations 0, single messages 0\n"
    statuses = [Generation.objects.get(pk=reply.pk).status for reply in (dead, alive, ended)]
    assert statuses == ["interrupted", "streaming", "complete"]


def test_sweep_deletes_expired_sessions() -> None:
    now = timezone.now()
    for name, days in (("over", -1), ("valid", 1)):
        Session.objects.create(session_key=name, session_data="", expire_date=now + timedelta(days=days))

    call_command("sweep")

    assert [session.session_key for session in Session.objects.all()] == ["valid"]


def test_sweep_deletes_for_good_what_was_deleted_long_ago(capsys: pytest.CaptureFixture[str], settings: Any) -> None:
    settings.DELETED_DAYS = 7
    anna = make_user()
    kept = [make_conversation(anna), make_conversation(anna)]
    old = [make_conversation(anna, [("one?", "a"), ("two?", "b")]) for _ in range(PURGED_AT_ONCE + 1)]
    for days, conversations in ((6, kept[:1]), (8, old)):
        ids = [conversation.pk for conversation in conversations]
        Conversation.objects.filter(pk__in=ids).update(deleted_at=timezone.now() - timedelta(days=days))
    single = kept[1].messages.order_by("number")
    long_ago = timezone.now() - timedelta(days=8)
    Message.objects.filter(pk=single[0].pk).update(deleted_at=long_ago)

    call_command("sweep")

    said = f"Deleted for good: conversations {len(old)}, single messages 1\n"
    assert capsys.readouterr().out.endswith(said)
    assert [message.text for message in single] == ["", "An animal."], "its row is what the answer hangs on"
    assert set(Conversation.objects.values_list("pk", flat=True)) == {conversation.pk for conversation in kept}
    assert Message.objects.count() == 4
