"""Which model answers and how: what a question says, what a conversation keeps, what somebody likes to begin with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from chat.engine import engine
from chat.forms import ConversationSettings
from chat.models import Beginning, Conversation, Preset, User
from chat.views.errors import Refusal

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
    raise Refusal(400, "bad_field", _gone(named), field="model")


def _gone(model: str) -> str:
    sentence = _("The model “%(model)s” is not offered here (any more). Choose another one and send again.")
    return sentence % {"model": model}


def beginning_of(user: User, fields: Mapping[str, Any]) -> Beginning:
    """Of a new conversation: what came with the question, else what the user likes to begin with."""
    if not comes_with_settings(fields):
        return user.beginning(user.preset)
    if not isinstance(fields.get("instructions") or "", str):
        raise Refusal(400, "bad_field", _("instructions must be a text."), field="instructions")
    form = ConversationSettings(fields)
    for name, errors in form.errors.items():
        raise Refusal(400, "bad_field", str(errors[0]), field=name)
    return form.beginning


def comes_with_settings(fields: Mapping[str, Any]) -> bool:
    return any(fields.get(name) is not None for name in SETTINGS)


# --- What a page shows ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Picker:
    """The models to choose from; `is_gone`: the chosen one is not among them any more."""

    models: tuple[str, ...]
    chosen: str
    is_gone: bool


def choices(request: HttpRequest, conversation: Conversation | None, *, refused: bool = False) -> dict[str, Any]:
    """For the templates of picker and panel; after a refusal with what was chosen before."""
    user: Any = request.user
    presets = [] if conversation else list(user.presets.all())
    preset = None if conversation else _preset(request, user, presets)
    begins = conversation or user.beginning(preset)
    model = (request.POST.get("model") if refused else None) or begins.model
    with_settings = refused and not conversation and comes_with_settings(request.POST)
    data = request.POST if with_settings else None
    belongs_to = "" if conversation else "composer"
    return {
        "picker": picker(user, conversation, model),
        "presets": presets,
        "preset": preset,
        "settings_form": ConversationSettings(
            data, initial=ConversationSettings.initial_of(begins), belongs_to=belongs_to
        ),
    }


def picker(user: User, conversation: Conversation | None, model: str) -> Picker:
    names = offered()
    chosen = model or ("" if conversation else _last_used(user, names)) or default_of(names)
    # As long as nobody knows which there are, nothing is said to be gone.
    known = names or tuple(dict.fromkeys(filter(None, (settings.LLM_MODEL, chosen))))
    return Picker(known, chosen, is_gone=chosen not in {"", *known})


def _last_used(user: User, names: tuple[str, ...]) -> str:
    used = user.conversations.newest_first().exclude(model="").values_list("model", flat=True).first() or ""
    return used if used in names else ""


def _preset(request: HttpRequest, user: User, presets: list[Preset]) -> Preset | None:
    """The one that the address names, else the user's own."""
    wanted = request.GET.get("preset", str(user.preset_id))
    return next((preset for preset in presets if str(preset.pk) == wanted), None)
