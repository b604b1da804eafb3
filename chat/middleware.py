"""Django's middleware: headers of every page, the required login, the reader's language and time zone."""

from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from asgiref.sync import iscoroutinefunction
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone, translation
from django.utils.decorators import sync_and_async_middleware, sync_only_middleware
from django.utils.translation import gettext as _

from chat.http import Refusal, is_for_scripts, protecting

# Only known names: a time zone's name is a file's path, and a cookie may contain anything.
ZONES = available_timezones()


@sync_and_async_middleware
def protective_headers(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Protect every page, and let nobody keep it, unless its view says otherwise."""

    def protect(response: Any) -> Any:
        for name, value in (*protecting().items(), ("Cache-Control", "private, no-store")):
            response.headers.setdefault(name, value)
        return response

    if not iscoroutinefunction(get_response):
        return lambda request: protect(get_response(request))

    async def middleware(request: HttpRequest) -> Any:
        return protect(await get_response(request))

    return middleware


class LoginRequired(LoginRequiredMiddleware):
    """Requires a login for every view that does not opt out; scripts get JSON instead of the login page."""

    def process_view(
        self, request: HttpRequest, view_func: Any, view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        if request.user.is_authenticated:
            # For the log.
            getattr(request, "scope", {})["user_id"] = request.user.pk
        return super().process_view(request, view_func, view_args, view_kwargs)

    # Django accepts any response here, despite its stubs.
    def handle_no_permission(  # type: ignore[override]
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponseBase:
        if is_for_scripts(view_func, request):
            return Refusal(401, "login_required", _("Log in again; your text is still there.")).as_json()
        return super().handle_no_permission(request, view_func)


def _as_they_like_it(request: HttpRequest) -> None:
    """Activate the language and time zone of the user, otherwise the browser's, otherwise the server's."""
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
    """Make all middleware run in one thread: this, the innermost, is not async.

    With an async one, each of the others would switch threads twice or more, which took a third of a question's CPU.
    """

    def middleware(request: HttpRequest) -> Any:
        # This looks up the user. Left to the page of a 404, which is rendered in any thread, it would open a
        # connection there that nobody manages.
        _as_they_like_it(request)
        return get_response(request)

    return middleware
