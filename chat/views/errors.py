"""Errors that say what to do: JSON for scripts, a page for people."""

import sys
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

# Only plain forms are sent as these; whatever else comes to a view for scripts comes from a script.
FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}


class Refusal(Exception):
    """A request that can't be done. `code` is for scripts, `message` for people; `extra` goes beside them."""

    def __init__(self, status: int, code: str, message: str, *, retry_after: int = 0, **extra: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after, self.extra = status, code, message, retry_after, extra

    def as_json(self) -> JsonResponse:
        body = {"error": {"code": self.code, "message": self.message, **self.extra}}
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after else {}
        return JsonResponse(body, status=self.status, headers=headers)


def not_found() -> Refusal:
    return Refusal(404, "not_found", _("This does not exist, or it is not yours."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """CSRF_FAILURE_VIEW: a script gets JSON, never a page."""
    message = _("This page is out of date. Reload it and send again; what you typed is still there.")
    if _is_from_a_script(request):
        return Refusal(403, "csrf", message).as_json()
    return render(request, "403_csrf.html", {"message": message}, status=403)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400. Without the request in the template: its host may be the one that was refused."""
    if isinstance(exception, RequestDataTooBig):
        refusal = Refusal(413, "too_large", _("The request is too large. Shorten the question and send again."))
    else:
        refusal = Refusal(400, "bad_request", _("The request can't be understood. Go back and try again."))
    if _is_from_a_script(request):
        return refusal.as_json()
    return HttpResponse(render_to_string("400.html", {"message": refusal.message}), status=refusal.status)


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: what nobody expected, or a database that is away, which is worth another try."""
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        refusal = Refusal(503, "unavailable", _("The database is away. Try again in a few seconds."), retry_after=5)
    else:
        refusal = Refusal(500, "internal", _("Something went wrong on our side; it was logged for the administrator."))
    if _is_from_a_script(request):
        return refusal.as_json()
    # Without the request: its user might have to be asked for in the database.
    away = {"message": refusal.message} if refusal.status == 503 else {}
    return HttpResponse(render_to_string("500.html", away), status=refusal.status)


def _is_from_a_script(request: HttpRequest) -> bool:
    view = getattr(request.resolver_match, "func", None)
    return getattr(view, "for_scripts", False) and request.content_type not in FORMS
