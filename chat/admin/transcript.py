"""Transcripts, for those who may read them; each view is recorded in the audit log first."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from chat.admin.audit import note
from chat.models import AuditEntry, Conversation, Generation, Message, User


@dataclass(frozen=True)
class Turn:
    """A question or an answer in the transcript."""

    message: Message
    reply: Generation | None
    text: str
    reasoning: str
    is_on_branch: bool


def may_read(user: User | AnonymousUser) -> bool:
    """Tell whether a user may read what people wrote, including titles, which are made from it."""
    return user.has_perm("chat.read_transcript")


@require_GET
def transcript(request: HttpRequest, conversation: uuid.UUID) -> HttpResponse:
    if not may_read(request.user):
        raise PermissionDenied
    found = get_object_or_404(Conversation.objects.select_related("owner"), pk=conversation)
    note(request, AuditEntry.Action.READ_TRANSCRIPT, found)
    context = {
        **admin.site.each_context(request),
        "title": _("Transcript"),
        "opts": Conversation._meta,
        "conversation": found,
        "turns": turns_of(found),
    }
    return TemplateResponse(request, "admin/chat/conversation/transcript.html", context)


def turns_of(conversation: Conversation) -> list[Turn]:
    """Return everything ever said, on all branches, deleted or not, in the order in which it began."""
    # Read this before the messages, so that a reply that ends in between is shown whole and not empty.
    growing = _texts_being_written(conversation)
    messages = list(conversation.messages.select_related("generation", "evidence").order_by("number"))
    branch = _branch(messages, conversation.leaf_id)
    return [_turn(message, growing, is_on_branch=message.pk in branch) for message in messages]


def _texts_being_written(conversation: Conversation) -> dict[uuid.UUID, dict[str, str]]:
    running = Generation.objects.running().filter(conversation=conversation).select_related("message")
    return {reply.pk: reply.saved_so_far() for reply in running if not reply.end_if_dead()}


def _branch(messages: list[Message], leaf: uuid.UUID | None) -> set[uuid.UUID]:
    parents = {message.pk: message.parent_id for message in messages}
    branch: set[uuid.UUID] = set()
    while leaf in parents:
        branch.add(leaf)
        leaf = parents[leaf]
    return branch


def _turn(message: Message, growing: dict[uuid.UUID, dict[str, str]], *, is_on_branch: bool) -> Turn:
    reply: Generation | None = getattr(message, "generation", None)
    saved = {"text": message.text, "reasoning": message.reasoning}
    if reply and reply.is_running:
        saved = growing.get(message.pk, saved)
    return Turn(message, reply, is_on_branch=is_on_branch, **saved)
