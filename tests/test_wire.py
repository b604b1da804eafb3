"""Everything that upstreams have been seen to send, through the whole server: what is stored, what the user is told."""

import hashlib
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import astuple
from typing import Any

import pytest

from chat.replies.engine import engine
from chat.upstream import client
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.site import Person, Site, Told, stored, told
from tests.support.wire_rows import ROWS, Expect, Row

CUTS = ("whole", "bytes", *(f"split-{seed}" for seed in range(1, 6)))
# The client learns from the first answer, so the second one would be different.
LEARNED_FROM = {"W62"}
LONGEST_REPORTED = 2_000
# Shorter than the product's, so that a row can take longer.
GRACE_SECONDS = 1.0


@pytest.fixture
def row(request: pytest.FixtureRequest, site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Row:
    """A wire row, with its settings."""
    row = ROWS[request.param]
    settings.MAX_REPLIES_PER_USER = len(CUTS)
    for name, value in row.settings.items():
        setattr(settings, name, value)
    # What the client learns from this row is forgotten afterwards.
    monkeypatch.setattr(engine._upstream, "_knows_stream_options", True)
    # The engine read this setting when it started.
    monkeypatch.setattr(engine._upstream, "_begins_in_reasoning", settings.LLM_BEGINS_IN_REASONING)
    monkeypatch.setattr(client, "GRACE_SECONDS", GRACE_SECONDS)
    return row


@pytest.mark.parametrize("row", ROWS, indirect=True)
def test_it_stores_and_tells_what_a_row_says_however_its_bytes_are_cut(
    row: Row, anna: Person, upstream: FakeUpstream, settings: Any
) -> None:
    expected = outcome_of(row.expect)

    for cut, heard in told_by_cut(row, anna, settings).items():
        assert outcome(row.expect, heard, upstream, f"{row.name}/{cut}") == expected, f"{row.name}/{cut}: {row.about}"


def told_by_cut(row: Row, anna: Person, settings: Any) -> dict[str, Told]:
    """Ask in separate conversations, each with the upstream's bytes cut in a different way."""
    if row.name not in LEARNED_FROM:
        return ask_at_once(row, CUTS, anna, settings)
    return {cut: heard for cut in CUTS for heard in ask_at_once(row, [cut], anna, settings).values()}


def ask_at_once(row: Row, cuts: Iterable[str], anna: Person, settings: Any) -> dict[str, Told]:
    engine._upstream._knows_stream_options = True
    with ExitStack() as streams:
        responses = {}
        for cut in cuts:
            settings.LLM_MODEL = f"{row.name}/{cut}"
            responses[cut] = streams.enter_context(anna.asking())
        return {cut: told(response) for cut, response in responses.items()}


def outcome_of(expect: Expect) -> dict[str, Any]:
    """Return the expected outcome, in the form of `outcome`."""
    is_complete = expect.status == "complete"
    return {
        "text": brief(expect.answer),
        "reasoning": brief(expect.reasoning),
        "status": expect.status,
        "finish_reason": expect.finish_reason or "",
        "error_code": expect.error_code or "",
        "error_told": True,
        "timer": expect.timer or "",
        "attempts": expect.attempts,
        "usage": expect.usage and astuple(expect.usage),
        "upstream_id": expect.upstream_id,
        "model": expect.model,
        "requests": expect.requests,
        "requests_over": True,
        "told_text": brief(expect.answer),
        "told_reasoning": brief(expect.reasoning),
        "told_status": expect.status,
        "told_finish_reason": expect.finish_reason,
        "told_usage": expect.usage and astuple(expect.usage),
        "told_sentence": not is_complete,
        "told_retries": list(range(2, expect.attempts + 1)),
    }


def outcome(expect: Expect, heard: Told, upstream: FakeUpstream, model: str) -> dict[str, Any]:
    """Return the outcome. `expect` says which facts are not checked."""
    message = stored(heard.reply)
    evidence, end, sentence = message.evidence, heard.end, heard.end["message"] or ""
    requests = [request for request in upstream.chats if request.model == model]
    return {
        "text": brief(message.text),
        "reasoning": brief(message.reasoning),
        "status": message.generation.status,
        "finish_reason": evidence.finish_reason,
        "error_code": evidence.error_code,
        "error_told": all((expect.error_contains or "") in said for said in (evidence.error_detail, sentence)),
        "timer": evidence.timer,
        "attempts": evidence.attempts,
        "usage": counts(evidence.usage),
        "upstream_id": expect.upstream_id and evidence.upstream_id,
        "model": expect.model and evidence.model,
        "requests": len(requests),
        "requests_over": all(request.wait_over() for request in requests),
        "told_text": brief(heard.text()),
        "told_reasoning": brief(heard.text("reasoning")),
        "told_status": end["status"],
        "told_finish_reason": end["finish_reason"],
        "told_usage": counts(end["usage"]),
        "told_sentence": bool(sentence),
        "told_retries": [event["attempt"] for event in heard.events if event["type"] == "retrying"],
    }


def counts(tokens: dict[str, int | None] | None) -> tuple[int | None, ...] | None:
    """Return the counts in the order of `Usage`."""
    names = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens")
    return tuple(tokens[name] for name in names) if tokens else None


def brief(text: str) -> str:
    """Shorten a text: the report of a failed test should not contain a megabyte."""
    if len(text) <= LONGEST_REPORTED:
        return text
    return f"{len(text)} characters, {hashlib.sha256(text.encode()).hexdigest()}"
