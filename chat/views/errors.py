"""Errors that say what to do: JSON for scripts, a page for people."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
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
    view = getattr(request.resolver_match, "func", None)
    if getattr(view, "for_scripts", False) and request.content_type not in FORMS:
        return Refusal(403, "csrf", message).as_json()
    return render(request, "403_csrf.html", {"message": message}, status=403)
