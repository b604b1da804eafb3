"""The messages of a conversation as a page shows them, those that are being written too."""

import uuid

from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from chat.engine import engine
from chat.models import Conversation, Generation, Message
from chat.models.window import Rim, Window, message_in, window_of

SIDES = {"message": "around", "edit": "around", "earlier_than": "before", "later_than": "after"}


def window(conversation: Conversation | None, rim: Rim | None = None) -> Window:
    if not conversation:
        return Window([])
    settle(Generation.objects.running().filter(conversation=conversation))
    try:
        found = window_of(conversation, rim)
    except Message.DoesNotExist:
        raise Http404 from None
    for message in found.messages:
        _fill_in(message)
    return found


def one(conversation: Conversation, message: uuid.UUID) -> Message:
    settle(Generation.objects.running().filter(message=message))
    try:
        found = message_in(conversation, message)
    except Message.DoesNotExist:
        raise Http404 from None
    _fill_in(found)
    return found


def rim_of(request: HttpRequest) -> Rim | None:
    """Which part of a long conversation is asked for."""
    for name, side in SIDES.items():
        if name in request.GET:
            return Rim(side, uuid_in(request, name))
    return None


def uuid_in(request: HttpRequest, name: str) -> uuid.UUID:
    try:
        return uuid.UUID(request.GET[name])
    except ValueError:
        raise Http404 from None


def settle(running: QuerySet[Generation]) -> None:
    """Whoever looks at a dead reply ends it, but not one that is being written right here."""
    for generation in running:
        if not engine.replies.get(generation.pk):
            generation.settle()


def is_running(message: Message) -> bool:
    return message.is_reply and message.generation.is_running


def _fill_in(message: Message) -> None:
    """A reply that is being written has its text elsewhere still."""
    if is_running(message):
        for name, text in message.generation.saved_so_far().items():
            setattr(message, name, text)
