"""Who may make the first account: anyone who can read the log, and anyone on this machine itself."""

import ipaddress
import logging
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from chat.models import Installation

logger = logging.getLogger(__name__)

TOKEN_LENGTH = 20
# What proxies add, with or without our consent.
OF_PROXIES = ("HTTP_X_FORWARDED", "HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP")

# Set by the serve command; None in tests and under other servers.
_on_loopback: bool | None = None


def listen_on(host: str) -> None:
    """Remember whether only this machine can reach the server."""
    global _on_loopback  # noqa: PLW0603 - a process listens once
    _on_loopback = _is_loopback(host)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def token_needed(request: HttpRequest) -> bool:
    """Return False for a connection from this machine itself. Through a proxy on it, everybody seems to be here."""
    on_loopback = settings.DEBUG if _on_loopback is None else _on_loopback
    if not on_loopback or settings.HTTPS or settings.TRUSTED_PROXIES or _is_forwarded(request):
        return True
    host, _ = split_domain_port(request.get_host())
    return not (_is_loopback(request.META.get("REMOTE_ADDR", "")) and _is_loopback(host))


def _is_forwarded(request: HttpRequest) -> bool:
    scope: dict[str, Any] = getattr(request, "scope", {})
    return bool(scope.get("forwarded")) or any(name.startswith(OF_PROXIES) for name in request.META)


def token() -> str:
    """Return the token. It comes from SECRET_KEY, so all processes agree on it without a message."""
    return salted_hmac("config.first_account", "token", algorithm="sha256").hexdigest()[:TOKEN_LENGTH]


def token_matches(given: str) -> bool:
    return constant_time_compare(given.strip(), token())


def announce(origin: str = "") -> None:
    """Log, at start, where the first account is made and with which token. `origin`: how this machine reaches it."""
    if Installation.is_new():
        path = reverse("signup")
        logger.warning(
            "nobody has an account yet; make the first one, the administrator's, with this token",
            extra={"path": path, "token": token(), "link": f"{origin}{path}?token={token()}"},
        )
