"""Reads one variable: from the environment, from `.env`, or (for secrets) from the file that NAME_FILE names.

An empty value counts as not set. Errors name the variable, but not its value where it may be a secret.
"""

import json
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

N = TypeVar("N", int, float)

env = environ.FileAwareEnv()
env.read_env(BASE_DIR / ".env")


def text(name: str, default: str = "") -> str:
    """Return the value as it is: env.str() would take a value that begins with $ for the name of another variable."""
    try:
        return str(env.ENVIRON.get(name, default)).strip() or default
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise ImproperlyConfigured(f"{name}_FILE can't be read: {reason}.") from None


def key(name: str) -> str:
    """Return a value that can be sent in a header."""
    value = text(name)
    if not value.isascii() or not value.isprintable():
        raise ImproperlyConfigured(f"{name} must be one line of ASCII characters.")
    return value


def web_address(name: str) -> str:
    value = text(name).rstrip("/")
    if value and not (_scheme_of(value) in {"http", "https"} and urlsplit(value).hostname):
        raise ImproperlyConfigured(f"{name} must begin with http:// or https://, as in http://127.0.0.1:8080/v1.")
    return value


def headers(name: str) -> dict[str, str]:
    """Return names and values of HTTP headers, from a JSON object."""
    try:
        value = json.loads(text(name) or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict) or not all(map(_is_header, value.items())):
        # Without the value: there may be secrets in it.
        raise ImproperlyConfigured(f'{name} must be a JSON object such as {{"x-provider": "example"}}.')
    return value


def _is_header(item: tuple[str, Any]) -> bool:
    name, value = item
    is_value = isinstance(value, str) and value.isascii() and value.isprintable()
    return is_value and re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name, re.ASCII) is not None


def origins(name: str) -> list[str]:
    """Return a list of origins: URLs without a path."""
    values = words(name, [])
    if not all(_scheme_of(value) in {"http", "https"} for value in values):
        raise ImproperlyConfigured(f"{name} must begin with http:// or https://, as in https://chat.example.com.")
    return values


def words(name: str, default: list[str]) -> list[str]:
    """Return a list of words separated by commas."""
    return [word.strip() for word in text(name).split(",") if word.strip()] or default


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(word) for word in words(name, [])]
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be addresses or networks, such as 127.0.0.1,10.0.0.0/8.") from None


def flag(name: str, default: bool) -> bool:
    value = text(name, str(default)).lower()
    if value in {"1", "true", "yes", "on", "y"}:
        return True
    if value in {"0", "false", "no", "off", "n"}:
        return False
    raise ImproperlyConfigured(f"{name} must be on or off, not {value!r}.")


def seconds(name: str, default: float, *, minimum: float = 0.001) -> float:
    return _number(name, float, default, minimum)


def count(name: str, default: int, *, minimum: int = 1) -> int:
    return _number(name, int, default, minimum)


def counts(name: str) -> dict[str, int]:
    """Return numbers by name, from name=number separated by commas; a number without a name is for all others ("")."""
    pairs = [word.rpartition("=") for word in words(name, [])]
    if not all(number.strip().isdecimal() for _, _, number in pairs):
        raise ImproperlyConfigured(f"{name} must be a number, or a list such as 32000,small-model=4096.")
    return {key.strip(): int(number) for key, _, number in pairs}


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = text(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")
    return value


def database(name: str, default: Path) -> dict[str, Any]:
    """Return Django's settings for the database at a URL; without a URL, for an SQLite file."""
    url = text(name)
    if not url:
        default.parent.mkdir(exist_ok=True)
        url = f"sqlite:///{default}"
    try:
        if url.partition("://")[0] in {"sqlite", "postgres", "postgresql"}:
            return dict(environ.Env.db_url_config(url))
    except ValueError:
        pass
    example = "postgres://user:password@host/name or sqlite:////absolute/path"
    raise ImproperlyConfigured(f"{name} must be a URL such as {example}.")


def redis(name: str) -> str:
    url = text(name)
    if url and _scheme_of(url) not in {"redis", "rediss", "unix"}:
        example = "redis://:password@host:6379/0 or unix:///path/to/socket"
        raise ImproperlyConfigured(f"{name} must be a URL such as {example}.")
    return url


def _scheme_of(url: str) -> str:
    """Return the scheme, or an empty string if this is not a URL."""
    try:
        parts = urlsplit(url)
        # Reading an invalid port raises ValueError.
        _ = parts.port
    except ValueError:
        return ""
    return parts.scheme if "://" in url else ""


def _number(name: str, kind: type[N], default: N, minimum: N) -> N:
    value = text(name, str(default))
    try:
        number = kind(value)
    except ValueError:
        number = minimum - 1
    # Written so that NaN fails too.
    if not minimum <= number < float("inf"):
        raise ImproperlyConfigured(f"{name} must be a number of at least {minimum}, not {value!r}.")
    return number
