"""Repeated failures to log in are slowed down: by name and address, and by address whatever the name."""

import hashlib
import ipaddress
import math
import time

from django.core.cache import cache
from django.http import HttpRequest

WINDOW_SECONDS = 15 * 60
FREE_PER_NAME = 5
# Several people may share an address, behind one router.
FREE_PER_ADDRESS = 20
LONGEST_WAIT = 60


class Counter:
    """Failures of one kind in the last quarter of an hour, and the gate that is closed for a while after each."""

    def __init__(self, key: str, free: int) -> None:
        self.key, self.gate, self.free = f"login:{key}", f"login-gate:{key}", free

    def seconds_left(self) -> int:
        opens_at: float = cache.get(self.gate, 0.0)
        return max(0, math.ceil(opens_at - time.time()))

    def count(self) -> bool:
        """Count an attempt as failed until it has succeeded. False if another one was faster to the open gate."""
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
        """It was the right password: this attempt was no failure."""
        if cache.get(self.key, 0) > 0:
            cache.decr(self.key)
        cache.delete(self.gate)

    def forget(self) -> None:
        cache.delete_many([self.key, self.gate])


class Attempt:
    """One try to log in."""

    def __init__(self, username: str, address: str) -> None:
        network = _network(address)
        self.by_name = Counter(_digest(username.casefold(), network), FREE_PER_NAME)
        self.by_address = Counter(_digest(network), FREE_PER_ADDRESS)

    @classmethod
    def of(cls, request: HttpRequest) -> "Attempt":
        return cls(request.POST.get("username", "").strip(), request.META.get("REMOTE_ADDR", ""))

    def begin(self) -> int:
        """0 if the password may be looked at, else how many seconds there are to wait; the wait does not grow by it."""
        counters = (self.by_name, self.by_address)
        wait = max(counter.seconds_left() for counter in counters)
        if not wait and all(counter.count() for counter in counters):
            return 0
        return max(1, wait, *(counter.seconds_left() for counter in counters))

    def succeed(self) -> None:
        self.by_name.forget()
        self.by_address.forgive()


def _digest(*parts: str) -> str:
    """What was typed may be long or odd: a cache key may not."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


def _network(address: str) -> str:
    """One customer has a whole /64 of IPv6 addresses."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)
