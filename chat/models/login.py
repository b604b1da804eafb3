"""Counters of failed attempts to log in."""

from __future__ import annotations

import time

from django.db import models

# As many as a sweep deletes at once, so that it never holds the database up.
BATCH = 1_000
# Above this, those with the fewest failures are forgotten early.
MOST_COUNTERS = 100_000


class FailuresQuerySet(models.QuerySet["LoginFailures"]):
    def purge(self) -> int:
        """Delete counters that have expired, and those above MOST_COUNTERS. Returns how many."""
        expired = self.filter(expires_at__lte=time.time()).values_list("pk", flat=True)[:BATCH]
        gone, _ = self.filter(pk__in=list(expired)).delete()
        excess = min(self.count() - MOST_COUNTERS, BATCH)
        if excess > 0:
            least = self.order_by("failures", "expires_at").values_list("pk", flat=True)[:excess]
            gone += self.filter(pk__in=list(least)).delete()[0]
        return gone


class LoginFailures(models.Model):
    """How many attempts of one kind have failed, shared by all processes. The key is a hash: it reveals no name."""

    key = models.CharField(max_length=64, primary_key=True)
    failures = models.PositiveIntegerField(default=0)
    # Seconds since 1970.
    opens_at = models.FloatField(default=0)
    expires_at = models.FloatField(db_index=True)

    objects = FailuresQuerySet.as_manager()

    def __str__(self) -> str:
        return self.key
