"""A question, however it arrives: validate it, store it with its empty reply, begin the reply."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chat.accounts.places import network_of
from chat.doorbell import doorbell
from chat.http import (
    AuthenticatedHttpRequest,
    Refusal,
    bad_field,
    not_found,
    reply_running,
    trace_id_of,
    uuid_of,
)
from chat.model_choice import comes_with_settings, defaults_for, model_for
from chat.models import (
    AskResult,
    Conversation,
    Message,
    NothingToContinue,
    Rate,
    ReplyRunning,
    RequestReused,
    Submission,
    TooManyReplies,
    User,
)
from chat.replies.engine import engine, start_of
from chat.replies.writer import CONTINUING_TURNS, Job

KINDS = ("text", "retry", "continue", "edit")


@dataclass(frozen=True)
class Found:
    """What a request names, all the user's own. `message`: to retry, continue or edit; `parent` None: the newest."""

    user: User
    conversation: Conversation | None
    message: Message | None
    parent: Message | None


def ask(request: AuthenticatedHttpRequest, fields: Mapping[str, Any], offered: tuple[str, ...]) -> AskResult:
    """Ask, as one unit of sync work in a thread. `offered`: the upstream's models. Raises Refusal."""
    user, trace_id = request.user, trace_id_of(request)
    found = _find(user, fields)
    key = uuid_in(fields, "request_id")
    digest = _digest(fields)
    try:
        try:
            _refuse_unless_ready()
            keep_rate(request)
            asked = _add(found, fields, _submission(found, fields, key, digest, offered, trace_id))
        except Refusal:
            # A request that was accepted before gets the same answer, whatever is wrong with it now.
            if known := user.messages.of_submission(key, digest):
                return AskResult(known)
            raise
    except ObjectDoesNotExist:
        # It was deleted after it was found, before the lock was held.
        raise not_found() from None
    except NothingToContinue:
        raise bad_field(
            "continue", _("There is nothing to continue: this answer is complete, or has no text yet.")
        ) from None
    except RequestReused:
        raise Refusal(422, "request_reused", _("This request_id was used before with a different body.")) from None
    except ReplyRunning as running:
        raise reply_running(running.reply) from None
    except TooManyReplies:
        message = _("You have reached the limit of simultaneous answers. Wait for one to finish.")
        raise Refusal(429, "too_many_replies", message, retry_after=5) from None
    if asked.is_new:
        engine.begin(_job(asked, trace_id))
        doorbell.ring(user.pk, asked.reply.conversation_id, "running", reply=asked.reply.pk)
    return asked


def _refuse_unless_ready() -> None:
    """Come before all that waits for the database: whatever was let in is stored, and gets an end."""
    if engine.draining or engine.is_full:
        message = _("The server can't take more questions right now. Try again in a few seconds.")
        raise Refusal(503, "unavailable", message, retry_after=5)


def keep_rate(request: AuthenticatedHttpRequest) -> None:
    """Count a question, or what costs as much. Raises Refusal if its user or its address has asked too many."""
    limits = {
        f"user {request.user.pk}": settings.LIMIT_QUESTIONS_PER_MINUTE,
        f"address {network_of(request.META['REMOTE_ADDR'])}": settings.LIMIT_QUESTIONS_PER_MINUTE_PER_ADDRESS,
    }
    wait = Rate.objects.seconds_to_wait({key: limit for key, limit in limits.items() if limit})
    if wait:
        message = ngettext(
            "That was too fast. Wait %(wait)d second, and send again.",
            "That was too fast. Wait %(wait)d seconds, and send again.",
            wait,
        )
        raise Refusal(429, "too_fast", message % {"wait": wait}, retry_after=wait)


def _find(user: User, fields: Mapping[str, Any]) -> Found:
    """Find through the owner, before anything else is looked at. A message brings its conversation with it."""
    conversation = message = parent = None
    if fields.get("conversation") is not None:
        conversation = _get(user.conversations.alive(), fields, "conversation")
    for kind in ("retry", "continue", "edit"):
        if fields.get(kind) is not None:
            rows = user.messages.questions() if kind == "edit" else user.messages.replies()
            message = _get(rows.select_related("conversation__owner", "generation"), fields, kind)
            conversation = message.conversation
    if fields.get("parent") is not None:
        parent = _get(user.messages.replies().filter(conversation=conversation), fields, "parent")
    return Found(user, conversation, message, parent)


