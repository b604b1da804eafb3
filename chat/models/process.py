from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

# A process's heart beats every second while it writes. After this long without a beat it counts as dead.
DEAD_AFTER = timedelta(seconds=5)
# A process that was silent for this long has no replies left.
FORGOTTEN_AFTER = timedelta(days=2)


class ProcessQuerySet(models.QuerySet["Process"]):
    def beat(self, name: str) -> None:
        """Save a process's sign of life: one narrow row, however many replies it writes."""
        if not self.filter(name=name).update(beat_at=Now()):
            self.bulk_create([Process(name=name, beat_at=Now())], ignore_conflicts=True)

    def silent(self) -> ProcessQuerySet:
        """Return those whose heart no longer beats, by the database's clock."""
        return self.filter(beat_at__lt=Now() - DEAD_AFTER)

    def forget(self) -> int:
        """Delete those that were gone long ago."""
        return self.filter(beat_at__lt=Now() - FORGOTTEN_AFTER).delete()[0]


class Process(models.Model):
    """A process that writes replies. `name` is what their rows call their writer."""

    name = models.CharField(_("process that writes"), max_length=32, primary_key=True)
    beat_at = models.DateTimeField(_("last sign of life"))

    objects = ProcessQuerySet.as_manager()

    class Meta:
        verbose_name = _("process")
        verbose_name_plural = _("processes")

    def __str__(self) -> str:
        return self.name
