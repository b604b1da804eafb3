from __future__ import annotations

import time
from datetime import timedelta

from django.db import connection, models

MINUTE = 60
KEPT = timedelta(hours=1)
# Written by hand: one statement counts for all keys, whichever process asks, and starts again with each minute.
COUNT = """
    INSERT INTO chat_rate (key, minute, count) VALUES {rows}
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN chat_rate.minute = excluded.minute THEN chat_rate.count + 1 ELSE 1 END,
        minute = excluded.minute
    RETURNING key, count
"""


class RateQuerySet(models.QuerySet["Rate"]):
    def seconds_to_wait(self, limits: dict[str, int]) -> int:
        """Count one more for each key; return how long to wait if that exceeds a limit, otherwise 0."""
        if not limits:
            return 0
        now = int(time.time())
        # In one order: two statements with the same keys must not wait for each other.
        values = [value for key in sorted(limits) for value in (key, now // MINUTE)]
        with connection.cursor() as cursor:
            cursor.execute(COUNT.format(rows=", ".join(["(%s, %s, 1)"] * len(limits))), values)
            is_over = any(count > limits[key] for key, count in cursor.fetchall())
        return MINUTE - now % MINUTE if is_over else 0

    def purge(self) -> None:
        """Forget who has not asked for an hour."""
        self.filter(minute__lt=(time.time() - KEPT.total_seconds()) // MINUTE).delete()


class Rate(models.Model):
    """How many questions a user, or everybody at one address, has asked in a minute."""

    key = models.CharField(max_length=80, primary_key=True)
    # Since 1970.
    minute = models.PositiveBigIntegerField()
    count = models.PositiveIntegerField()

    objects = RateQuerySet.as_manager()
