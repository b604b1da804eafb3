"""The models that the server offers, cached for a minute."""

import asyncio
import contextvars
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import httpx

from chat.upstream import errors
from chat.upstream.model_list import ModelInfo, model_named, models_in
from chat.upstream.transport import address, opened, pieces_of, plain_errors, read_error_body, refusal

KEPT_SECONDS = 60.0
RETRY_SECONDS = 5.0
# Between the attempts to get a list for a question that names no model.
RESTS = (0.4, 0.8)
# For all of the list, however it comes.
PATIENCE_SECONDS = 5.0
MOST_LIST_BYTES = 4 * 1024 * 1024
# Errors of a server that answers, but not with a list of models. The others would also fail a question.
_OF_THE_LIST = {"refused", "unknown_model", "server_error", "upstream_error", "unreadable", "html"}


def lists_no_models(error: errors.UpstreamError) -> bool:
    """Tell whether a server that failed to list its models may still answer questions about a model that is named."""
    return error.code in _OF_THE_LIST


class Catalogue:
    """The models on offer. `allowed`: names, or patterns such as gpt-5*; without any, all that the server lists."""

    def __init__(
        self, client: httpx.AsyncClient, base_url: str, *, secrets: Sequence[str] = (), allowed: Iterable[str] = ()
    ) -> None:
        self._client = client
        self._url = address(base_url, "/models") if base_url else ""
        self._secrets = secrets
        self._allowed = tuple(allowed)
        # A server that can't list its models may still answer.
        self._named = tuple(model_named(name) for name in self._allowed if "*" not in name)
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
        """Return the first model's name. Without a list, ask again, as a question would be. Raises UpstreamError."""
        for rest in RESTS:
            try:
                return await self._first()
            except errors.UpstreamError as error:
                if not error.may_retry:
                    raise
            await asyncio.sleep(rest)
        return await self._first()

    async def _first(self) -> str:
        if not self._models and not self._asking:
            # A failure a moment ago says nothing about now.
            self._until = float("-inf")
        try:
            models = await self.models()
        except errors.UpstreamError as error:
            raise (errors.NoModels(error.detail) if lists_no_models(error) else error) from None
        if not models:
            raise errors.NoModels
        return models[0].id

    def name_of(self, model: str) -> str:
        """Return the name by which the server knows a model."""
        return next((known.name for known in self._models if known.id == model), model)

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
        try:
            with plain_errors(broken=errors.Unreachable, secrets=self._secrets):
                async with asyncio.timeout(PATIENCE_SECONDS), opened(self._client, self._request()) as response:
                    return self._those_allowed(self._without_secrets(models_in(await self._body(response))))
        except TimeoutError:
            raise errors.TimedOut("connect") from None

    def _request(self) -> httpx.Request:
        return self._client.build_request("GET", self._url, headers={"Accept-Encoding": "identity"})

    async def _body(self, response: httpx.Response) -> bytes:
        """Return the body, which is bounded. Raises BadStatus, Unreadable."""
        if response.status_code != httpx.codes.OK:
            raise refusal(response, await read_error_body(response), self._secrets)
        body = bytearray()
        async with pieces_of(response) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > MOST_LIST_BYTES:
                    raise errors.Unreadable
                await asyncio.sleep(0)
        return bytes(body)

    def _without_secrets(self, listed: list[ModelInfo]) -> list[ModelInfo]:
        """Leave out names with the API key in them: they would be shown and stored."""
        return [model for model in listed if errors.without_secrets(model.name, *self._secrets) == model.name]

    def _those_allowed(self, listed: list[ModelInfo]) -> tuple[ModelInfo, ...]:
        """Return the allowed models in the order of the patterns, or those allowed by name if none is listed."""
        if not self._allowed:
            return tuple(listed)
        found = [model for pattern in self._allowed for model in listed if fnmatchcase(model.name, pattern)]
        return tuple(dict.fromkeys(found)) or self._named
