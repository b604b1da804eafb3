"""Which model answers and how: what a question says, what a conversation keeps, what somebody likes to begin with."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from chat.forms import ConversationSettings
from chat.http import bad_field
from chat.models import Beginning, Conversation, User
from chat.replies.engine import engine

SETTINGS = tuple(ConversationSettings.base_fields)


def needs_list(fields: Mapping[str, Any]) -> bool:
    """Who wants the default, and there is one, need not wait for the upstream's list of models."""
    return not settings.LLM_MODEL or fields.get("model") not in (None, "", settings.LLM_MODEL)


async def offered_for(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """The names to choose from, waited for only if the question needs them."""
    if needs_list(fields):
        await engine.models()
    return offered()


def offered() -> tuple[str, ...]:
    """As far as they are known just now: nothing, if the upstream could not be asked yet."""
    names = tuple(model.id for model in engine.offered())
    return names if not names or settings.LLM_MODEL in {"", *names} else (settings.LLM_MODEL, *names)


def default_of(names: tuple[str, ...]) -> str:
    """LLM_MODEL, else the first that is offered; nothing if the upstream could not be asked yet."""
    return settings.LLM_MODEL or next(iter(names), "")


def model_for(named: str, user: User, conversation: Conversation | None, names: tuple[str, ...]) -> str:
    """The one that the question names, else what was used or is liked here, as long as it is offered."""
    default = default_of(names)
    if named and named in {default, *names}:
        return named
    usual = conversation.model if conversation else user.beginning(user.preset).model
    # While the list is not known, what has answered here before is believed to be there still.
    is_there = usual in names or not names
    if not named:
        return usual if usual and is_there else default
    if named == usual and is_there:
        return named
    raise bad_field("model", _gone(named))


def _gone(model: str) -> str:
    sentence = _("The model “%(model)s” is not offered here (any more). Choose another one and send again.")
    return sentence % {"model": model}


def beginning_of(user: User, fields: Mapping[str, Any]) -> Beginning:
    """Of a new conversation: what came with the question, else what the user likes to begin with."""
    if not comes_with_settings(fields):
        return user.beginning(user.preset)
    if not isinstance(fields.get("instructions") or "", str):
        raise bad_field("instructions", _("instructions must be a text."))
    form = ConversationSettings(fields)
    for name, errors in form.errors.items():
        raise bad_field(name, str(errors[0]))
    return form.beginning


def comes_with_settings(fields: Mapping[str, Any]) -> bool:
    return any(fields.get(name) is not None for name in SETTINGS)
