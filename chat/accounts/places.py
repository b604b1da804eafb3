"""Who holds how many streams or WebSockets of this process: no user and no address may use up all of them."""

import ipaddress
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal
from uuid import UUID

from django.conf import settings

Kind = Literal["stream", "websocket"]


class NoPlace(Exception):
    """This user, or this address, holds as many as it may."""


class Places:
    """Used from the event loop alone."""

    def __init__(self) -> None:
        self._held: Counter[tuple[Kind, str]] = Counter()

    @contextmanager
    def held(self, kind: Kind, user: UUID, address: str) -> Iterator[None]:
        """Hold a place for as long as this lasts. Raises NoPlace."""
        of_user, of_address = (kind, str(user)), (kind, network_of(address))
        is_full = self._held[of_user] >= settings.MAX_STREAMS_PER_USER
        if is_full or self._held[of_address] >= settings.MAX_CONNECTIONS_PER_ADDRESS:
            raise NoPlace
        self._held.update((of_user, of_address))
        try:
            yield
        finally:
            self._held.subtract((of_user, of_address))
            # Those who have left are not kept.
            self._held = +self._held


def network_of(address: str) -> str:
    """Return what one client has: an IPv4 address, or the 64 bits of IPv6 that a provider gives to everyone."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = getattr(found, "ipv4_mapped", None)
    if mapped or found.version == 4:
        return str(mapped or found)
    return str(ipaddress.ip_network((int(found), 64), strict=False))


places = Places()
