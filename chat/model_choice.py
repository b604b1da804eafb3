"""Which model answers, and with which settings: from the question, the conversation, or the user's defaults."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from chat.forms import ConversationSettings
from chat.http import bad_field
from chat.models import ChatDefaults, Conversation, User
from chat.replies.engine import engine

SETTINGS = tuple(ConversationSettings.base_fields)


def needs_list(fields: Mapping[str, Any]) -> bool:
    """Tell whether a question has to wait for the upstream's list of models: with a default, most don't."""
    return not settings.LLM_MODEL or fields.get("model") not in (None, "", settings.LLM_MODEL)


async def offered_for(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names to choose from. Waits for the list only if the question needs it."""
    if needs_list(fields):
        await engine.models()
    return offered()


def offered() -> tuple[str, ...]:
    """Return the names known just now: none if the upstream could not be asked yet."""
    names = tuple(model.id for model in engine.offered())
    return names if not names or settings.LLM_MODEL in {"", *names} else (settings.LLM_MODEL, *names)


def default_of(names: tuple[str, ...]) -> str:
    """Return LLM_MODEL, or the first that is offered; nothing if the upstream could not be asked yet."""
    return settings.LLM_MODEL or next(iter(names), "")


def model_for(named: str, user: User, conversation: Conversation | None, names: tuple[str, ...]) -> str:
    """Return the model that the question names, or the one used or preferred here, as long as it is offered."""
    default = default_of(names)
    if named and named in {default, *names}:
        return named
    usual = conversation.model if conversation else user.chat_defaults(user.preset).model
    # While the list is unknown, a model that answered here before is taken to be there still.
    is_there = usual in names or not names
    if not named:
        return usual if usual and is_there else default
    if named == usual and is_there:
        return named
    raise bad_field("model", _gone(named))


def _gone(model: str) -> str:
    sentence = _("The model “%(model)s” is not available. Choose another and send again.")
    return sentence % {"model": model}


def defaults_for(user: User, fields: Mapping[str, Any]) -> ChatDefaults:
    """Return the settings of a new conversation: those sent with the question, or the user's defaults."""
    if not comes_with_settings(fields):
        return user.chat_defaults(user.preset)
    if not isinstance(fields.get("instructions") or "", str):
        raise bad_field("instructions", _("instructions must be a string."))
    form = ConversationSettings(fields)
    for name, errors in form.errors.items():
        raise bad_field(name, str(errors[0]))
    return form.chat_defaults


def comes_with_settings(fields: Mapping[str, Any]) -> bool:
    return any(fields.get(name) is not None for name in SETTINGS)
