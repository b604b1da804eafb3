"""The models that the server offers, cached for a minute."""

import asyncio
import contextvars
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import httpx
import msgspec

from chat.upstream import errors
from chat.upstream.transport import plain_errors

KEPT_SECONDS = 60.0
RETRY_SECONDS = 5.0
PATIENCE_SECONDS = 5.0


@dataclass(frozen=True)
class ModelInfo:
    """A model in the server's list. `context`: the tokens it can read, 0 if the server does not say."""

    id: str
    context: int = 0


class Catalogue:
    """The models on offer. `allowed`: names, or patterns such as gpt-5*; without any, all that the server lists."""

    def __init__(self, client: httpx.AsyncClient, base_url: str, *, allowed: Iterable[str] = ()) -> None:
        self._client = client
        self._url = f"{base_url}/models" if base_url else ""
        self._allowed = tuple(allowed)
        # A server that can't list its models may still answer.
        self._named = tuple(ModelInfo(name) for name in self._allowed if "*" not in name)
        self._models = self._named
        self._until = float("-inf")
        self._error: errors.UpstreamError | None = None
        self._asking: asyncio.Task[None] | None = None

    @property
    def known(self) -> tuple[ModelInfo, ...]:
        """Return the last known list, without waiting; safe in any thread."""
        return self._models

    async def models(self) -> tuple[ModelInfo, ...]:
        """Return the models in the server's order. Raises UpstreamError.

        While the list is being refreshed, the old one is returned.
        """
        if not self._url:
            raise errors.NotConfigured
        self.look_again()
        if self._asking and not self._models:
            await asyncio.shield(self._asking)
        if self._error and not self._models:
            raise self._error.with_traceback(None)
        return self._models

    def look_again(self) -> None:
        """Refresh the list in the background if it is old enough."""
        if self._url and not self._asking and asyncio.get_running_loop().time() > self._until:
            # A task of its own: the first one to ask may leave while others wait for the same answer.
            self._asking = asyncio.create_task(self._renew(), context=contextvars.Context())

    def close(self) -> None:
        if self._asking:
            self._asking.cancel()

    async def default(self) -> str:
        """Return the first model's name. Raises UpstreamError."""
        models = await self.models()
        if not models:
            raise errors.Unreachable
        return models[0].id

    def window_of(self, model: str) -> int:
        """Return the tokens that a model can read according to the last known list; 0 if it does not say."""
        return next((known.context for known in self._models if known.id == model), 0)

    async def _renew(self) -> None:
        kept = RETRY_SECONDS
        try:
            self._models, self._error, kept = await self._ask(), None, KEPT_SECONDS
        except errors.UpstreamError as error:
            self._error = error
        finally:
            self._until = asyncio.get_running_loop().time() + kept
            self._asking = None

    async def _ask(self) -> tuple[ModelInfo, ...]:
        with plain_errors(broken=errors.Unreachable, key=""):
            response = await self._client.get(self._url, timeout=httpx.Timeout(PATIENCE_SECONDS))
        if response.status_code != httpx.codes.OK:
            raise errors.BadStatus(response.status_code, "", response.headers)
        try:
            listed = msgspec.json.decode(response.content, type=_ModelList)
        except msgspec.DecodeError:
            raise errors.Unreadable from None
        return self._those_allowed([ModelInfo(model.id, model.context) for model in listed.data])

    def _those_allowed(self, listed: list[ModelInfo]) -> tuple[ModelInfo, ...]:
        """Return the allowed models in the order of the patterns, or those allowed by name if none is listed."""
        if not self._allowed:
            return tuple(listed)
        found = [model for pattern in self._allowed for model in listed if fnmatchcase(model.id, pattern)]
        return tuple(dict.fromkeys(found)) or self._named


class _Listed(msgspec.Struct):
    id: str
    meta: Any = None  # llama.cpp
    max_model_len: Any = None  # vLLM
    context_length: Any = None  # OpenRouter

    @property
    def context(self) -> int:
        n_ctx = self.meta.get("n_ctx") if isinstance(self.meta, dict) else None
        return next((n for n in (n_ctx, self.max_model_len, self.context_length) if isinstance(n, int)), 0)


class _ModelList(msgspec.Struct):
    data: list[_Listed]
