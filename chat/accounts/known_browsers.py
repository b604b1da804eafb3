"""Browsers that have logged in before, by a signed cookie: guesses made elsewhere do not keep them out."""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from chat.accounts.keys import digest_of_name

COOKIE = "known_browser"
SALT = "chat.accounts.known_browsers"
COOKIE_SECONDS = 365 * 24 * 3600
# Several people may share a browser.
MOST_NAMES = 5


def mark_of(request: HttpRequest, name: str) -> str:
    """Return the random mark of a browser that has logged in with this name; an empty string if it has not."""
    return _marks(request).get(digest_of_name(name), "")


def remember(request: HttpRequest, response: HttpResponse, name: str) -> None:
    """Give the browser a new mark for this name."""
    marks = _marks(request)
    marks.pop(digest_of_name(name), None)
    latest = dict([*marks.items(), (digest_of_name(name), secrets.token_urlsafe(12))][-MOST_NAMES:])
    response.set_cookie(
        COOKIE,
        signing.dumps(latest, salt=SALT),
        max_age=COOKIE_SECONDS,
        httponly=True,
        secure=settings.HTTPS,
        samesite="Lax",
    )


def _marks(request: HttpRequest) -> dict[str, str]:
    try:
        return dict(signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=COOKIE_SECONDS))
    except signing.BadSignature:
        return {}
