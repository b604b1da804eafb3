"""The client's address and scheme, as trusted proxies report them. What anyone else reports is dropped."""

import ipaddress
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Scope = dict[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]

ENCRYPTED = {"http": "https", "websocket": "wss"}


def behind_proxies(application: Application, trusted: list[Network]) -> Application:
    async def run(scope: Scope, receive: Any, send: Any) -> None:
        await application(_as_told(scope, trusted) if scope["type"] in ENCRYPTED else scope, receive, send)

    return run


def _as_told(scope: Scope, trusted: list[Network]) -> Scope:
    """Return the scope without the proxies' headers: nothing further in needs to know whom to trust."""
    told: dict[bytes, list[str]] = {b"x-forwarded-for": [], b"x-forwarded-proto": []}
    headers = []
    is_forwarded = False
    for name, value in scope["headers"]:
        if name in told:
            # A header may come several times, with several entries: each proxy appends its own.
            told[name] += value.decode("latin-1").split(",")
        if not name.startswith((b"x-forwarded-", b"forwarded")):
            headers.append((name, value))
        else:
            is_forwarded = True
    scope = {**scope, "headers": headers, "forwarded": is_forwarded}
    peer = _address(scope["client"][0]) if scope.get("client") else None
    if peer and _is_in(peer, trusted):
        scope["client"] = [str(_client(peer, told[b"x-forwarded-for"], trusted)), 0]
        proto = "".join(told[b"x-forwarded-proto"][-1:]).strip().lower()
        if proto in ENCRYPTED.values():
            scope["scheme"] = ENCRYPTED[scope["type"]]
    return scope


def _client(peer: Address, told: list[str], trusted: list[Network]) -> Address:
    """Walk from the nearest proxy outwards, as long as proxies are trusted. Anything that is not an address ends it."""
    client = peer
    for entry in reversed(told):
        further = _address(entry.strip())
        if not further or not _is_in(client, trusted):
            break
        client = further
    return client


def _address(text: str) -> Address | None:
    """Parse an address. Some proxies add the port: 192.0.2.1:4711, [2001:db8::1]:4711."""
    host = text[1:].partition("]")[0] if text.startswith("[") and "]" in text else text
    try:
        address = ipaddress.ip_address(host.partition(":")[0] if host.count(":") == 1 else host)
    except ValueError:
        return None
    # A socket that listens on IPv6 sees IPv4 as ::ffff:192.0.2.1.
    return getattr(address, "ipv4_mapped", None) or address


def is_trusted(peer: str, trusted: list[Network]) -> bool:
    address = _address(peer)
    return bool(address and _is_in(address, trusted))


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)
