"""Rows that nobody needs any more."""

from django.contrib.sessions.models import Session
from django.utils import timezone

from chat.models.login import LoginFailures
from chat.models.process import Process

# In one go; the rest goes with the next sweep.
MOST_SESSIONS = 1000


def delete_leftovers() -> int:
    """Delete some expired sessions and counters, and processes that ended long ago. Returns how many rows that were."""
    expired = Session.objects.filter(expire_date__lt=timezone.now()).values_list("pk", flat=True)
    deleted, _ = Session.objects.filter(pk__in=list(expired[:MOST_SESSIONS])).delete()
    return deleted + LoginFailures.objects.purge() + Process.objects.forget()
