"""What can go wrong with the model server, as a tree: `code` is stored, `may_retry` is for the client.

UpstreamError
├── TimedOut            a timer fired: connect, first_token, idle, total
├── NotConfigured       no LLM_BASE_URL
├── NoModels            no list of models, and none named
├── Unreachable         refused, reset, no such host
├── BadStatus           an answer with an error status
├── StreamOptionsRefused  a 400 that `stream_options` has caused
├── MaxTokensRefused    a 400 that asks for `max_completion_tokens`
├── ReportedError       an error inside a stream that began with 200
├── Cut                 the stream broke off before its end
└── Unreadable          not a chat stream
    ├── WebPage         HTML instead of an answer
    ├── EmptyReply      an end without any text
    └── ToolOnly        nothing but a tool call
"""

import email.utils
import re
import time
from collections.abc import Mapping

from chat.upstream.text_filters import cleaned

# Long enough for a sentence, too short for a page.
MOST_DETAIL = 500
# What may be better a moment later.
PASSING = {"rate_limited", "busy", "overloaded", "server_error"}
CONTEXT_TOO_LONG = re.compile(
    r"context.{0,12}(length|window|size|limit)"
    r"|(prompt|input|request|messages|conversation)\b.{0,60}(too long|too large|exceed)"
    r"|too many (input |prompt |total )?tokens"
    r"|reduce the length",
    re.IGNORECASE,
)
UNKNOWN_MODEL = re.compile(
    r"(unknown|no such|invalid|unsupported) model"
    r"|model[_ ]not[_ ](found|exist|available|supported)"
    r"|\bmodel\b.{0,120}(does not exist|doesn't exist|not exist|not found|is not (available|supported|loaded|served))",
    re.IGNORECASE,
)


class UpstreamError(Exception):
    code = "upstream_error"
    may_retry = False
    retry_after = 0.0

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = " ".join(cleaned(detail).split())[:MOST_DETAIL]


class TimedOut(UpstreamError):
    code = "timed_out"

    def __init__(self, timer: str) -> None:
        super().__init__(timer)
        self.timer, self.detail = timer, ""


class NotConfigured(UpstreamError):
    code = "not_configured"


class Unreachable(UpstreamError):
    code = "unreachable"
    may_retry = True


class NoModels(UpstreamError):
    """The server answers, but lists no model, and none was named."""

    code = "no_models"


class BadStatus(UpstreamError):
    """An answer with an error status. Its codes distinguish what a user can do about it, not every status."""

    _codes = {401: "unauthorized", 403: "unauthorized", 429: "rate_limited", 408: "busy", 409: "busy", 425: "busy"}
    _overloaded = {502, 503, 504}
    _never = {501, 505}

    def __init__(self, status: int, detail: str, headers: Mapping[str, str]) -> None:
        super().__init__(detail or f"HTTP {status}")
        self.status = status
        self.code = self._code_of(status) or code_of_words(self.detail) or "refused"
        self.may_retry = self.code in PASSING
        self.retry_after = seconds_of(headers.get("retry-after", ""))
        if self.retry_after >= 1:
            self.detail = f"{self.detail} (Retry-After: {self.retry_after:.0f} s)"

    def _code_of(self, status: int) -> str:
        # From 520 on they are Cloudflare's, and 529 is Anthropic's.
        if status in self._overloaded or 520 <= status < 600:
            return "overloaded"
        if status >= 500 and status not in self._never:
            return "server_error"
        return self._codes.get(status, "")


class StreamOptionsRefused(UpstreamError):
    """A 400 because of `stream_options` (Groq in 2024): ask again without it."""


class MaxTokensRefused(UpstreamError):
    """A 400 from a reasoning model, which only accepts `max_tokens` under its new name: ask again with that."""


class ReportedError(UpstreamError):
    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.code = code_of_words(self.detail) or self.code


class Cut(UpstreamError):
    code = "cut"
    may_retry = True


class Unreadable(UpstreamError):
    code = "unreadable"


class WebPage(Unreadable):
    code = "html"


class EmptyReply(Unreadable):
    code = "empty_reply"


class ToolOnly(Unreadable):
    code = "tool_only"


def code_of_words(detail: str) -> str:
    """Return the code of an error that servers send under several statuses, by what they say; or an empty string."""
    if CONTEXT_TOO_LONG.search(detail):
        return "context_too_long"
    return "unknown_model" if UNKNOWN_MODEL.search(detail) else ""


def seconds_of(retry_after: str) -> float:
    """Return Retry-After in seconds from now: a number or an HTTP date (RFC 9110 10.2.3); 0 if absent or neither."""
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", retry_after):
        return float(retry_after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return 0.0


def without_secrets(text: str, *secrets: str) -> str:
    """Mask API keys: servers quote the key that they refuse, in full or partly masked."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "[key]")
    return re.sub(r"(?i)\b(bearer\s+|sk-)[\w*.-]{4,}", r"\1[key]", text)
