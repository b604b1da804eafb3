"""How one variable is read: from the environment, from `.env`, or (for secrets) from the file that NAME_FILE names."""

from pathlib import Path
from typing import Any, TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

N = TypeVar("N", int, float)

env = environ.FileAwareEnv()
env.read_env(BASE_DIR / ".env")


def text(name: str, default: str = "") -> str:
    return str(env.str(name, default=default)).strip()


def words(name: str, default: list[str]) -> list[str]:
    """A list of words, separated by commas."""
    return [word.strip() for word in env.list(name, default=default) if word.strip()]


def flag(name: str, default: bool) -> bool:
    value = text(name, str(default)).lower()
    if value in {"1", "true", "yes", "on", "y"}:
        return True
    if value in {"0", "false", "no", "off", "n", ""}:
        return False
    raise ImproperlyConfigured(f"{name} must be on or off, not {value!r}.")


def seconds(name: str, default: float, *, minimum: float = 0.001) -> float:
    return _number(name, float, default, minimum)


def count(name: str, default: int, *, minimum: int = 1) -> int:
    return _number(name, int, default, minimum)


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
    parsed = environ.Env.db_url_config(url)
    if not parsed.get("ENGINE"):
        raise ImproperlyConfigured(f"{name} must be a URL, as in postgres://user:password@host/name")
    return dict(parsed)


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
