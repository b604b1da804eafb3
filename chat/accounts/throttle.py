"""Slow down repeated failures to log in: by name and network, and by network whatever the name.

The counters lie in Django's cache, which each process has for itself.
"""

import hashlib
import ipaddress
import math
import time

from django.core.cache import cache
from django.http import HttpRequest

from chat.models.names import key_of

WINDOW_SECONDS = 15 * 60
FREE_PER_NAME = 5
# Several people may share an address, behind one router.
FREE_PER_ADDRESS = 20
LONGEST_WAIT = 60


class Counter:
    """Counts failures of one kind in WINDOW_SECONDS, and closes a gate for a while after each."""

    def __init__(self, key: str, free: int) -> None:
        self.key, self.gate, self.free = f"login:{key}", f"login-gate:{key}", free

    def seconds_left(self) -> int:
        opens_at: float = cache.get(self.gate, 0.0)
        return max(0, math.ceil(opens_at - time.time()))

    def count(self) -> bool:
        """Count an attempt as failed until it succeeds. Returns False if another one was faster to the open gate."""
        cache.add(self.key, 0, WINDOW_SECONDS)
        failures = cache.incr(self.key)
        if failures < self.free:
            return True
        wait = min(2 ** (failures - self.free + 1), LONGEST_WAIT)
        # add() lets exactly one of many simultaneous attempts through.
        if cache.add(self.gate, time.time() + wait, wait):
            return True
        cache.decr(self.key)
        return False

    def forgive(self) -> None:
        """Take back one failure: the password was right."""
        if cache.get(self.key, 0) > 0:
            cache.decr(self.key)
        cache.delete(self.gate)

    def forget(self) -> None:
        cache.delete_many([self.key, self.gate])


class Attempt:
    """One attempt to log in."""

    def __init__(self, username: str, address: str) -> None:
        network = _network(address)
        self.by_name = Counter(_digest(key_of(username), network), FREE_PER_NAME)
        self.by_address = Counter(_digest(network), FREE_PER_ADDRESS)

    @classmethod
    def of(cls, request: HttpRequest) -> "Attempt":
        return cls(request.POST.get("username", "").strip(), request.META.get("REMOTE_ADDR", ""))

    def begin(self) -> int:
        """Return the seconds to wait, or 0 if the password may be checked now. Asking does not extend the wait."""
        counters = (self.by_name, self.by_address)
        wait = max(counter.seconds_left() for counter in counters)
        if not wait and all(counter.count() for counter in counters):
            return 0
        return max(1, wait, *(counter.seconds_left() for counter in counters))

    def succeed(self) -> None:
        self.by_name.forget()
        self.by_address.forgive()


def _digest(*parts: str) -> str:
    """Return a hash for a cache key: what was typed may be long or odd, a key may not."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


def _network(address: str) -> str:
    """Return the network of an address: one customer has a whole /64 of IPv6 addresses."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)
