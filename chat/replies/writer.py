"""One reply from its start to exactly one end, whether anyone listens or not."""

import asyncio
import logging
import time
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from chat.events import Cursor, End, EndStatus, Facts, Retrying, Start, Text
from chat.replies.context_window import fewer, fit, size_of
from chat.replies.growing import Growing
from chat.replies.learned import Learned
from chat.replies.overlap import Overlap
from chat.upstream import Limits, Prompt, TimedOut, Upstream, UpstreamError, meaning_of

logger = logging.getLogger(__name__)


# The question, the cut answer and the request to continue it.
CONTINUING_TURNS = 3


class Full(Exception):
    """The reply has reached LLM_MAX_REPLY_CHARS."""


@dataclass(frozen=True)
class Job:
    """What the writer needs: plain data, read from the database before it starts."""

    start: Start
    owner: UUID
    turns: tuple[dict[str, Any], ...]
    parameters: dict[str, Any]
    trace_id: str
    # How many turns always stay: the question; or CONTINUING_TURNS.
    asked_turns: int = 1
    sent: tuple[UUID, ...] = ()
    wants_title: bool = False


@dataclass
class Writer:
    """Writes one reply. `saved` tells how much of the text the snapshots have."""

    job: Job
    growing: Growing
    learned: Learned = field(default_factory=Learned)
    facts: Facts = field(default_factory=Facts)
    saved: Cursor = Cursor()
    omitted: int = 0
    first_token_at: datetime | None = None
    first_token_after: float | None = None
    first_answer_after: float | None = None
    duration: float = 0.0
    cut_short_as: EndStatus | None = None
    _overlap: Overlap = field(default_factory=lambda: Overlap(""))
    _began: float = 0.0
    _writing: asyncio.Task[End] | None = None

    async def run(self, upstream: Upstream) -> End:
        """Write until there is an end, and return it. Never raises."""
        self._began = time.monotonic()
        if self.job.asked_turns == CONTINUING_TURNS:
            self._overlap = Overlap(self.job.turns[-2]["content"])
        self._writing = asyncio.create_task(self._write(upstream))
        try:
            if self.cut_short_as:
                self._writing.cancel()
            end = await self._writing
        except asyncio.CancelledError:
            end = End(self.cut_short_as or "interrupted", self.facts.finish_reason)
        except Exception:
            logger.exception("reply failed", extra={"reply": self.job.start.reply})
            end = End("failed", code="internal")
        self.duration = time.monotonic() - self._began
        return replace(end, usage=self.facts.usage)

    def cut_short(self, status: EndStatus) -> None:
        """Close the upstream and end with the text so far, as `stopped` or `interrupted`."""
        if self.cut_short_as:
            # A second cancellation would interrupt the closing of the upstream.
            return
        self.cut_short_as = status
        if self._writing:
            self._writing.cancel()

    async def _write(self, upstream: Upstream) -> End:
        """Pass the upstream's text on, and decide how the reply ends."""
        try:
            await self._ask(upstream)
        except Full:
            return End("truncated", code="max_reply_chars")
        except TimedOut as error:
            return End("timed_out", timer=error.timer)
        except UpstreamError as error:
            return End("failed", self.facts.finish_reason, code=error.code, detail=error.detail)
        finally:
            # Of a reply that was cut short, too.
            if rest := self._overlap.flush():
                self.growing.append(Text("", rest))
        if self._overlap.has_dropped and not self.growing.has_text:
            # It said nothing but what was there already.
            return End("failed", self.facts.finish_reason, code="empty_reply")
        return judge(self.facts)

    async def _ask(self, upstream: Upstream) -> None:
        """Ask, and once more with fewer turns if the server finds them too long. Raises UpstreamError."""
        prompt = await self._prompt(upstream)
        try:
            await upstream.stream(prompt, self.facts, limits(), self._take)
        except UpstreamError as error:
            turns, dropped = fewer(prompt.turns, last=self.job.asked_turns)
            if error.code != "context_too_long" or not dropped or self.growing.has_text:
                raise
            self.learned.refused(prompt.model, error.detail)
            self.omitted += dropped
            prompt = replace(prompt, turns=turns)
            self._take(Retrying(self.facts.attempts + 1, 0, error.code))
            await upstream.stream(prompt, self.facts, limits(), self._take)
        self.learned.counted(self.job.start.conversation, round(size_of(prompt.turns)), self.facts.usage)

    async def _prompt(self, upstream: Upstream) -> Prompt:
        """Choose the model, if the list was not known before, and what of the conversation fits it."""
        model = self.job.start.model or await upstream.catalogue.default()
        known = settings.LLM_CONTEXT_TOKENS
        window = known.get(model) or known.get("") or upstream.catalogue.window_of(model)
        turns, self.omitted = fit(
            self.job.turns,
            window=window or self.learned.window_of(model),
            answer=self.job.parameters.get("max_tokens"),
            last=self.job.asked_turns,
            ratio=self.learned.ratio_of(self.job.start.conversation),
        )
        return Prompt(model, turns, self.job.parameters)

    def _take(self, event: Text | Retrying) -> None:
        """Take an event of the upstream. Raises Full, after dropping the text that does not fit."""
        if isinstance(event, Retrying):
            self.growing.retry(event)
        else:
            self._append(event)

    def _append(self, text: Text) -> None:
        if self.first_token_at is None:
            self.first_token_at = timezone.now()
            self.first_token_after = time.monotonic() - self._began
        if text.answer and self.first_answer_after is None:
            self.first_answer_after = time.monotonic() - self._began
        if not self._overlap.is_decided:
            text = Text(text.reasoning, self._overlap.feed(text.answer))
        here = self.growing.cursor
        left = settings.LLM_MAX_REPLY_CHARS - here.reasoning - here.answer
        is_full = len(text.reasoning) + len(text.answer) > left
        if is_full:
            reasoning = text.reasoning[:left]
            text = Text(reasoning, text.answer[: left - len(reasoning)])
        self.growing.append(text)
        if is_full:
            raise Full

    # --- For the database ---------------------------------------------------------------------------------

    def unsaved(self) -> tuple[Text, Cursor]:
        """Return what grew since the last snapshot, and the cursor at its end; nothing can grow in between."""
        return self.growing.text_after(self.saved), self.growing.cursor

    @property
    def first_sent(self) -> UUID | None:
        """The first message that was sent; None if nothing was left out."""
        return self.job.sent[self.omitted] if 0 < self.omitted < len(self.job.sent) else None

    def whole_text(self) -> dict[str, str]:
        text = self.growing.text_after(Cursor())
        return {"text": text.answer, "reasoning": text.reasoning}

    def evidence(self, end: End) -> dict[str, Any]:
        facts, usage = self.facts, asdict(self.facts.usage) if self.facts.usage else {}
        kept = {name: getattr(facts, name) for name in _KEPT_FACTS}
        return {
            **kept,
            **usage,
            "finish_reason": end.finish_reason[:100],
            "error_code": end.code,
            "error_detail": end.detail,
            "timer": end.timer,
            "first_token_ms": None if self.first_token_after is None else round(self.first_token_after * 1000),
            "reasoning_ms": self._reasoning_ms(),
            "duration_ms": round(self.duration * 1000),
            "longest_silence_ms": round(facts.longest_silence * 1000),
            "trace_id": self.job.trace_id,
        }

    def _reasoning_ms(self) -> int | None:
        """Return the time from the first token to the answer's first one, or to the end."""
        if self.first_token_after is None or not self.growing.cursor.reasoning:
            return None
        until = self.duration if self.first_answer_after is None else self.first_answer_after
        return round((until - self.first_token_after) * 1000)


_KEPT_FACTS = (
    "attempts",
    "upstream_id",
    "upstream_request_id",
    "upstream_created",
    "model",
    "system_fingerprint",
    "parameters",
    "prompt_sha256",
    "chunks",
    "bytes",
)


def judge(facts: Facts) -> End:
    """Return the ending for an upstream that ended by itself."""
    reason = facts.finish_reason
    match meaning_of(reason):
        case "truncated":
            return End("truncated", reason)
        case "filtered":
            return End("filtered", reason)
        case "unknown":
            return End("truncated", reason, code="unknown_end", detail=reason)
    return End("filtered" if facts.refused else "complete", reason)


def limits() -> Limits:
    return Limits(
        connect=settings.LLM_CONNECT_TIMEOUT,
        first_token=settings.LLM_FIRST_TOKEN_TIMEOUT,
        idle=settings.LLM_IDLE_TIMEOUT,
        total=settings.LLM_TOTAL_TIMEOUT,
    )
