"""Keys of counters: hashes of names and networks, because what was typed may be long or odd."""

import ipaddress

from django.utils.crypto import salted_hmac

from chat.models.names import key_of


def digest(*parts: str) -> str:
    value = "\0".join(parts).encode("utf-8", "replace")
    return salted_hmac("chat.accounts.keys", value, algorithm="sha256").hexdigest()


def digest_of_name(name: str) -> str:
    """Return the same for all spellings of a name: the form takes a full-width letter for the plain one."""
    return digest("name", key_of(name))


def networks_of(address: str) -> tuple[str, str]:
    """Return the network that one customer has, a whole /64 of IPv6 addresses, and the one around it."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address, address
    near, wide = (64, 48) if ip.version == 6 else (32, 24)
    return _network(ip, near), _network(ip, wide)


def _network(ip: ipaddress.IPv4Address | ipaddress.IPv6Address, length: int) -> str:
    return str(ipaddress.ip_network((ip, length), strict=False))
