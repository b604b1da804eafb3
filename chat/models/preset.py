from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.models.names import KeyField, give_keys


@dataclass(frozen=True)
class ChatDefaults:
    """What a new conversation starts with. An empty `model` stands for the default one."""

    model: str = ""
    instructions: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)


class Presets(models.Manager["Preset"]):
    def give_missing_keys(self) -> int:
        """Give keys to presets that an older version saved without them."""
        return give_keys(self.filter(name_key=None).order_by("created_at"))


class Preset(models.Model):
    """Settings that a user starts new conversations with. They are copied, so later changes don't affect them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="presets", verbose_name=_("owner")
    )
    name = models.CharField(_("name"), max_length=80)
    name_key = KeyField(of="name")
    model = models.CharField(_("model"), max_length=200, blank=True)
    instructions = models.TextField(_("instructions"), blank=True)
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    objects = Presets()

    class Meta:
        verbose_name = _("preset")
        verbose_name_plural = _("presets")
        ordering = [Lower("name")]
        constraints = [
            # Expressions, because SQLite would copy the whole table for a constraint on fields.
            models.UniqueConstraint("owner", models.F("name_key"), name="preset_name_key_unique"),
            models.UniqueConstraint(
                "owner",
                Lower("name"),
                name="preset_name_unique_whatever_its_case",
                violation_error_message=_("You already have a preset with this name."),
            ),
        ]

    def __str__(self) -> str:
        return self.name
