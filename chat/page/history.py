"""The messages of a conversation as a page shows them, including answers that are being written."""

import uuid

from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from chat.http import uuid_of
from chat.models import Conversation, Generation, Message
from chat.models.window import Anchor, Window, message_in, window_of
from chat.replies.engine import engine

SIDES = {"message": "around", "edit": "around", "earlier_than": "before", "later_than": "after"}


def window(conversation: Conversation | None, anchor: Anchor | None = None) -> Window:
    if not conversation:
        return Window([])
    end_dead(Generation.objects.running().filter(conversation=conversation))
    try:
        found = window_of(conversation, anchor)
    except Message.DoesNotExist:
        raise Http404 from None
    for message in found.messages:
        _fill_in(message)
    return found


def one(conversation: Conversation, message: uuid.UUID) -> Message:
    end_dead(Generation.objects.running().filter(message=message))
    try:
        found = message_in(conversation, message)
    except Message.DoesNotExist:
        raise Http404 from None
    _fill_in(found)
    return found


def anchor_of(request: HttpRequest) -> Anchor | None:
    """Return which part of a long conversation the request asks for; None: its end."""
    for name, side in SIDES.items():
        if name in request.GET:
            return Anchor(side, uuid_in(request, name))
    return None


def uuid_in(request: HttpRequest, name: str) -> uuid.UUID:
    found = uuid_of(request.GET[name])
    if found is None:
        raise Http404
    return found


def end_dead(running: QuerySet[Generation]) -> None:
    """End dead replies before anyone looks at them."""
    for generation in running:
        engine.end_if_dead(generation)


def is_running(message: Message) -> bool:
    return message.is_reply and message.generation.is_running


def _fill_in(message: Message) -> None:
    """Fill in the text of a reply that is being written, which is stored elsewhere until its end."""
    if is_running(message):
        for name, text in message.generation.saved_so_far().items():
            setattr(message, name, text)
