"""The choices that a page offers: the models, the presets, and the settings of a new conversation."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from chat.forms import ConversationSettings
from chat.model_choice import comes_with_settings, default_of, offered
from chat.models import Conversation, Preset, User


@dataclass(frozen=True)
class Picker:
    """The models to choose from; `is_gone`: the chosen one is no longer among them."""

    models: tuple[str, ...]
    chosen: str
    is_gone: bool


def choices(request: HttpRequest, conversation: Conversation | None, *, refused: bool = False) -> dict[str, Any]:
    """Return the context of picker and settings panel; after a refusal, with what was chosen before."""
    user: Any = request.user
    presets = [] if conversation else list(user.presets.all())
    preset = None if conversation else _preset(request, user, presets)
    defaults = conversation or user.chat_defaults(preset)
    model = (request.POST.get("model") if refused else None) or defaults.model
    with_settings = refused and not conversation and comes_with_settings(request.POST)
    data = request.POST if with_settings else None
    belongs_to = "" if conversation else "composer"
    return {
        "picker": picker(user, conversation, model),
        "presets": presets,
        "preset": preset,
        "settings_form": ConversationSettings(
            data, initial=ConversationSettings.initial_of(defaults), belongs_to=belongs_to
        ),
    }


def picker(user: User, conversation: Conversation | None, model: str) -> Picker:
    names = offered()
    chosen = model or ("" if conversation else _last_used(user, names)) or default_of(names)
    # While the list is unknown, no model counts as gone.
    known = names or tuple(dict.fromkeys(filter(None, (settings.LLM_MODEL, chosen))))
    return Picker(known, chosen, is_gone=chosen not in {"", *known})


def _last_used(user: User, names: tuple[str, ...]) -> str:
    used = user.conversations.newest_first().exclude(model="").values_list("model", flat=True).first() or ""
    return used if used in names else ""


def _preset(request: HttpRequest, user: User, presets: list[Preset]) -> Preset | None:
    """Return the preset that the address names, or the user's default."""
    wanted = request.GET.get("preset", str(user.preset_id))
    return next((preset for preset in presets if str(preset.pk) == wanted), None)
