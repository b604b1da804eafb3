"""What the tests of the admin share: who looks, and at which page."""

from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from chat.models import Conversation, User
from tests.support.factories import make_user

VIEW_ALL = ["view_user", "view_conversation", "view_generation", "view_auditentry"]


def permit(user: User, *codenames: str) -> User:
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    return user


def client_of(who: str) -> Client:
    """Return somebody's browser; for any other name, one without a login."""
    makers = {
        "user": lambda: make_user("user"),
        "newcomer": lambda: make_user("newcomer", is_staff=True),
        "staff": lambda: permit(make_user("staff", is_staff=True), *VIEW_ALL),
        "helpdesk": lambda: permit(make_user("helpdesk", is_staff=True), *VIEW_ALL, "add_user", "change_user"),
        "reader": lambda: permit(make_user("reader", is_staff=True), *VIEW_ALL, "read_transcript"),
        "superuser": lambda: make_user("superuser", is_staff=True, is_superuser=True),
    }
    client = Client()
    if who in makers:
        client.force_login(makers[who]())
    return client


def url(page: str, *args: Any) -> str:
    return reverse(f"admin:{page}", args=args)


def transcript_of(conversation: Conversation) -> str:
    return url("chat_conversation_transcript", conversation.pk)


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return str(response.content.decode())


PAGES = {
    "index": lambda talk: url("index"),
    "people": lambda talk: url("chat_user_changelist"),
    "person": lambda talk: url("chat_user_change", talk.owner_id),
    "conversations": lambda talk: url("chat_conversation_changelist"),
    "conversation": lambda talk: url("chat_conversation_change", talk.pk),
    "history": lambda talk: url("chat_conversation_history", talk.pk),
    "replies": lambda talk: url("chat_generation_changelist"),
    "reply": lambda talk: url("chat_generation_change", talk.leaf_id),
    "audit log": lambda talk: url("chat_auditentry_changelist"),
    "transcript": transcript_of,
}

EVIDENCE: dict[str, Any] = {
    "finish_reason": "stop-77",
    "error_code": "upstream_error",
    "error_detail": "the far side <said> no",
    "timer": "idle",
    "attempts": 3,
    "model": "owl-2-instruct",
    "upstream_id": "chatcmpl-88",
    "upstream_request_id": "far-99",
    "system_fingerprint": "fp-66",
    "parameters": {"temperature": 0.75},
    "prompt_sha256": "abc123",
    "first_token_ms": 4321,
    "duration_ms": 54321,
    "longest_silence_ms": 6543,
    "chunks": 765,
    "bytes": 87654,
    "prompt_tokens": 9876,
    "completion_tokens": 1987,
    "reasoning_tokens": 1357,
    "cached_tokens": 2468,
    "trace_id": "near-55",
}
