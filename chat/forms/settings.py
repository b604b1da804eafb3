"""Settings: how the model answers, in one conversation or from now on, and how pages look."""

import zoneinfo
from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from chat.models import ChatDefaults, Conversation, Preset, User

MOST_INSTRUCTIONS = 20_000
PARAMETERS = ("temperature", "top_p", "max_tokens")
NOT_SENT = _("Default")


def storable(text: str) -> None:
    """Refuse unpaired surrogates, which no database takes. Only scripts can send them."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValidationError(_("It contains characters that can’t be stored."))


def instructions(placeholder: Any) -> forms.CharField:
    return forms.CharField(
        label=_("Instructions"),
        required=False,
        max_length=MOST_INSTRUCTIONS,
        validators=[storable],
        widget=forms.Textarea(attrs={"rows": 6, "placeholder": placeholder}),
    )


def number(kind: type[forms.IntegerField], label: Any, help_text: Any, wrong: Any, **bounds: Any) -> Any:
    """Return a number field that may be left empty. Whatever is wrong, one sentence says what is right."""
    errors = dict.fromkeys(("invalid", "min_value", "max_value"), wrong)
    attributes = {"placeholder": NOT_SENT, "step": "1" if kind is forms.IntegerField else "0.01"}
    widget = forms.NumberInput(attrs=attributes)
    return kind(label=label, help_text=help_text, error_messages=errors, widget=widget, required=False, **bounds)


class ConversationSettings(forms.Form):
    """Instructions and parameters. Empty ones are not sent, so the server's own defaults apply."""

    instructions = instructions(_("Tell the model its role, what it should know, and how to answer"))
    temperature = number(
        forms.FloatField,
        _("Temperature"),
        _("0 to 2. Lower is more focused, higher more creative."),
        _("Temperature must be a number from 0 to 2, or empty."),
        min_value=0,
        max_value=2,
    )
    top_p = number(
        forms.FloatField,
        _("Top-p"),
        _("0 to 1. Lower values leave out unlikely words."),
        _("Top-p must be a number from 0 to 1, or empty."),
        min_value=0,
        max_value=1,
    )
    max_tokens = number(
        forms.IntegerField,
        _("Maximum length (tokens)"),
        _("One token is about ¾ of a word."),
        _("Maximum length must be a whole number from 1 to 1000000, or empty."),
        min_value=1,
        max_value=1_000_000,
    )

    def __init__(self, *args: Any, belongs_to: str = "", **options: Any) -> None:
        """`belongs_to`: the id of the form on the page that sends these fields."""
        super().__init__(*args, **options)
        if belongs_to:
            for field in self.fields.values():
                field.widget.attrs["form"] = belongs_to

    @property
    def parameters(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in PARAMETERS if self.cleaned_data[name] is not None}

    @property
    def chat_defaults(self) -> ChatDefaults:
        """The settings without the model, which is chosen elsewhere on the page."""
        return ChatDefaults("", self.cleaned_data["instructions"], self.parameters)

    @staticmethod
    def initial_of(source: ChatDefaults | Conversation | Preset) -> dict[str, Any]:
        return {"instructions": source.instructions, **source.parameters}


class ModelField(forms.ChoiceField):
    """A choice among the models offered, or the one chosen before that is gone."""

    def __init__(self, **options: Any) -> None:
        super().__init__(label=_("Model"), required=False, **options)

    def offer(self, models: Sequence[str], chosen: str, *, nothing: Any) -> None:
        gone = [(chosen, _("%(model)s (no longer offered)") % {"model": chosen})] if chosen not in {"", *models} else []
        self.choices = [("", nothing), *gone, *((model, model) for model in models)]


class PresetForm(ConversationSettings):
    name = forms.CharField(label=_("Name"), max_length=80, validators=[storable])
    model = ModelField()
    field_order = ("name", "model")

    def __init__(self, *args: Any, models: Sequence[str], chosen: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["model"].offer(models, chosen, nothing=_("Default model"))  # type: ignore[attr-defined]

    def fill(self, preset: Preset) -> None:
        for name in ("name", "model", "instructions"):
            setattr(preset, name, self.cleaned_data[name])
        preset.parameters = self.parameters


class Personal(forms.ModelForm):  # type: ignore[type-arg]
    language = forms.ChoiceField(
        label=_("Language"),
        required=False,
        # Each by its own name, for people who can't read the others.
        choices=[
            ("", _("Browser default")),
            *((code, get_language_info(code)["name_local"].capitalize()) for code, _name in settings.LANGUAGES),
        ],
    )
    timezone = forms.ChoiceField(
        label=_("Time zone"),
        required=False,
        choices=[
            ("", _("Browser default")),
            *((name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones())),
        ],
    )
    theme = forms.ChoiceField(
        label=_("Theme"),
        # Short ones, because they are side by side.
        choices=[("system", _("System")), ("light", _("Light")), ("dark", _("Dark"))],
        widget=forms.RadioSelect,
    )
    model = ModelField()
    instructions = instructions(_("What the model should know about you, and how it should answer"))

    class Meta:
        model = User
        fields = ("language", "theme", "timezone", "model", "preset", "instructions")

    def __init__(self, *args: Any, models: Sequence[str], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["model"].offer(models, self.instance.model, nothing=_("Last used"))  # type: ignore[attr-defined]
        preset: Any = self.fields["preset"]
        preset.label, preset.empty_label = _("Preset"), _("None")
        preset.queryset = self.instance.presets.all()
        self.fields["instructions"].help_text = _("Used for new chats unless the preset has its own instructions.")
