"""One message: as the page shows it, as plain text, and what the user does with it."""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat.doorbell import doorbell
from chat.http import AuthenticatedHttpRequest, keeping_text, reply_running
from chat.models import Conversation, Generation, Message, ReplyRunning
from chat.page.conversation import page
from chat.page.history import end_dead, one

Verb = Callable[[AuthenticatedHttpRequest, Message], HttpResponse]


@require_safe
def message(request: AuthenticatedHttpRequest, conversation: uuid.UUID, message: uuid.UUID) -> HttpResponse:
    context = {
        "message": one(_mine(request, conversation), message),
        "new_request_id": uuid.uuid4,
        "editing": str(message) if "edit" in request.GET else "",
    }
    return render(request, "chat/_message.html", context)


@require_safe
def text(request: AuthenticatedHttpRequest, conversation: uuid.UUID, message: uuid.UUID) -> HttpResponse:
    """Return the text as it was written, for the clipboard."""
    found = one(_mine(request, conversation), message)
    return HttpResponse(found.said, content_type="text/plain; charset=utf-8")


def _verb(view: Verb) -> Callable[..., HttpResponse]:
    """Find the user's own message for a view, and refuse while a reply is being written in its conversation."""

    @keeping_text
    @wraps(view)
    def wrapper(request: AuthenticatedHttpRequest, conversation: uuid.UUID, message: uuid.UUID) -> HttpResponse:
        here = _mine(request, conversation)
        end_dead(Generation.objects.running().filter(conversation=here))
        try:
            return view(request, get_object_or_404(here.messages.select_related("conversation__owner"), pk=message))
        except ReplyRunning as running:
            refusal = reply_running(running.reply)
            return refusal.as_json() if "fragment" in request.GET else page(request, here, refusal)

    return wrapper


@require_POST
@_verb
def show(request: AuthenticatedHttpRequest, message: Message) -> HttpResponse:
    """Choose which of several versions is shown."""
    if message.deleted_at:
        raise Http404
    message.show()
    return _changed(request, message, message.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@_verb
def delete(request: AuthenticatedHttpRequest, message: Message) -> HttpResponse:
    """Delete the question and its answers. Asks first where no script can offer to undo it."""
    if message.deleted_at or message.is_reply:
        raise Http404
    if request.method != "POST":
        return render(request, "chat/delete_message.html", {"message": message})
    message.delete_pair()
    return _changed(request, message, _beside(message), deleted_message=message.pk)


@require_POST
@_verb
def restore(request: AuthenticatedHttpRequest, message: Message) -> HttpResponse:
    if message.is_reply:
        raise Http404
    message.restore_pair()
    return _changed(request, message, message.pk)


def _mine(request: AuthenticatedHttpRequest, conversation: uuid.UUID) -> Conversation:
    return get_object_or_404(request.user.conversations.alive(), pk=conversation)


def _beside(message: Message) -> uuid.UUID | None:
    """Return the message beside the deleted one; None if there is none left."""
    tree = message.conversation.messages.tree()
    beside = tree.nearest_left(message.parent_id) or next(iter(tree.path_to(message.conversation.leaf_id)), None)
    return beside.pk if beside else None


def _changed(
    request: AuthenticatedHttpRequest, message: Message, beside: uuid.UUID | None, **query: Any
) -> HttpResponse:
    """Tell the other tabs, and lead this one to the messages as they are now, as a page or a part of it."""
    conversation = message.conversation
    doorbell.ring(request.user.pk, conversation.pk, "changed")
    query |= request.GET.dict() | ({"message": beside} if beside else {})
    place = f"message-{beside}" if beside else None
    here = reverse("conversation", args=[conversation.pk], query=query, fragment=place)
    return HttpResponseRedirect(here, status=303)
