from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from chat.models.message import Message


class Evidence(models.Model):
    """What tells an administrator why an answer ended as it did. Written once, at the end."""

    message: models.OneToOneField[Message] = models.OneToOneField(
        "chat.Message",
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="evidence",
        verbose_name=_("message"),
    )
    finish_reason = models.CharField(_("finish reason"), max_length=100, blank=True)
    error_code = models.CharField(_("error"), max_length=40, blank=True)
    error_detail = models.TextField(_("what the model server said"), blank=True)
    timer = models.CharField(_("timer that fired"), max_length=20, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    model = models.CharField(_("model that answered"), max_length=200, blank=True)
    upstream_id = models.CharField(_("upstream's id"), max_length=200, blank=True)
    upstream_request_id = models.CharField(_("upstream's request id"), max_length=200, blank=True)
    upstream_created = models.BigIntegerField(_("upstream's time"), null=True)
    system_fingerprint = models.CharField(_("system fingerprint"), max_length=200, blank=True)
    parameters = models.JSONField(_("parameters"), default=dict)
    prompt_sha256 = models.CharField(_("hash of the prompt"), max_length=64, blank=True)
    first_token_ms = models.PositiveIntegerField(_("time to first token, ms"), null=True)
    reasoning_ms = models.PositiveIntegerField(_("duration of the reasoning, ms"), null=True)
    duration_ms = models.PositiveIntegerField(_("duration, ms"), default=0)
    longest_silence_ms = models.PositiveIntegerField(_("longest silence, ms"), default=0)
    chunks = models.PositiveIntegerField(_("chunks"), default=0)
    bytes = models.PositiveBigIntegerField(_("bytes"), default=0)
    prompt_tokens = models.PositiveIntegerField(_("prompt tokens"), null=True)
    completion_tokens = models.PositiveIntegerField(_("completion tokens"), null=True)
    reasoning_tokens = models.PositiveIntegerField(_("reasoning tokens"), null=True)
    cached_tokens = models.PositiveIntegerField(_("cached tokens"), null=True)
    # The X-Request-ID of the question, which the log has too.
    trace_id = models.CharField(_("request"), max_length=64, blank=True, db_column="request_id")

    class Meta:
        verbose_name = _("evidence")
        verbose_name_plural = _("evidence")

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def usage(self) -> dict[str, int | None] | None:
        """The token counts; None if the upstream reported none."""
        names = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens")
        tokens = {name: getattr(self, name) for name in names}
        return tokens if any(count is not None for count in tokens.values()) else None

    @property
    def first_token_seconds(self) -> float:
        return (self.first_token_ms or 0) / 1000

    @property
    def duration_seconds(self) -> float:
        return self.duration_ms / 1000

    @property
    def tokens_per_second(self) -> float | None:
        """The speed from the first token on; None if there is nothing to count or measure."""
        writing_ms = self.duration_ms - (self.first_token_ms or 0)
        return self.completion_tokens * 1000 / writing_ms if self.completion_tokens and writing_ms > 0 else None

    @property
    def chosen_parameters(self) -> dict[str, Any]:
        """The parameters without those that every request has."""
        return {name: value for name, value in self.parameters.items() if name not in ("model", "stream")}
