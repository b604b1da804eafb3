from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    """Where a reply stands: being written, or how it ended. The ends are those of `EndStatus` in chat/events.py."""

    STREAMING = "streaming", _("being written")
    COMPLETE = "complete", _("complete")
    STOPPED = "stopped", _("stopped")
    TIMED_OUT = "timed_out", _("timed out")
    FAILED = "failed", _("failed")
    TRUNCATED = "truncated", _("cut off at the limit")
    FILTERED = "filtered", _("filtered")
    INTERRUPTED = "interrupted", _("interrupted")
