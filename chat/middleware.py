"""The headers of every page, and who asked, for the log. Async-capable: no thread is taken for them."""

from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from asgiref.sync import iscoroutinefunction
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponseBase, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware
from django.utils import timezone, translation
from django.utils.decorators import sync_and_async_middleware, sync_only_middleware
from django.utils.translation import gettext as _

from chat.http import HEALTH_PATHS, Refusal, is_for_scripts

# Known ones only: a name is the path of a file, and a cookie may have any.
ZONES = available_timezones()
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


@sync_and_async_middleware
def content_security_policy(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """No inline script or style, nothing from anywhere else, on every page."""

    def protect(response: Any) -> Any:
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response

    if not iscoroutinefunction(get_response):
        return lambda request: protect(get_response(request))

    async def middleware(request: HttpRequest) -> Any:
        return protect(await get_response(request))

    return middleware


class Common(CommonMiddleware):
    """Django's own, which looks at the Host header; but who watches the process asks by address, whatever its name."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        return None if request.path_info in HEALTH_PATHS else super().process_request(request)


class LoginRequired(LoginRequiredMiddleware):
    """Every view wants a login unless it says otherwise; scripts are told so in JSON instead of a login page."""

    def process_view(
        self, request: HttpRequest, view_func: Any, view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        if request.user.is_authenticated:
            # For the log.
            getattr(request, "scope", {})["user_id"] = request.user.pk
        return super().process_view(request, view_func, view_args, view_kwargs)

    # Django takes any response here, whatever its stubs say.
    def handle_no_permission(  # type: ignore[override]
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponseBase:
        if is_for_scripts(view_func, request):
            return Refusal(401, "login_required", _("Log in again; what you typed is still there.")).as_json()
        return super().handle_no_permission(request, view_func)


def _as_they_like_it(request: HttpRequest) -> None:
    """Language and time zone: what the reader has chosen, else what the browser says, else the server's."""
    user: Any = request.user
    if language := getattr(user, "language", ""):
        translation.activate(language)
    wanted = (getattr(user, "timezone", ""), request.COOKIES.get("timezone", ""))
    if zone := next((name for name in wanted if name in ZONES), None):
        timezone.activate(zone)
    else:
        timezone.deactivate()


@sync_only_middleware
def in_one_thread(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """The innermost: as it is not async, all the others run one after the other in one thread.

    As async ones each would change threads twice or more: that took a third of the CPU of a question.
    """

    def middleware(request: HttpRequest) -> Any:
        if request.path_info not in HEALTH_PATHS:
            # Who it is is looked up here. The page of a 404 is made in any thread: it would open a connection there
            # that nobody looks after.
            _as_they_like_it(request)
        return get_response(request)

    return middleware
