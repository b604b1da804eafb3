"""How one variable is read: from the environment, from `.env`, or (for secrets) from the file that NAME_FILE names.

An empty one is as good as none. Errors name the variable and, where it may be a secret, not its value.
"""

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
    """As it stands there: env.str() would take what begins with $ for the name of another variable."""
    try:
        return str(env.ENVIRON.get(name, default)).strip() or default
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ImproperlyConfigured(f"{name}_FILE can't be read: {reason}.") from None


def key(name: str) -> str:
    """What is sent in a header."""
    value = text(name)
    if not value.isascii() or not value.isprintable():
        raise ImproperlyConfigured(f"{name} must be one line of ASCII characters.")
    return value


def web_address(name: str) -> str:
    value = text(name).rstrip("/")
    if value and not (_scheme_of(value) in {"http", "https"} and urlsplit(value).hostname):
        raise ImproperlyConfigured(f"{name} must begin with http:// or https://, as in http://127.0.0.1:8080/v1.")
    return value


def origins(name: str) -> list[str]:
    """What stands in the address bar before the path."""
    values = words(name, [])
    if not all(_scheme_of(value) in {"http", "https"} for value in values):
        raise ImproperlyConfigured(f"{name} must begin with http:// or https://, as in https://chat.example.com.")
    return values


def words(name: str, default: list[str]) -> list[str]:
    """A list of words, separated by commas."""
    return [word.strip() for word in text(name).split(",") if word.strip()] or default


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(word) for word in words(name, [])]
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be addresses or networks, as in 127.0.0.1,10.0.0.0/8.") from None


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
    """A number for all, or name=number for some, separated by commas; the number for all is that of ""."""
    pairs = [word.rpartition("=") for word in words(name, [])]
    if not all(number.strip().isdecimal() for _, _, number in pairs):
        raise ImproperlyConfigured(f"{name} must be a number, or as in 32000,small-model=4096.")
    return {key.strip(): int(number) for key, _, number in pairs}


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = text(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")
    return value


def database(name: str, default: Path) -> dict[str, Any]:
    """As Django wants it, from a URL; without one, an SQLite file."""
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
    raise ImproperlyConfigured(f"{name} must be a URL, as in {example}.")


def redis(name: str) -> str:
    url = text(name)
    if url and _scheme_of(url) not in {"redis", "rediss", "unix"}:
        raise ImproperlyConfigured(f"{name} must be a URL, as redis://:password@host:6379/0 or unix:///path/to/socket.")
    return url


def _scheme_of(url: str) -> str:
    """Nothing if it is no URL."""
    try:
        parts = urlsplit(url)
        # Looked at because it raises.
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
    # A comparison that is false for NaN too.
    if not minimum <= number < float("inf"):
        raise ImproperlyConfigured(f"{name} must be a number of at least {minimum}, not {value!r}.")
    return number