def _digest(fields: Mapping[str, Any]) -> str:
    """Return the same hash for the same body, whatever the order of its keys."""
    try:
        return hashlib.sha256(json.dumps(dict(fields), sort_keys=True, default=str).encode()).hexdigest()
    except RecursionError:
        # It was parsed with a shallower stack than this.
        raise Refusal(400, "bad_json", _("The body is nested too deeply.")) from None


def _get(rows: QuerySet[Any], fields: Mapping[str, Any], name: str) -> Any:
    try:
        return rows.get(pk=uuid_in(fields, name))
    except ObjectDoesNotExist:
        raise not_found() from None


def _submission(
    found: Found, fields: Mapping[str, Any], key: uuid.UUID, digest: str, offered: tuple[str, ...], trace_id: str
) -> Submission:
    named = _string(fields, "model") if fields.get("model") is not None else ""
    model, alive = model_for(named, found.user, found.conversation, offered), engine.running()
    return Submission(key, digest, model, engine.boot_id, settings.MAX_REPLIES_PER_USER, alive, trace_id)


def _add(found: Found, fields: Mapping[str, Any], submission: Submission) -> AskResult:
    kinds = [kind for kind in KINDS if fields.get(kind) is not None]
    if kinds not in (["text"], ["retry"], ["continue"], ["text", "edit"]):
        raise bad_field("text", _("Send exactly one of text, retry, continue, or edit with text."))
    if found.message:
        return _add_beside(found.message, kinds, fields, submission)
    text = _text(fields)
    if found.conversation and comes_with_settings(fields):
        raise bad_field("instructions", _("Settings can only be sent with the first question of a new conversation."))
    conversation = found.conversation or Conversation.about(text, found.user, defaults_for(found.user, fields))
    return conversation.ask(text, submission, after=found.parent)


def _add_beside(message: Message, kinds: list[str], fields: Mapping[str, Any], submission: Submission) -> AskResult:
    if "retry" in kinds:
        return message.conversation.retry(message, submission)
    if "continue" in kinds:
        return message.conversation.continue_from(message, submission)
    return message.conversation.edit(message, _text(fields), submission)


def _text(fields: Mapping[str, Any]) -> str:
    text = _string(fields, "text").replace("\r\n", "\n")
    if not text.strip():
        raise bad_field("text", _("Write a question first."))
    if len(text) > settings.MAX_QUESTION_CHARS:
        message = _("The question has %(length)d characters; the limit is %(limit)d. Shorten it and send again.")
        numbers = {"length": len(text), "limit": settings.MAX_QUESTION_CHARS}
        raise Refusal(413, "too_long", message % numbers, field="text", limit=settings.MAX_QUESTION_CHARS)
    return text


def _string(fields: Mapping[str, Any], name: str) -> str:
    text = fields.get(name)
    if not isinstance(text, str):
        raise bad_field(name, _("%(name)s must be a string.") % {"name": name})
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise bad_field(
            name, _("%(name)s has characters that can't be stored (NUL or an unpaired surrogate).") % {"name": name}
        )
    return text


def uuid_in(fields: Mapping[str, Any], name: str) -> uuid.UUID:
    if name not in fields:
        raise bad_field(name, _("%(name)s is missing; it must be a UUID.") % {"name": name})
    found = uuid_of(fields[name])
    if found is None:
        raise bad_field(name, _("%(name)s must be a UUID.") % {"name": name})
    return found


def _job(asked: AskResult, trace_id: str) -> Job:
    reply = asked.reply
    return Job(
        start_of(reply),
        reply.owner_id,
        asked.turns,
        reply.conversation.parameters,
        trace_id,
        asked_turns=CONTINUING_TURNS if reply.continues_id else 1,
        sent=asked.sent,
        wants_title=reply.conversation.is_titled_by_question,
    )
