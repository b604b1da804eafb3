"""A reply as scripts see it: a stream of events from any cursor, and a way to stop it."""

import json
from collections.abc import AsyncIterator
from typing import Any

from asgiref.sync import sync_to_async
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from chat.accounts.logins import Login, logins
from chat.accounts.places import NoPlace, places
from chat.events import BadCursor, Cursor
from chat.http import (
    AuthenticatedHttpRequest,
    Refusal,
    bad_field,
    fields_of,
    for_scripts,
    is_form,
    json_of,
    not_found,
    number_of,
)
from chat.model_choice import offered_for
from chat.models import Message, User
from chat.questions import ask, uuid_in
from chat.replies.blocks import BlocksOfReader
from chat.replies.engine import engine
from chat.replies.growing import Growing
from chat.replies.reader import Reader

HEADERS = {
    "Cache-Control": "private, no-cache, no-transform",
    "X-Accel-Buffering": "no",
    "Content-Encoding": "identity",
}


@for_scripts("GET", "POST")
async def stream(request: AuthenticatedHttpRequest) -> HttpResponseBase:
    """Ask and stream the answer (POST), or stream it from the reader's cursor (GET), to any number of readers."""
    _hold_place(request)
    if request.method == "GET":
        return await _attach(request)
    fields, position = json_of(request), _blocks_from(request)
    offered = await offered_for(fields)
    asked = await sync_to_async(ask)(request, fields, offered)
    cursor = Cursor() if asked.is_new else _cursor(request)
    return await _from_cursor(request, asked.reply, cursor, position)


@for_scripts("POST")
async def stop(request: AuthenticatedHttpRequest) -> HttpResponseBase:
    """End a reply with the text so far, and answer with the status that it then has."""
    reply = await sync_to_async(_reply_to_stop)(request.user, fields_of(request))
    if is_form(request):
        await engine.stop_and_wait(reply)
        return HttpResponseRedirect(reverse("conversation", args=[reply.conversation_id]), status=303)
    # The request's thread is free again while this waits for the end.
    return DirectStream(_status_when_stopped(reply), content_type="application/json")


def _hold_place(request: AuthenticatedHttpRequest) -> None:
    """Hold a place until the request ends. Raises Refusal if the user has too many streams."""
    place = places.held("stream", request.user.pk, request.META["REMOTE_ADDR"])
    try:
        request.scope["held"].enter_context(place)  # type: ignore[attr-defined]
    except NoPlace:
        message = _("Too many answers are open in other tabs. Close some of them, and try again.")
        raise Refusal(429, "too_many_streams", message, retry_after=5) from None


async def _attach(request: AuthenticatedHttpRequest) -> HttpResponseBase:
    fields = request.GET.dict()
    reply = await sync_to_async(_reply_of)(request.user, fields, "reply")
    return await _from_cursor(request, reply, _cursor(request, fields.get("after")), _blocks_from(request))


def _cursor(request: HttpRequest, after: str | None = None) -> Cursor:
    """Return how much the reader has. Some clients repeat a POST by themselves, with this header like a browser's."""
    try:
        return Cursor.parse(request.headers.get("Last-Event-ID") or after or "0.0")
    except BadCursor:
        message = _("The cursor must be an id from this server, such as 0.120.")
        raise Refusal(400, "bad_cursor", message, field="after") from None


async def _from_cursor(
    request: AuthenticatedHttpRequest, reply: Message, cursor: Cursor, position: int | None
) -> HttpResponseBase:
    if cursor.ended and not reply.generation.is_running:
        return HttpResponse(status=204)
    return _streaming(request, await engine.growing_of(reply), cursor, position)


def _blocks_from(request: HttpRequest) -> int | None:
    """Return how much of the answer the reader has as blocks; None if it wants text only."""
    position = request.GET.get("blocks_from")
    if position is None:
        return None
    number = number_of(position, most_digits=12)
    if number is None:
        raise bad_field("blocks_from", _("blocks_from must be where the last block ended, or 0."))
    return number


class DirectStream(StreamingHttpResponse):
    """A response whose events go straight to the server, past Django's two wrappers."""

    def __init__(self, events: AsyncIterator[bytes], **options: Any) -> None:
        super().__init__(events, **options)
        self._events = events

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._events


def _streaming(
    request: AuthenticatedHttpRequest, growing: Growing, cursor: Cursor, position: int | None
) -> StreamingHttpResponse:
    push = getattr(request, "scope", {}).get("extensions", {}).get("push")
    blocks = None if position is None else BlocksOfReader(growing, position)
    reader = Reader(growing, cursor, translation.get_language() or "en", push, blocks)
    login = Login(request.session.session_key or "", request.user.pk, request.user.password)
    request.scope["held"].enter_context(logins.reading(login, reader.dismiss))  # type: ignore[attr-defined]
    return DirectStream(reader.events(), content_type="text/event-stream", headers=HEADERS)


def _reply_of(user: User, fields: dict[str, Any], name: str) -> Message:
    """Find a reply through its owner, and end it if its writer is dead."""
    # Without its text, which is long and comes from elsewhere.
    replies = user.messages.replies().select_related("generation").defer("text", "reasoning")
    found = replies.filter(**{_KEYS[name]: uuid_in(fields, name)}).first()
    if found is None:
        raise not_found()
    engine.end_if_dead(found.generation)
    return found


_KEYS = {"reply": "pk", "request_id": "idempotency_key"}


def _reply_to_stop(user: User, fields: dict[str, Any]) -> Message:
    return _reply_of(user, fields, "reply" if "reply" in fields else "request_id")


async def _status_when_stopped(reply: Message) -> AsyncIterator[bytes]:
    yield json.dumps({"status": await engine.stop_and_wait(reply)}).encode()
