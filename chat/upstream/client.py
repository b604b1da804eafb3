"""The client of the OpenAI-compatible model server: the only code that sends it questions."""

import asyncio
import hashlib
import random
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from chat import sse
from chat.events import Facts, Retrying, Text
from chat.upstream import errors
from chat.upstream.batching import ReadBatching
from chat.upstream.body import Body
from chat.upstream.catalogue import Catalogue
from chat.upstream.chunks import ChunkReader
from chat.upstream.text_filters import cleaned
from chat.upstream.timers import Limits, Timers
from chat.upstream.transport import (
    address,
    opened,
    pieces_of,
    plain_errors,
    read_error_body,
    refusal,
    rest,
    to_the_end,
    transport,
    without_credentials,
)

MOST_ATTEMPTS = 3
# After the finish_reason, usage and [DONE] may still come, but they are not worth a long wait.
GRACE_SECONDS = 5.0
# The statuses with which a server refuses a field that it does not know.
CANT_READ = {400, 422}
# How many bytes may come without any text among them: an image or the arguments of a tool fit, a flood does not.
MOST_WITHOUT_TEXT = 16 * 1024 * 1024
# Of these, so many are read before a rest that leaves the loop to the others.
MOST_AT_ONCE = 16 * 1024
FLOOD_REST_SECONDS = 0.05
# No Content, Reset Content
NO_BODY = {204, 205}

# Names of headers whose values are secrets.
_SECRET_NAME = re.compile("key|token|auth|secret|password|cookie", re.IGNORECASE)

Take = Callable[[Text | Retrying], None]


@dataclass(frozen=True)
class Prompt:
    """A question to the model server. `turns` are in the API's format: dicts of role and content."""

    model: str
    turns: tuple[dict[str, Any], ...]
    parameters: dict[str, Any] = field(default_factory=dict)


