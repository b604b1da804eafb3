"""The shortest path from a question to a stream: no database and no page, only the model server."""

import asyncio
import sys
from argparse import ArgumentParser
from typing import Any, Protocol

from django.core.management.base import BaseCommand, CommandError

from chat.events import Facts, Retrying, Text
from chat.management import probe
from chat.management.probe import Asking
from chat.models.endings import ending_of, sentence_of_retry
from chat.replies.writer import judge
from chat.upstream import Answer, Prompt, RecordingTransport, Upstream, UpstreamError, is_answer

DIM = ("\033[2m", "\033[0m")


class Command(BaseCommand):
    help = (
        "Ask the model server and print the answer to stdout as it arrives. Everything else, including the reasoning, "
        "goes to stderr. Ctrl-C closes the request."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("question")
        parser.add_argument("--raw", action="store_true", help="print the stream's bytes exactly as they arrive")
        parser.add_argument("--stats", action="store_true", help="in the end, print measurements to stderr")
        probe.add_arguments(parser)

    def handle(self, *, question: str, **options: Any) -> None:
        if not question.strip():
            raise CommandError("Write a question.")
        with probe.ended_by_the_user():
            asyncio.run(self._run(question, options))

    async def _run(self, question: str, options: dict[str, Any]) -> None:
        printer = RawPrinter() if options["raw"] else TextPrinter(self, in_color=not options["no_color"])
        upstream = probe.client(options["base_url"], connection=RecordingTransport(printer.on_bytes))
        try:
            model = options["model"] or await default_model(upstream)
            asked = Asking(upstream, Prompt(model, ({"role": "user", "content": _as_utf8(question)},)))
            try:
                await self._show(asked, printer)
            finally:
                if options["stats"]:
                    self.tell(stats(asked))
        except UpstreamError as error:
            raise CommandError(probe.sentence_of(error)) from None
        finally:
            await upstream.aclose()

    async def _show(self, asked: Asking, printer: "Printer") -> None:
        try:
            await asked.ask(lambda event: printer.text(event) if isinstance(event, Text) else self._tell_retry(event))
        finally:
            printer.end()
        end = judge(asked.facts)
        if sentence := ending_of(end.status, error_code=end.code, detail=end.detail).sentence:
            self.tell(str(sentence))

    def _tell_retry(self, retrying: Retrying) -> None:
        reason = sentence_of_retry(retrying.reason)
        self.tell(f"{reason} Attempt {retrying.attempt} in {retrying.delay:.1f} s.")

    def tell(self, line: str, *, ending: str = "\n") -> None:
        """Write to stderr, but not in red as an error."""
        self.stderr.write(line, str, ending)
        self.stderr.flush()


class Printer(Protocol):
    def on_bytes(self, answer: Answer, data: bytes) -> None: ...
    def text(self, text: Text) -> None: ...
    def end(self) -> None: ...


class TextPrinter:
    """Prints the answer to stdout and the reasoning to stderr, dimmed if that is a terminal."""

    def __init__(self, command: Command, *, in_color: bool) -> None:
        self._command = command
        self._dim, self._undim = DIM if in_color and command.stderr.isatty() else ("", "")
        self._reasoned = self._answered = False

    def on_bytes(self, answer: Answer, data: bytes) -> None:
        pass

    def text(self, text: Text) -> None:
        if text.reasoning:
            self._reasoned = True
            self._command.tell(f"{self._dim}{text.reasoning}{self._undim}", ending="")
        if text.answer:
            self._end_reasoning()
            self._answered = True
            self._command.stdout.write(text.answer, ending="")
            self._command.stdout.flush()

    def end(self) -> None:
        self._end_reasoning()
        if self._answered:
            self._command.stdout.write("\n")
            self._command.stdout.flush()

    def _end_reasoning(self) -> None:
        if self._reasoned:
            self._command.tell("\n")
        self._reasoned = False


class RawPrinter:
    """Prints the bytes of the stream to stdout, and nothing else."""

    def on_bytes(self, answer: Answer, data: bytes) -> None:
        # A refusal is reported by its sentence, without the API key that some servers quote in it.
        if is_answer(answer.status):
            sys.stdout.buffer.write(data)
            sys.stdout.flush()

    def text(self, text: Text) -> None:
        pass

    def end(self) -> None:
        pass


async def default_model(upstream: Upstream) -> str:
    try:
        return await upstream.catalogue.default()
    except UpstreamError as error:
        hint = " (--model names one.)" if error.code == "no_models" else ""
        raise CommandError(probe.sentence_of(error) + hint) from None


def _as_utf8(question: str) -> str:
    """Replace bytes of the command line that are not UTF-8, because they can't be sent."""
    return question.encode("utf-8", "replace").decode()


def stats(asked: Asking) -> str:
    facts = asked.facts
    rows = {
        "model": facts.model or "not told",
        "attempts": facts.attempts,
        "time to first token": "none came" if asked.first_token is None else f"{asked.first_token:.3f} s",
        "tokens/s": tokens_per_second(asked),
        "chunks": f"{facts.chunks} ({facts.bytes:,} bytes)",
        "finish_reason": facts.finish_reason or "none",
        "usage": usage(facts),
    }
    return "\n".join(f"{name:<20} {value}" for name, value in rows.items())


def tokens_per_second(asked: Asking) -> str:
    """Return the rate after the first token, which is not counted; in chunks if the server doesn't count tokens."""
    told = asked.facts.usage.completion_tokens if asked.facts.usage else None
    count, unit = (told, "") if told else (asked.facts.chunks, " (chunks: the server did not count tokens)")
    seconds = asked.duration - (asked.first_token or asked.duration)
    return f"{(count - 1) / seconds:.1f}{unit}" if count > 1 and seconds else "not known"


def usage(facts: Facts) -> str:
    if not facts.usage:
        return "not told"
    counts = {
        "prompt": facts.usage.prompt_tokens,
        "completion": facts.usage.completion_tokens,
        "reasoning": facts.usage.reasoning_tokens,
        "cached": facts.usage.cached_tokens,
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count is not None)
