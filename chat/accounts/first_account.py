"""Who may make the first account: anyone on this machine; from elsewhere, anyone who can read the log."""

import ipaddress
import logging

from django.conf import settings
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from chat.models import Installation

logger = logging.getLogger(__name__)

TOKEN_LENGTH = 20

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


def token_needed() -> bool:
    if _on_loopback is None:
        return not settings.DEBUG
    return not _on_loopback


def token() -> str:
    """Return the token. It comes from SECRET_KEY, so all processes agree on it without a message."""
    return salted_hmac("config.first_account", "token", algorithm="sha256").hexdigest()[:TOKEN_LENGTH]


def token_matches(given: str) -> bool:
    return constant_time_compare(given.strip(), token())


def announce() -> None:
    """Log, at start, where the first account is made and with which token."""
    if token_needed() and Installation.is_new():
        logger.warning(
            "nobody has an account yet; make the first one, the administrator's, with this token",
            extra={"path": reverse("signup"), "token": token()},
        )
