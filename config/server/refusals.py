"""The answer to a request that is refused before the application has it: JSON, or a page for a plain form."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from chat.http import FORMS, Refusal, protecting

logger = logging.getLogger("config.requests")


def too_many_connections() -> Refusal:
    message = _("Your address has too many open connections. Close some tabs, and try again in a minute.")
    return Refusal(429, "too_many_connections", message, retry_after=60)


def headers_too_large() -> Refusal:
    message = _("The headers of the request are too large. Delete this site’s cookies, and try again.")
    return Refusal(431, "headers_too_large", message)


def too_slow() -> Refusal:
    return Refusal(408, "too_slow", _("The request arrived too slowly. Check your connection, and send it again."))


def answer(refusal: Callable[[], Refusal], headers: Any, client: str) -> bytes:
    """Return the whole response, in the browser's language; `headers`: Twisted's, of what has arrived so far."""
    request = HttpRequest()
    request.META["HTTP_ACCEPT_LANGUAGE"] = _first(headers, "accept-language")
    with translation.override(translation.get_language_from_request(request)):
        refused = refusal()
        is_form = _first(headers, "content-type").partition(";")[0].strip() in FORMS
        response = _page(refused) if is_form else refused.as_json()
    logger.info("request refused", extra={"status": refused.status, "code": refused.code, "client": client})
    framing = {"Connection": "close", "Content-Length": str(len(response.content))}
    for name, value in (protecting() | framing | {"Cache-Control": "private, no-store"}).items():
        response[name] = value
    status = f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}\r\n".encode()
    return status + response.serialize_headers() + b"\r\n\r\n" + response.content


def _page(refusal: Refusal) -> HttpResponse:
    return HttpResponse(render_to_string("400.html", {"message": refusal.message}), status=refusal.status)


def _first(headers: Any, name: str) -> str:
    return str((headers.getRawHeaders(name) or [""])[0]) if headers else ""
