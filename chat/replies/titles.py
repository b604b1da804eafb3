"""Ask the model for a conversation's title after its first answer. Nothing waits for it."""

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from django.conf import settings
from django.db import Error

from chat.database_threads import InDatabase
from chat.doorbell import doorbell
from chat.events import Facts, Retrying, Text
from chat.models import Conversation
from chat.replies.writer import Writer
from chat.upstream import Limits, Prompt, Upstream, UpstreamError

logger = logging.getLogger(__name__)

LONGEST, MOST_WORDS = 80, 15
# A title takes less time than this; and anything with more characters is not a title.
SECONDS = 20.0
ENOUGH = 400
# How much of question and answer is sent: their beginnings show what they are about.
EXCERPT = 1500
# So that a burst of first answers does not become a second burst of requests.
AT_ONCE = 4
# If the first answer failed, the second one will do; later ones are about something else.
MOST_QUESTIONS = 2
LIMITS = Limits(connect=5, first_token=SECONDS, idle=SECONDS, total=SECONDS)
ORDER = (
    "Write a title for the conversation below: three to six words that say what it is about, in the language of the "
    "conversation. Answer with the title alone, without quotation marks.\n\n"
    "User: {question}\n\nAssistant: {answer}\n\nTitle:"
)


@dataclass(frozen=True)
class Untitled:
    """A conversation that has just begun, and what its title should be about."""

    owner: UUID
    conversation: UUID
    model: str
    question: str
    answer: str

    @classmethod
    def of(cls, writer: Writer) -> Self | None:
        """Return None if the conversation has a title, or if it is too late for one."""
        job, answer = writer.job, writer.whole_text()["text"]
        questions = [turn["content"] for turn in job.turns if turn["role"] == "user"]
        if not (job.wants_title and answer and len(questions) <= MOST_QUESTIONS):
            return None
        model = settings.LLM_TITLE_MODEL or writer.facts.parameters["model"]
        return cls(job.owner, job.start.conversation, model, questions[0][:EXCERPT], answer[:EXCERPT])


class Titles:
    """One per process."""

    def __init__(self, in_database: InDatabase) -> None:
        self._in_database = in_database
        self._few = asyncio.Semaphore(AT_ONCE)

    async def give(self, upstream: Upstream, about: Untitled) -> None:
        """Give the conversation a title. Without a usable one, the question's first words stay."""
        order = {"role": "user", "content": ORDER.format(question=about.question, answer=about.answer)}
        async with self._few:
            title = tidied(await _written(upstream, Prompt(about.model, (order,))))
        if title and await self._is_taken(about.conversation, title):
            doorbell.ring(about.owner, about.conversation, "changed")

    async def _is_taken(self, conversation: UUID, title: str) -> bool:
        try:
            return await self._in_database(Conversation.objects.take_title, conversation, title)
        except Error as error:
            logger.warning("title not saved", extra={"conversation": conversation, "reason": str(error)})
            return False


class Enough(Exception):
    """Nothing that follows is of use for a title."""


async def _written(upstream: Upstream, prompt: Prompt) -> str:
    """Return the model's words, as far as they are of use; nothing if it fails."""
    answer = ""

    def take(event: Text | Retrying) -> None:
        nonlocal answer
        # An overloaded server is not asked again for this.
        if not isinstance(event, Text) or len(answer) > ENOUGH or "\n" in answer.strip():
            raise Enough
        answer += event.answer

    try:
        await upstream.stream(prompt, Facts(), LIMITS, take)
    except Enough:
        pass
    except UpstreamError:
        return ""
    return answer


def tidied(answer: str) -> str:
    """Return one line without quotes and markup; nothing if that is no title."""
    answer = re.sub(r"(?s)<think>.*?(</think>|$)", "", answer)
    line = next((line for line in answer.splitlines() if line.strip()), "")
    if line.lstrip().startswith("```") or len(line.split()) > MOST_WORDS:
        return ""
    line = " ".join(re.sub(r"\*\*|__|`", "", line).split())
    # Invisible characters have no place in a list, and some of them reverse the text.
    line = "".join(character for character in line if character.isprintable() or character in JOINERS)
    line = re.sub(r"^[\W_]*(title|заголовок|название)\s*:", "", line, flags=re.IGNORECASE)
    line = line.lstrip("#>-* ").strip(QUOTES).removesuffix(".").strip(QUOTES)
    is_title = any(map(str.isalnum, line)) and len(line) <= LONGEST
    return line if is_title else ""


QUOTES = " *_\"'“”„‟«»‹›‘’‚"
# Invisible too, but they join several characters into one sign.
JOINERS = "\u200c\u200d"
