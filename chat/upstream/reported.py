"""Errors that a server reports in JSON, whatever their shape. Pure."""

import json
from typing import Any

# Gateways wrap the error that they received in one of their own, sometimes several times.
MOST_WRAPPINGS = 10
# Where the sentence of an error stands, the best one first.
SENTENCE_KEYS = (
    "message",
    "error",
    "detail",
    "msg",
    "error_message",
    "error_msg",
    "errmsg",
    "errors",
    "exception",
    "fault",
    "description",
    "text",
    "title",
    "code",
    "error_code",
    "errcode",
)
# Whatever else an object says, with one of these it is an error.
ERROR_KEYS = (
    "error",
    "errors",
    "error_code",
    "error_msg",
    "error_message",
    "errcode",
    "errmsg",
    "exception",
    "fault",
)
NAMING_KEYS = ("object", "type", "event", "status", "level")
# Codes and statuses that servers send when all is well.
FINE = {"", "0", "200", "ok", "success", "succeeded", "none", "null"}


def message_of(error: Any) -> str:
    """Return the message in an error of any shape: a string, {"message"}, {"error": …} nested or bare, {"detail"}."""
    for _ in range(MOST_WRAPPINGS):
        match error:
            case str():
                inner = _parsed(error)
                if not isinstance(inner, dict | list):
                    return error
                error = inner
            case dict():
                error = next((error[key] for key in SENTENCE_KEYS if error.get(key)), None)
            case list():
                error = error[0] if error else None
            case _:
                return "" if error is None else str(error)
    return ""


def is_error(told: dict[str, Any]) -> bool:
    """Tell whether an object reports an error: under one of many names, by its type, or by a code with a message."""
    if any(_is_bad(told.get(key)) for key in ERROR_KEYS):
        return True
    if told.get("success") is False or told.get("ok") is False:
        return True
    names = _names_of(told)
    if any("error" in name or "fail" in name or name == "exception" for name in names):
        return True
    if told.get("detail") and not names:
        return True
    status = told.get("status") or told.get("status_code")
    if isinstance(status, int) and status >= 400:
        return True
    return _is_bad(told.get("code")) and bool(told.get("msg") or told.get("message"))


def _names_of(told: dict[str, Any]) -> list[str]:
    names = [told.get(key) for key in NAMING_KEYS]
    return [name.lower() for name in names if isinstance(name, str)]


def _is_bad(value: Any) -> bool:
    return bool(value) and str(value).strip().lower() not in FINE


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
