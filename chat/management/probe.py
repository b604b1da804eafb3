"""Shared by the commands that ask the model server directly, without the chat around it."""

import os
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from django.conf import settings

from chat.events import Facts, Retrying, Text
from chat.models import Status
from chat.models.endings import Ending, ending_of
from chat.replies.writer import limits
from chat.upstream import Prompt, RecordingTransport, Take, TimedOut, Upstream, UpstreamError

# The exit codes of a program that was ended by a signal, as shells report them: SIGINT, SIGPIPE.
INTERRUPTED, NOBODY_READS = 130, 141


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--model", default=settings.LLM_MODEL, help="default: LLM_MODEL, or the first of /models")
    parser.add_argument(
        "--base-url",
        type=_base_url,
        default=settings.LLM_BASE_URL,
        help="the URL before /chat/completions; default: LLM_BASE_URL. LLM_API_KEY is sent there too",
    )


def _base_url(text: str) -> str:
    # The default, which may be empty, passes through here too.
    if text and urlsplit(text).scheme not in {"http", "https"}:
        raise ArgumentTypeError("it must begin with http:// or https://, as in http://127.0.0.1:8080/v1")
    return text.rstrip("/")


def client(
    base_url: str, *, connection: RecordingTransport | None = None, knows_stream_options: bool = True
) -> Upstream:
    return Upstream(
        base_url,
        api_key=settings.LLM_API_KEY,
        headers=settings.LLM_HEADERS,
        begins_in_reasoning=settings.LLM_BEGINS_IN_REASONING,
        knows_stream_options=knows_stream_options,
        connection=connection,
    )


def sentence_of(error: UpstreamError) -> str:
    """Return the sentence that the chat would show."""
    return str(_ending_of(error).sentence)


def hint_of(error: UpstreamError) -> str:
    """Return which setting to look at, if one may be wrong."""
    return str(_ending_of(error).hint)


def _ending_of(error: UpstreamError) -> Ending:
    if isinstance(error, TimedOut):
        return ending_of(Status.TIMED_OUT, timer=error.timer)
    return ending_of(Status.FAILED, error_code=error.code, detail=error.detail)


@contextmanager
def ended_by_the_user() -> Iterator[None]:
    """Exit quietly on Ctrl-C, or when the reader has enough (`| head -1`)."""
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:
        # Otherwise Python would try again to write the rest of its buffer.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(NOBODY_READS) from None


def nothing(event: Text | Retrying) -> None:
    """Ignore the text, when only the measurements matter."""


class Asking:
    """One question to the model server, and the measurements of its answer; times in seconds."""

    def __init__(self, upstream: Upstream, prompt: Prompt) -> None:
        self._upstream = upstream
        self._prompt = prompt
        self.facts = Facts()
        self.first_token: float | None = None
        self.duration = 0.0

    async def ask(self, take: Take = nothing) -> None:
        """Ask the question and measure. Raises UpstreamError."""
        began = time.monotonic()

        def take_and_note(event: Text | Retrying) -> None:
            if isinstance(event, Text) and self.first_token is None:
                self.first_token = time.monotonic() - began
            take(event)

        try:
            await self._upstream.stream(self._prompt, self.facts, limits(), take_and_note)
        finally:
            self.duration = time.monotonic() - began
