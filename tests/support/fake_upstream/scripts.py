"""The fake upstream's scripts that are not wire rows: echo, paced, huge, gated and others."""

import inspect
import random
from collections.abc import Callable, Iterator

from tests.support.fake_upstream.chunks import (
    DONE,
    ROLE,
    chunk,
    delta,
    each,
    ended,
    error,
    json_answer,
    said,
    send,
    sse,
)
from tests.support.fake_upstream.request import Received
from tests.support.fake_upstream.steps import Gate, Hang, Instead, Reset, Script, Send, SendHead, Sleep, the_first

# Called with the request and the parameters of the model's name, by keyword.
Author = Callable[..., Script]

ECHO_PIECE = 5
HUGE_LINE = 100
HUGE_LINES_PER_DELTA = 40

UNICODE_REASONING = "Hmm 🤔: naïve, na\u0308ive — \u2028 and 𝒜𝓁𝓅𝒽𝒶\r\n\tthen 👩‍👩‍👧‍👦."
_UNICODE_PARAGRAPH = (
    "𝔘nicode 𝟙𝟚𝟛 𐍈 🜁 🇺🇳🏴󠁧󠁢󠁳󠁣󠁴󠁿\r\n"
    "e\u0301 o\u0308\u0323 Z\u0351\u036b\u0343a\u030al\u0321go\u0489\t|\ttab\n"
    "👩‍💻 👨‍👩‍👧‍👦 🏳️‍🌈 👋🏽 1️⃣ ☎︎☎️\u2028line\u2029paragraph\u0085next\r"
    'قراءة עברית हिन्दी ภาษาไทย 한국어 日本語 "quotes" \\ </script> &amp; \u200b\u200f\ufeff end.\n\n'
)
UNICODE_TEXT = "".join(f"§{number} {_UNICODE_PARAGRAPH}" for number in range(40))


def paced_text(tokens: int) -> str:
    return "".join(f"t{number} " for number in range(tokens))


def huge_text(mb: float) -> str:
    """Return numbered lines of 100 characters; a megabyte is a million characters."""
    return "".join(_huge_lines(mb))


def _huge_lines(mb: float) -> Iterator[str]:
    return (f"{number:09d} ".ljust(HUGE_LINE - 1, "=") + "\n" for number in range(int(mb * 1_000_000) // HUGE_LINE))


def echo(asked: Received, *, interval: float = 0.0) -> Script:
    """Send the last user message back, in small deltas."""
    texts = [message["content"] for message in asked.messages if message.get("role") == "user"]
    text = str(texts[-1]) if texts else ""
    yield Send(sse(ROLE))
    for start in range(0, len(text), ECHO_PIECE):
        yield Sleep(interval)
        yield Send(sse(chunk(content=text[start : start + ECHO_PIECE])))
    yield send(*ended(), DONE)


def paced(asked: Received, *, tokens: int = 100, interval: float = 0.02, reasoning: int = 0) -> Script:
    """Send `t0 t1 …`, one at a time, after `reasoning` tokens of reasoning."""
    yield Send(sse(ROLE))
    for number in range(reasoning):
        yield Send(sse(chunk(reasoning_content=f"r{number} ")))
        yield Sleep(interval)
    for number in range(tokens):
        yield Send(sse(chunk(content=f"t{number} ")))
        yield Sleep(interval)
    yield send(*ended(), DONE)


def unicode(asked: Received, *, interval: float = 0.0) -> Script:
    """Send all that breaks if cut badly, cut just there: between a letter and its accent, inside a family emoji."""
    chance = random.Random(7)
    yield Send(sse(ROLE))
    for key, text in (("reasoning_content", UNICODE_REASONING), ("content", UNICODE_TEXT)):
        start = 0
        while start < len(text):
            stop = start + chance.randint(1, 9)
            yield Send(sse(delta({key: text[start:stop]})))
            yield Sleep(interval)
            start = stop
    yield send(*ended(), DONE)


def huge(asked: Received, *, mb: float = 5.0) -> Script:
    """Send a huge text as fast as the reader takes it."""
    yield Send(sse(ROLE))
    lines = list(_huge_lines(mb))
    for start in range(0, len(lines), HUGE_LINES_PER_DELTA):
        yield Send(sse(chunk(content="".join(lines[start : start + HUGE_LINES_PER_DELTA]))))
    yield send(*ended(), DONE)


def gated(asked: Received, *, tokens: int = 3, gates: int = 1) -> Script:
    """Send some tokens before each gate and after the last one; `upstream.release()` opens one gate."""
    yield Send(sse(ROLE))
    pieces = paced_text(tokens * (gates + 1)).split()
    for number, piece in enumerate(pieces):
        if number and number % tokens == 0:
            yield Gate()
        yield Send(sse(chunk(content=f"{piece} ")))
    yield send(*ended(), DONE)


def hang(asked: Received) -> Script:
    """Accept and read the request, but never answer."""
    return (Hang(),)


def mute(asked: Received) -> Script:
    """Send the headers at once, then nothing."""
    return (SendHead(), Hang())


def long_end(asked: Received) -> Script:
    """Send a finish_reason, and then neither [DONE] nor the end of the connection."""
    return (*each([ROLE, *said("All ", "said."), *ended()]), Hang())


def refuse_first(asked: Received, *, times: int = 1, how: str = "503") -> Script:
    """Refuse the first requests. `how`: a status, or `reset`."""
    refusal: Script = (Reset(),) if how == "reset" else json_answer(error("Not yet."), int(how))
    return (Instead(the_first(times), refusal), send(ROLE, *said("At ", "last."), *ended(), DONE))


def error_status(asked: Received, *, status: int = 500, message: str = "Something broke.") -> Script:
    return json_answer(error(message), status)


def bad_key(asked: Received) -> Script:
    """Quote the key that it was sent in an error, as some gateways do."""
    key = asked.headers.get("authorization", "").removeprefix("Bearer ")
    return json_answer(error(f"Incorrect API key provided: {key}.", "invalid_request_error", "invalid_api_key"), 401)


# The first one is listed first by /v1/models, so it is the default model.
SCRIPTS: dict[str, Author] = {
    "echo": echo,
    "paced": paced,
    "unicode": unicode,
    "huge": huge,
    "gated": gated,
    "hang": hang,
    "mute": mute,
    "long-end": long_end,
    "refuse-first": refuse_first,
    "error": error_status,
    "bad-key": bad_key,
    # The model of the factories' conversations, so that they can be continued.
    "fox-1": echo,
}


def written(author: Author, asked: Received, parameters: dict[str, str]) -> Script:
    """Return the script with the parameters from the model's name, each parsed as the type of its default."""
    known = inspect.signature(author).parameters
    unknown = set(parameters) - (set(known) - {"asked"})
    if unknown:
        raise ValueError(f"unknown parameters: {', '.join(sorted(unknown))}")
    return author(asked, **{name: type(known[name].default)(value) for name, value in parameters.items()})
