"""Reads a server's list of models, in every shape that was seen. Pure."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from chat.sse import BOM
from chat.upstream.errors import ReportedError, Unreadable
from chat.upstream.reported import is_error, message_of
from chat.upstream.text_filters import cleaned

# The longest name that the columns of the database take, and the longest that is asked for at all.
MOST_NAME_CHARS, MOST_ASKED_CHARS = 200, 2_000
# A list may have more; nobody finds anything in it.
MOST_MODELS = 5_000
LIST_KEYS = ("data", "models", "result", "items")
NAME_KEYS = ("id", "model", "name")
DIGEST_CHARS = 8


@dataclass(frozen=True)
class ModelInfo:
    """A model in the server's list. `context`: the tokens it can read, 0 if the server does not say.

    `id` is what is stored; it differs from `name`, which the server is asked for, if that is too long to be stored.
    """

    id: str
    context: int = 0
    name: str = ""


def model_named(name: str, context: int = 0) -> ModelInfo:
    if len(name) <= MOST_NAME_CHARS:
        return ModelInfo(name, context, name)
    digest = hashlib.sha256(name.encode()).hexdigest()[:DIGEST_CHARS]
    # File names differ at their end.
    return ModelInfo(f"{digest}…{name[DIGEST_CHARS + 1 - MOST_NAME_CHARS :]}", context, name)


def models_in(body: bytes) -> list[ModelInfo]:
    """Return the models that can be asked, each once. Raises ReportedError, Unreadable."""
    told = _parsed(body)
    listed = _list_in(told)
    if listed is None:
        raise ReportedError(message_of(told)) if isinstance(told, dict) and is_error(told) else Unreadable
    found: dict[str, ModelInfo] = {}
    for model in _models(listed):
        found.setdefault(model.id, model)
        if len(found) == MOST_MODELS:
            break
    return list(found.values())


def _parsed(body: bytes) -> Any:
    body = body.strip().removeprefix(BOM)
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        return json.loads(body.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        raise Unreadable from None


def _list_in(told: Any) -> list[Any] | None:
    """Return the list itself, bare or under one of its names."""
    for _ in LIST_KEYS:
        if not isinstance(told, dict):
            break
        told = next((told[key] for key in LIST_KEYS if isinstance(told.get(key), dict | list)), None)
    return told if isinstance(told, list) else None


def _models(listed: list[Any]) -> Iterator[ModelInfo]:
    for row in listed:
        if name := _name_of(row):
            yield model_named(name, _context_of(row) if isinstance(row, dict) else 0)


def _name_of(row: Any) -> str:
    """Return a name that can be asked for and shown; nothing for a row that has none."""
    names = [row.get(key) for key in NAME_KEYS] if isinstance(row, dict) else [row]
    # Some servers number their models; true is no number.
    texts = (str(name) for name in names if isinstance(name, str | int) and not isinstance(name, bool))
    name = next((text for text in texts if text.strip()), "")
    return name if len(name) <= MOST_ASKED_CHARS and cleaned(name) == name else ""


def _context_of(row: dict[str, Any]) -> int:
    meta = row.get("meta")
    told = (
        meta.get("n_ctx") if isinstance(meta, dict) else None,  # llama.cpp
        row.get("max_model_len"),  # vLLM
        row.get("context_length"),  # OpenRouter
        row.get("context_window"),  # Groq
    )
    return next((n for n in told if isinstance(n, int) and not isinstance(n, bool) and n > 0), 0)
