"""Slow down repeated failures to log in: by name, by network, and by both.

The counters lie in the database, so all processes share them and a restart forgets nothing. They slow guesses down and
lock nobody out: a browser that has logged in before with the same name has a counter of its own, and no other holds it.
"""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F
from django.http import HttpRequest

from chat.accounts import known_browsers
from chat.accounts.keys import digest, digest_of_name, networks_of
from chat.models import LoginFailures

WINDOW_SECONDS = 15 * 60
FREE_PER_NAME = 5
# Several people may share an address, behind one router.
FREE_PER_ADDRESS = 20
# A provider's or a company's network
FREE_PER_WIDE_NETWORK = 100
# From all networks together. With a minute between two of them, that is less than a hundred guesses an hour.
FREE_PER_ACCOUNT = 20
ACCOUNT_WINDOW_SECONDS = 60 * 60
LONGEST_WAIT = 60


@dataclass(frozen=True)
class Counter:
    """Counts failures of one kind in a window of time, and closes a gate for a while after each."""

    key: str
    free: int
    window: int = WINDOW_SECONDS

    def count(self, row: LoginFailures, now: float) -> None:
        if row.expires_at <= now:
            row.failures, row.expires_at = 0, now + self.window
        row.failures += 1
        if row.failures >= self.free:
            row.opens_at = now + min(2.0 ** min(row.failures - self.free + 1, 10), LONGEST_WAIT)


class Attempt:
    """One attempt, counted as failed until it succeeds."""

    def __init__(self, *, own: Iterable[Counter], shared: Iterable[Counter] = ()) -> None:
        """`own`: forgotten after a success; `shared`: with others, whose failures stay counted."""
        self.own, self.shared = tuple(own), tuple(shared)

    @classmethod
    def to_log_in(cls, request: HttpRequest) -> "Attempt":
        typed = request.POST.get("username", "")
        name = digest_of_name(typed)
        if mark := known_browsers.mark_of(request, typed):
            return cls(own=[Counter(digest("browser", name, mark), FREE_PER_NAME)])
        network, wide = networks_of(request.META.get("REMOTE_ADDR", ""))
        return cls(
            own=[Counter(digest("both", name, network), FREE_PER_NAME)],
            shared=[
                Counter(digest("account", name), FREE_PER_ACCOUNT, ACCOUNT_WINDOW_SECONDS),
                Counter(digest("network", network), FREE_PER_ADDRESS),
                Counter(digest("wide", wide), FREE_PER_WIDE_NETWORK),
            ],
        )

    @classmethod
    def with_token(cls, request: HttpRequest) -> "Attempt":
        network, _ = networks_of(request.META.get("REMOTE_ADDR", ""))
        return cls(own=[Counter(digest("token", network), FREE_PER_NAME)])

    def begin(self) -> int:
        """Return the seconds to wait, or 0 if the attempt may go on. Asking does not extend the wait."""
        counters = {counter.key: counter for counter in (*self.own, *self.shared)}
        found = LoginFailures.objects.filter(key__in=counters)
        # Without a write while the gate is closed, so that a flood of guesses costs little.
        return _seconds_left(found) or _count(counters)

    def succeed(self) -> None:
        LoginFailures.objects.filter(key__in=[counter.key for counter in self.own]).delete()
        shared = LoginFailures.objects.filter(key__in=[counter.key for counter in self.shared], failures__gt=0)
        shared.update(failures=F("failures") - 1, opens_at=0)


def _count(counters: dict[str, Counter]) -> int:
    """Count one failure, unless another attempt was faster to the open gate: exactly one of many gets through."""
    now = time.time()
    new = [LoginFailures(key=key, expires_at=now + counters[key].window) for key in sorted(counters)]
    with transaction.atomic():
        LoginFailures.objects.bulk_create(new, ignore_conflicts=True)
        # Always in the same order, so that two attempts never wait for each other.
        rows = list(LoginFailures.objects.select_for_update().filter(key__in=counters).order_by("key"))
        if wait := _seconds_left(rows):
            return wait
        for row in rows:
            counters[row.key].count(row, now)
        LoginFailures.objects.bulk_update(rows, ["failures", "opens_at", "expires_at"])
    return 0


def _seconds_left(rows: Iterable[LoginFailures]) -> int:
    now = time.time()
    return max((math.ceil(row.opens_at - now) for row in rows if row.opens_at > now), default=0)
