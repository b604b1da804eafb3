"""What the views share: a request with its user, headers, errors as JSON, one parser each for numbers and such."""

import json
import uuid
from collections.abc import Callable, Coroutine
from functools import cache, wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from chat.models import User

# Only plain forms are sent as these; anything else that comes to a view for scripts comes from a script.
FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
# What this site never asks for.
UNUSED = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")

View = Callable[..., HttpResponse]
ScriptView = Callable[..., Coroutine[Any, Any, HttpResponseBase]]


class AuthenticatedHttpRequest(HttpRequest):
    """The request of a view that requires a login."""

    user: User


# --- Headers ----------------------------------------------------------------------------------------------------------


@cache
def protecting() -> dict[str, str]:
    """Return the headers of every response; Caddyfile has the same for the static files that it serves."""
    headers = {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": settings.X_FRAME_OPTIONS,
    }
    if settings.SECURE_HSTS_SECONDS:
        headers["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"
    return headers


# --- Errors -----------------------------------------------------------------------------------------------------------


class Refusal(Exception):
    """A request that can't be carried out. `code` is for scripts, `message` for people; `extra` goes beside them."""

    def __init__(self, status: int, code: str, message: str, *, retry_after: int = 0, **extra: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after, self.extra = status, code, message, retry_after, extra

    def as_json(self) -> JsonResponse:
        body = {"error": {"code": self.code, "message": self.message, **self.extra}}
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after else {}
        return JsonResponse(body, status=self.status, headers=headers)


def not_found() -> Refusal:
    return Refusal(404, "not_found", _("Not found, or you don’t have access."))


def bad_field(name: str, message: str) -> Refusal:
    return Refusal(400, "bad_field", message, field=name)


def too_large() -> Refusal:
    return Refusal(413, "too_large", _("The request is too large. Shorten the question and send again."))


def reply_running(reply: uuid.UUID) -> Refusal:
    message = _("An answer is being written here. Wait for it to finish, or stop it.")
    return Refusal(409, "reply_running", message, reply=str(reply))


# --- Decorators -------------------------------------------------------------------------------------------------------


def for_scripts(*methods: str) -> Callable[[ScriptView], ScriptView]:
    """Answer every error with JSON and the right status."""

    def decorate(view: ScriptView) -> ScriptView:
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


def is_for_scripts(view: Any, request: HttpRequest) -> bool:
    """Whether an error here is answered with JSON: a plain form gets a page even from a view for scripts."""
    return getattr(view, "for_scripts", False) and not is_form(request)


def keeping_text(view: View) -> View:
    """Answer a form with the login page itself, so that what was typed survives an expired session."""

    @login_not_required
    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if request.method != "POST":
            return redirect_to_login(request.get_full_path())
        conversation = getattr(request.resolver_match, "kwargs", {}).get("conversation")
        next_page = reverse("conversation", args=[conversation]) if conversation else reverse("home")
        context = {"form": AuthenticationForm(), "next": next_page, "kept": request.POST.get("text", "")}
        return render(request, "registration/login.html", context, status=401)

    return wrapper


# --- What a request holds ---------------------------------------------------------------------------------------------


def is_form(request: HttpRequest) -> bool:
    return request.content_type in FORMS


def fields_of(request: HttpRequest) -> dict[str, Any]:
    """Return the fields of a plain form, or of a script's JSON."""
    return request.POST.dict() if is_form(request) else json_of(request)


def json_of(request: HttpRequest) -> dict[str, Any]:
    """Return the body's JSON object. Raises Refusal."""
    # Not request.body: it believes the Content-Length, and a body in chunks has none.
    body = request.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise too_large()
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "bad_json", _("The body is not JSON.")) from None
    if not isinstance(fields, dict):
        raise Refusal(400, "bad_json", _("The body must be a JSON object."))
    return fields


def trace_id_of(request: HttpRequest) -> str:
    """Return the id that the response (X-Request-ID), the log line and the reply's evidence share."""
    return getattr(request, "scope", {}).get("request_id", "")


def number_of(text: str, *, most_digits: int) -> int | None:
    """Return the number that a text spells in ASCII digits; None if it spells none, or too long a one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= most_digits else None


def uuid_of(value: object) -> uuid.UUID | None:
    """Return the UUID that a text spells; None for anything else."""
    try:
        return uuid.UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def next_url(given: object, default: str = "") -> str:
    """Return where a form leads back to, if that is a path of this site; otherwise the default."""
    is_ours = isinstance(given, str) and given.startswith("/")
    return str(given) if is_ours and url_has_allowed_host_and_scheme(str(given), allowed_hosts=None) else default
