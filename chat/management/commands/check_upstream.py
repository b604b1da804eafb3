"""Finds out which of the many dialects the model server speaks, by asking it three short questions."""

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chat.management import probe
from chat.management.probe import Asking
from chat.upstream import (
    Answer,
    NoModels,
    Prompt,
    RecordingTransport,
    UpstreamError,
    dialect,
    is_answer,
    lists_no_models,
)

QUESTION = {"role": "user", "content": "Say hello in one short sentence."}
# Both are wrong, because some servers answer under any model's name.
BAD_MODEL, BAD_QUESTION = "there-is-no-such-model", {"role": "user"}
TELLING_HEADERS = ("content-type", "content-encoding", "cache-control", "x-accel-buffering", "x-request-id")
MOST_MODELS = 5


class Command(BaseCommand):
    help = "Ask the model server three short questions and print its dialect."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        probe.add_arguments(parser)

    def handle(self, *, base_url: str, model: str, **options: Any) -> None:
        self._base_url = base_url
        with probe.ended_by_the_user():
            asyncio.run(self._check(model))

    async def _check(self, model: str) -> None:
        self._say("address", self._base_url or "none")
        model = await self._model(model)
        plain = await self._ask(Prompt(model, (QUESTION,)))
        self._say("reachable", "yes" if plain.answers else "no")
        if plain.answers:
            self._describe_head(plain)
        if plain.answers and is_answer(plain.answer.status):
            self._describe(plain)
        if plain.failure:
            raise CommandError(plain.failure)
        await self._ask_without_options(model)
        await self._provoke_error()

    async def _model(self, named: str) -> str:
        """Print the models, and return the one to ask; an empty string if the server can't be reached."""
        upstream = probe.client(self._base_url)
        try:
            names = [listed.id for listed in await upstream.catalogue.models()]
        except UpstreamError as error:
            self._say("models", f"not listed: {probe.sentence_of(error)}")
            names, failure = [], error if not lists_no_models(error) else NoModels()
        else:
            self._say("models", _few(names))
            failure = NoModels()
        finally:
            await upstream.aclose()
        if not (named or names) and isinstance(failure, NoModels):
            raise CommandError(f"{probe.sentence_of(failure)} {probe.hint_of(failure)}")
        return named or next(iter(names), "")

    async def _ask(self, prompt: Prompt, *, with_options: bool = True) -> "Probe":
        seen = Probe()
        upstream = probe.client(
            self._base_url, connection=RecordingTransport(seen.on_bytes), knows_stream_options=with_options
        )
        seen.asked = Asking(upstream, prompt)
        try:
            await seen.asked.ask()
        except UpstreamError as error:
            seen.failure = probe.sentence_of(error)
        finally:
            await upstream.aclose()
        return seen

    def _describe_head(self, probe: "Probe") -> None:
        self._say("status", str(probe.answer.status))
        self._say("headers", ", ".join(f"{name}: {value}" for name, value in probe.telling_headers()))
        if not is_answer(probe.answer.status):
            self._say("error shape", dialect.error_shape(probe.body))

    def _describe(self, probe: "Probe") -> None:
        facts, body = probe.asked.facts, probe.body
        first_token = probe.asked.first_token
        self._say("model", facts.model or "not told")
        self._say("line endings", dialect.line_endings(body))
        self._say("comments", dialect.comments(body))
        self._say("[DONE]", dialect.ends_with_done(body))
        self._say("finish_reason", facts.finish_reason or "none")
        self._say("reasoning", dialect.reasoning_keys(body))
        self._say("time to first token", "none came" if first_token is None else f"{first_token:.3f} s")
        self._say("longest silence", f"{facts.longest_silence:.3f} s")
        refused = "; stream_options was first refused with 400" if probe.answers[0].status == 400 else ""
        self._say("usage", dialect.usage_place(body) + refused)

    async def _ask_without_options(self, model: str) -> None:
        probe = await self._ask(Prompt(model, (QUESTION,)), with_options=False)
        self._say("usage unasked", probe.failure or dialect.usage_place(probe.body))

    async def _provoke_error(self) -> None:
        probe = await self._ask(Prompt(BAD_MODEL, (BAD_QUESTION,)), with_options=False)
        if probe.answers and not is_answer(probe.answer.status):
            self._say("error shape", f"{probe.answer.status} {dialect.error_shape(probe.body)}")
        self._say("error message", probe.failure or "none: even a wrong model and a wrong question get an answer")

    def _say(self, name: str, value: str) -> None:
        self.stdout.write(f"{name:<20} {value}")
        self.stdout.flush()


def _few(names: list[str]) -> str:
    rest = f" and {len(names) - MOST_MODELS} more" if len(names) > MOST_MODELS else ""
    return f"{len(names)}: {', '.join(names[:MOST_MODELS])}{rest}"


class Probe:
    """One question, and everything that came over the wire in return."""

    asked: Asking

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.failure = ""
        self._pieces: list[bytes] = []

    def on_bytes(self, answer: Answer, data: bytes) -> None:
        """Keep the body of the last answer: there are several if the server refused an option."""
        if not data:
            self.answers.append(answer)
            self._pieces.clear()
        self._pieces.append(data)

    @property
    def answer(self) -> Answer:
        return self.answers[-1]

    @property
    def body(self) -> bytes:
        return self.answer.decoded(b"".join(self._pieces)) if self.answers else b""

    def telling_headers(self) -> list[tuple[str, str]]:
        headers = self.answer.headers
        return [(name, headers[name]) for name in TELLING_HEADERS if name in headers]