class Upstream:
    """A client of one server, for one event loop; all replies share its pool of connections."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str = "",
        headers: Mapping[str, str] | None = None,
        begins_in_reasoning: bool = False,
        knows_stream_options: bool = True,
        allowed: Iterable[str] = (),
        connection: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base_url, basic = without_credentials(base_url)
        self._secrets = (api_key, *secrets_in(headers or {}))
        self._begins_in_reasoning = begins_in_reasoning
        self._knows_stream_options = knows_stream_options
        # Models that only accept max_tokens under its new name.
        self._renamed: set[str] = set()
        self._client = httpx.AsyncClient(
            transport=connection or transport(),
            headers={**({"Authorization": f"Bearer {api_key}"} if api_key else {}), **(headers or {})},
            auth=None if api_key else basic,
            # httpx only times the connecting (see _open); the other timers are ours (see timers.py).
            timeout=httpx.Timeout(None),
        )
        self._batching = ReadBatching()
        self.keep_pace = self._batching.keep
        self.catalogue = Catalogue(self._client, self._base_url, secrets=self._secrets, allowed=allowed)

    async def stream(self, prompt: Prompt, facts: Facts, limits: Limits, take: Take) -> None:
        """Pass the text to `take` as it arrives, after a Retrying for each failed attempt. Raises UpstreamError.

        `facts` is filled in on the way, so that it is correct wherever the stream ends.
        """
        if not self._base_url:
            raise errors.NotConfigured
        timers = Timers(limits)
        while True:
            facts.attempts += 1
            reader = ChunkReader(facts, begins_in_reasoning=self._begins_in_reasoning, secrets=self._secrets)
            try:
                await self._attempt(prompt, reader, timers, take)
                return
            except errors.StreamOptionsRefused:
                # This doesn't count as a failed attempt: the server has answered, and can be asked again at once.
                self._knows_stream_options = False
                facts.attempts -= 1
                continue
            except errors.MaxTokensRefused:
                self._renamed.add(prompt.model)
                facts.attempts -= 1
                continue
            except errors.UpstreamError as error:
                delay = max(error.retry_after, _back_off(facts.attempts))
                again = error.may_retry and not reader.has_text and facts.attempts < MOST_ATTEMPTS
                if not again or not timers.has_time_for(delay):
                    if text := reader.finish():
                        take(text)
                    raise
                take(Retrying(facts.attempts + 1, round(delay, 3), error.code))
            await asyncio.sleep(delay)

    async def aclose(self) -> None:
        self.catalogue.close()
        await self._client.aclose()

    async def _attempt(self, prompt: Prompt, reader: ChunkReader, timers: Timers, take: Take) -> None:
        facts = reader.facts
        async with self._open(prompt, facts, timers) as response:
            try:
                with plain_errors(broken=errors.Cut, secrets=self._secrets), timers.watching():
                    await self._read(response, reader, timers, take)
            except (errors.Cut, errors.TimedOut):
                # After the finish_reason, only usage and [DONE] can be missing.
                if not reader.may_be_over:
                    raise
            finally:
                facts.longest_silence = timers.longest_silence
        if text := reader.finish():
            take(text)
        reader.check_end()

    async def _read(self, response: httpx.Response, reader: ChunkReader, timers: Timers, take: Take) -> None:
        """Read the body as it grows, up to [DONE] or its last byte."""
        facts, body, flood, seen = reader.facts, Body(), Flood(), 0
        async with pieces_of(response) as pieces:
            async for piece in pieces:
                timers.something_came()
                facts.bytes += len(piece)
                for part in _parts_of(piece):
                    if _hand_over(body.feed(part), reader, timers, take):
                        flood.ebb()
                    else:
                        await flood.rise(response, len(part))
                if facts.done:
                    await to_the_end(pieces)
                    return
                if reader.may_be_over:
                    timers.only_wait(GRACE_SECONDS)
                else:
                    timers.wait_on()
                await self._keep_pace(response, facts.chunks - seen, reader)
                seen = facts.chunks
        _hand_over(body.flush(), reader, timers, take)

    async def _keep_pace(self, response: httpx.Response, chunks: int, reader: ChunkReader) -> None:
        """Pause this reply under load, but never before its first token."""
        self._batching.passed(chunks)
        if reader.has_text and (seconds := self._batching.rest()):
            await rest(response, seconds)

    @asynccontextmanager
    async def _open(self, prompt: Prompt, facts: Facts, timers: Timers) -> AsyncIterator[httpx.Response]:
        """Send the question, and yield the response once its headers say that it is an answer."""
        # Another reply may change this in the meantime, so remember what this request asked for.
        asks_for_usage = self._knows_stream_options
        body = self._body(prompt, facts)
        async with AsyncExitStack() as stack:
            async with timers.until_first_token():
                with plain_errors(broken=errors.Unreachable, secrets=self._secrets):
                    request = self._request(body, timers.limits.connect)
                    response = await stack.enter_async_context(opened(self._client, request))
            request_id = cleaned(response.headers.get("x-request-id", ""))
            facts.upstream_request_id = errors.without_secrets(request_id, *self._secrets)[:200]
            if not is_answer(response.status_code):
                await self._refuse(response, timers, facts, asks_for_usage=asks_for_usage)
            yield response

    def _request(self, body: bytes, connect: float) -> httpx.Request:
        return self._client.build_request(
            "POST",
            address(self._base_url, "/chat/completions"),
            content=body,
            headers={
                "Content-Type": "application/json",
                "Accept": "text/event-stream",
                "Accept-Encoding": "identity",
            },
            timeout=httpx.Timeout(None, connect=connect),
        )

    def _body(self, prompt: Prompt, facts: Facts) -> bytes:
        messages = msgspec.json.encode(prompt.turns)
        parameters = {self._name_of(name, prompt.model): value for name, value in prompt.parameters.items()}
        facts.parameters = {**parameters, "model": prompt.model, "stream": True}
        facts.prompt_sha256 = hashlib.sha256(messages).hexdigest()
        options = {"stream_options": {"include_usage": True}} if self._knows_stream_options else {}
        named = {**facts.parameters, "model": self.catalogue.name_of(prompt.model)}
        return msgspec.json.encode({**named, **options, "messages": msgspec.Raw(messages)})

    def _name_of(self, parameter: str, model: str) -> str:
        return "max_completion_tokens" if parameter == "max_tokens" and model in self._renamed else parameter

    async def _refuse(self, response: httpx.Response, timers: Timers, facts: Facts, *, asks_for_usage: bool) -> None:
        async with timers.until_first_token():
            body = await read_error_body(response)
        if asks_for_usage and response.status_code in CANT_READ and b"stream_options" in body:
            raise errors.StreamOptionsRefused
        if "max_tokens" in facts.parameters and response.status_code in CANT_READ and b"max_completion_tokens" in body:
            raise errors.MaxTokensRefused
        raise refusal(response, body, self._secrets)


class Flood:
    """Slows down what brings no text, and ends it when it is too much: parsing it would cost everybody's time."""

    def __init__(self) -> None:
        self._size = self._since_rest = 0

    def ebb(self) -> None:
        """Begin again: text has come."""
        self._size = self._since_rest = 0

    async def rise(self, response: httpx.Response, size: int) -> None:
        """Count bytes without text. Raises Unreadable."""
        self._size += size
        self._since_rest += size
        if self._size > MOST_WITHOUT_TEXT:
            raise errors.Unreadable
        if self._since_rest >= MOST_AT_ONCE:
            self._since_rest = 0
            await rest(response, FLOOD_REST_SECONDS)


def _parts_of(piece: bytes) -> Iterable[bytes]:
    if len(piece) <= MOST_AT_ONCE:
        return (piece,)
    return (piece[start : start + MOST_AT_ONCE] for start in range(0, len(piece), MOST_AT_ONCE))


def _hand_over(events: Iterator[sse.Event], reader: ChunkReader, timers: Timers, take: Take) -> bool:
    """Pass on the text of all events of one read, in one piece; an error is raised after the text before it.

    Returns whether there was any.
    """
    text = Text()
    try:
        for event in events:
            reader.take(event)
    finally:
        if text := reader.grown():
            timers.token_came()
            take(text)
    return bool(text)


def secrets_in(headers: Mapping[str, str]) -> list[str]:
    """Return the values that must not be shown, by the headers' names: others are providers, regions and the like."""
    return [value for name, value in headers.items() if _SECRET_NAME.search(name)]


def is_answer(status: int) -> bool:
    """Tell whether a body follows that may be an answer: servers do send 201 or 203."""
    return 200 <= status < 300 and status not in NO_BODY


def _back_off(attempt: int) -> float:
    """Return 0.25 to 0.5 s, then 0.5 to 1 s: jittered, so that many replies don't retry at the same instant."""
    return random.uniform(0.25, 0.5) * 2 ** (attempt - 1)  # noqa: S311 - not a secret
