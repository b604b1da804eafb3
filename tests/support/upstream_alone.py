"""The upstream's client without a server around it: the outcome of one question, from handmade answers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx

from chat.events import Facts, Retrying, Text
from chat.upstream import Limits, Prompt, Upstream, UpstreamError
from tests.support.fake_upstream.chunks import DONE, ROLE, Json, as_json, ended, joined, said

PROMPT = Prompt("fox-1", ({"role": "user", "content": "Hi"},))
# No test takes this long, unless something hangs.
LONGEST_SECONDS = 30
PATIENT = Limits(connect=10, first_token=10, idle=10, total=10)
ANSWER = joined(ROLE, *said("Hello", " there"), *ended(), DONE)
# Not compared, because they are measured: they differ every time the same answer is read.
MEASURED = {"bytes", "longest_silence"}

Handler = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


@dataclass
class Outcome:
    """Everything that resulted from one question."""

    facts: Facts = field(default_factory=Facts)
    texts: list[Text] = field(default_factory=list)
    retrying: list[Retrying] = field(default_factory=list)
    error: UpstreamError | None = None

    @property
    def answer(self) -> str:
        return "".join(text.answer for text in self.texts)

    @property
    def reasoning(self) -> str:
        return "".join(text.reasoning for text in self.texts)

    def said(self) -> dict[str, Any]:
        """Return what does not depend on how the bytes arrived."""
        told = {name: value for name, value in asdict(self.facts).items() if name not in MEASURED}
        problem = self.error and (self.error.code, self.error.detail)
        return {**told, "answer": self.answer, "reasoning": self.reasoning, "error": problem}


class Pieces(httpx.AsyncByteStream):
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


class Silence(Pieces):
    """The pieces, and then silence."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in super().__aiter__():
            yield piece
        await asyncio.Event().wait()


class Broken(Pieces):
    """The pieces, and then a broken connection."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in super().__aiter__():
            yield piece
        raise httpx.ReadError("Connection reset by peer")


async def asked(upstream: Upstream, prompt: Prompt = PROMPT, limits: Limits = PATIENT) -> Outcome:
    outcome = Outcome()

    def take(event: Text | Retrying) -> None:
        if isinstance(event, Retrying):
            outcome.retrying.append(event)
        else:
            outcome.texts.append(event)

    try:
        await upstream.stream(prompt, outcome.facts, limits, take)
    except UpstreamError as problem:
        outcome.error = problem
    return outcome


def ask(handler: Handler, prompt: Prompt = PROMPT, limits: Limits = PATIENT, **options: Any) -> Outcome:
    async def run() -> Outcome:
        upstream = Upstream("http://upstream/v1", connection=httpx.MockTransport(handler), **options)
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                return await asked(upstream, prompt, limits)
        finally:
            await upstream.aclose()

    return asyncio.run(run())


def answering(*responses: httpx.Response) -> Handler:
    """Return a handler that gives these responses, one after the other."""
    left = iter(responses)

    async def handler(request: httpx.Request) -> httpx.Response:
        return next(left)

    return handler


def stream_of(*pieces: bytes, kind: type[Pieces] = Pieces, status: int = 200) -> httpx.Response:
    return httpx.Response(status, stream=kind(pieces))


def refusal(status: int, body: Json | str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named, content=body if isinstance(body, str) else as_json(body))
