"""Errors that say what to do: JSON for scripts, a page for people."""

import sys

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _

from chat.http import Refusal, is_for_scripts, too_large, trace_id_of
from chat.outages.database import Kind, database_outage, kind_of


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a CSRF failure (CSRF_FAILURE_VIEW): a script gets JSON, never a page."""
    message = _("This page is out of date. Reload it and send again; your text is still there.")
    if _is_from_a_script(request):
        return Refusal(403, "csrf", message).as_json()
    return render(request, "403_csrf.html", {"message": message}, status=403)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a bad request (handler400). The template gets no request: its host may be what was refused."""
    if isinstance(exception, RequestDataTooBig):
        refusal = too_large()
    else:
        refusal = Refusal(400, "bad_request", _("The request is not valid. Go back and try again."))
    if _is_from_a_script(request):
        return refusal.as_json()
    return HttpResponse(render_to_string("400.html", {"message": refusal.message}), status=refusal.status)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an unexpected error (handler500), or a database that is away, which is worth another try."""
    error = sys.exc_info()[1]
    if isinstance(error, OperationalError | InterfaceError):
        refusal = _outage(error)
    else:
        message = _("Something went wrong on our side. The administrator can find it in the log.")
        refusal = Refusal(500, "internal", message)
    if _is_from_a_script(request):
        return refusal.as_json()
    # Without the request: rendering it might query the database for its user.
    context = {"trace_id": trace_id_of(request)} | ({"message": refusal.message} if refusal.status == 503 else {})
    return HttpResponse(render_to_string("500.html", context), status=refusal.status)


def _outage(error: OperationalError | InterfaceError) -> Refusal:
    """Note that the database can't be used, and say what is wrong with it."""
    database_outage.failed(error)
    kind = kind_of(error)
    if kind == Kind.FULL:
        message = _("The server’s disk is full: nothing can be stored now.")
        return Refusal(503, "storage_full", message, retry_after=60)
    if kind == Kind.BUSY:
        message = _("The database is busy. Try again in a few seconds.")
    else:
        message = _("The database is not available. Try again in a few seconds.")
    return Refusal(503, "unavailable", message, retry_after=5)


def _is_from_a_script(request: HttpRequest) -> bool:
    """Whether an error is answered with JSON. One of the middleware comes before the view was looked for."""
    try:
        match = request.resolver_match or resolve(request.path_info)
    except Resolver404:
        return False
    return is_for_scripts(match.func, request)
