"""The open connections: how many each address has, and whether there are descriptors left for more."""

import logging
import resource
from collections import Counter
from pathlib import Path
from typing import Any

from django.conf import settings
from twisted.internet.tcp import Server as TCPConnection

from chat.accounts.places import network_of
from config.server.proxy import is_trusted

logger = logging.getLogger(__name__)

# Every connection of a reader is a descriptor, and so is each one to the database, to Redis and to the model server.
DESCRIPTORS = Path("/dev/fd")
SHORT = 0.8
LOOK_SECONDS = 5.0

_open: Counter[str] = Counter()


class CountedConnection(TCPConnection):
    """A connection that a client has made. A WebSocket begins as HTTP, so it is counted here, below both."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.network = network_of(str(self.client[0]))
        _open[self.network] += 1

    def connectionLost(self, reason: Any) -> None:  # noqa: N802 - Twisted's name
        super().connectionLost(reason)
        _open[self.network] -= 1
        if not _open[self.network]:
            del _open[self.network]


def has_too_many(connection: CountedConnection) -> bool:
    """Tell whether its address has more connections than allowed. Proxies have those of everybody."""
    is_over = _open[connection.network] > settings.MAX_CONNECTIONS_PER_ADDRESS
    return is_over and not is_trusted(str(connection.client[0]), settings.TRUSTED_PROXIES)


def raise_descriptor_limit() -> None:
    """Let this process open as many files and connections as the system allows it."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError) as error:
        # macOS allows less than it says.
        logger.warning("the limit of open files stays as it is", extra={"reason": str(error)})


class DescriptorWatch:
    """Warns once when descriptors get short, and says so when there are enough again."""

    def __init__(self) -> None:
        self._is_short = False

    def look(self) -> None:
        used, limit = sum(1 for _ in DESCRIPTORS.iterdir()), resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        is_short = used > SHORT * limit
        if is_short != self._is_short:
            event = "open files are running out" if is_short else "there are enough open files again"
            logger.warning(event, extra={"open": used, "limit": limit})
        self._is_short = is_short
