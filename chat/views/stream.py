"""The two ends of a reply as scripts see it: a stream of events that begins anywhere, and stop."""

import json
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import wraps
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
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

from chat.blocks import BlocksOfReader
from chat.engine import engine
from chat.events import BadCursor, Cursor
from chat.live import Growing
from chat.models import Generation, Message, User
from chat.reading import Reader
from chat.views.asking import ask, start_of, uuid_of
from chat.views.choosing import offered_for
from chat.views.errors import FORMS, Refusal, not_found

STOP_SECONDS = 5.0
HEADERS = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
    "Content-Encoding": "identity",
}

View = Callable[..., Coroutine[Any, Any, HttpResponseBase]]


class SignedIn(HttpRequest):
    """What a view gets that wants a login."""

    user: User


def for_scripts(*methods: str) -> Callable[[View], View]:
    """Every error is JSON with the right status."""

    def decorate(view: View) -> View:
        @wraps(view)
        async def guarded(request: HttpRequest, **path: Any) -> HttpResponseBase:
            if request.method not in methods:
                message = _("Use %(methods)s here.") % {"methods": ", ".join(methods)}
                response: HttpResponse = Refusal(405, "method_not_allowed", message).as_json()
                response["Allow"] = ", ".join(methods)
                return response
            try:
                return await view(request, **path)
            except Refusal as refusal:
                return refusal.as_json()

        guarded.for_scripts = True  # type: ignore[attr-defined]
        return guarded

    return decorate


@for_scripts("GET", "POST")
async def stream(request: SignedIn) -> HttpResponseBase:
    """POST asks and streams the answer; GET streams it from the reader's cursor, to any number of readers."""
    if request.method == "GET":
        return await _attach(request)
    fields, position = _json(request), _blocks_from(request)
    offered = await offered_for(fields)
    asked = await sync_to_async(ask)(request.user, fields, offered, request_id_of(request))
    return _streaming(request, await _growing(asked.reply), Cursor(), position)


@for_scripts("POST")
async def stop(request: SignedIn) -> HttpResponseBase:
    """Ends a reply with the text that is there, and answers with the status that it then has."""
    reply = await sync_to_async(_reply_to_stop)(request.user, fields_of(request))
    if is_form(request):
        await stop_reply(reply)
        return HttpResponseRedirect(reverse("conversation", args=[reply.conversation_id]), status=303)
    # The thread of the request is free again while the end is waited for.
    return EventStream(_status_when_stopped(reply), content_type="application/json")


async def _attach(request: SignedIn) -> HttpResponseBase:
    fields = request.GET.dict()
    reply = await sync_to_async(_reply_of)(request.user, fields, "reply")
    try:
        cursor = Cursor.parse(request.headers.get("Last-Event-ID") or fields.get("after") or "0.0")
    except BadCursor:
        message = _("The cursor must be an id that this server gave out, such as 0.120.")
        raise Refusal(400, "bad_cursor", message, field="after") from None
    if cursor.ended and not reply.generation.is_running:
        return HttpResponse(status=204)
    return _streaming(request, await _growing(reply), cursor, _blocks_from(request))


def _blocks_from(request: HttpRequest) -> int | None:
    """How much of the answer the reader has as blocks; None if it wants text only."""
    position = request.GET.get("blocks_from")
    if position is None:
        return None
    if not re.fullmatch("[0-9]{1,12}", position):
        message = _("blocks_from must be where the last block ended, or 0.")
        raise Refusal(400, "bad_field", message, field="blocks_from")
    return int(position)


async def _growing(reply: Message) -> Growing:
    """Where the reply's text is now: in this process's memory, in the row, or in another process's snapshots."""
    return engine.replies.get(reply.pk) or await engine.follow(start_of(reply))


class EventStream(StreamingHttpResponse):
    """Its events go to the server as they are, not through Django's two wrappers."""

    def __init__(self, events: AsyncIterator[bytes], **options: Any) -> None:
        super().__init__(events, **options)
        self._events = events

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._events


def _streaming(request: HttpRequest, growing: Growing, cursor: Cursor, position: int | None) -> StreamingHttpResponse:
    push = getattr(request, "scope", {}).get("extensions", {}).get("push")
    blocks = None if position is None else BlocksOfReader(growing, position)
    reader = Reader(growing, cursor, translation.get_language() or "en", push, blocks)
    return EventStream(reader.events(), content_type="text/event-stream", headers=HEADERS)


def is_form(request: HttpRequest) -> bool:
    return request.content_type in FORMS


def fields_of(request: HttpRequest) -> dict[str, Any]:
    """Of a plain form or of a script's JSON."""
    return request.POST.dict() if is_form(request) else _json(request)


def _json(request: HttpRequest) -> dict[str, Any]:
    # Not request.body: it believes the Content-Length, and a body in chunks has none.
    body = request.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise Refusal(413, "too_large", _("The request is too large. Shorten the question and send again."))
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "bad_json", _("The body is not JSON.")) from None
    if not isinstance(fields, dict):
        raise Refusal(400, "bad_json", _("The body must be a JSON object."))
    return fields


def _reply_of(user: User, fields: dict[str, Any], name: str) -> Message:
    """Whoever looks at a dead reply ends it."""
    # Without its text, which is long, and comes from elsewhere.
    replies = user.messages.replies().select_related("generation").defer("text", "reasoning")
    found = replies.filter(**{_KEYS[name]: uuid_of(fields, name)}).first()
    if found is None:
        raise not_found()
    if not engine.replies.get(found.pk):
        found.generation.settle()
    return found


_KEYS = {"reply": "pk", "request_id": "request_id"}


def _reply_to_stop(user: User, fields: dict[str, Any]) -> Message:
    return _reply_of(user, fields, "reply" if "reply" in fields else "request_id")


async def _status_when_stopped(reply: Message) -> AsyncIterator[bytes]:
    yield json.dumps({"status": await stop_reply(reply)}).encode()


async def stop_reply(reply: Message) -> str:
    """In this process at once, in another one by the relay, or at its next heartbeat; the status that it then has."""
    if not reply.generation.is_running:
        return reply.generation.status
    if not engine.stop(reply.pk):
        await sync_to_async(reply.generation.request_stop)()
        await engine.stop_elsewhere(reply.generation.writer, reply.pk)
    growing = await _growing(reply)
    await growing.wait_for_end(STOP_SECONDS)
    return growing.end.status if growing.end else Generation.Status.STREAMING


def request_id_of(request: HttpRequest) -> str:
    return getattr(request, "scope", {}).get("request_id", "")
