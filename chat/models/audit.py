from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class AuditEntry(models.Model):
    """Who did what to whose data. Plain ids instead of foreign keys: the entry outlives what it is about."""

    class Action(models.TextChoices):
        READ_TRANSCRIPT = "read_transcript", _("read a transcript")
        SEARCH_TEXT = "search_text", _("searched in texts")

    at = models.DateTimeField(_("at"), default=timezone.now, editable=False)
    actor = models.UUIDField(_("who"))
    actor_name = models.CharField(_("name then"), max_length=150)
    action = models.CharField(_("what"), max_length=40, choices=Action)
    conversation = models.UUIDField(_("conversation"), null=True)
    owner = models.UUIDField(_("whose"), null=True)
    trace_id = models.CharField(_("request"), max_length=64, blank=True, db_column="request_id")

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["-at", "-id"], name="audit_newest")]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.get_action_display()}"
