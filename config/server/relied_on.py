"""The undocumented parts of Daphne, Twisted and autobahn that this server uses, checked at start."""

from typing import Any

from daphne.http_protocol import WebRequest
from daphne.server import Server
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.abstract import FileDescriptor
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.tcp import Connection
from twisted.web.http import HTTPChannel

HOOKS = ("create_application", "handle_reply", "kill_all_applications", "listen_error", "listen_success")
CHANNEL = (
    "lineLengthExceeded",
    "allHeadersReceived",
    "allContentReceived",
    "totalHeadersSize",
    "_receivedHeaderSize",
    "_handlingRequest",
)


def check(reactor: Any) -> None:
    """Raise RuntimeError, naming the attribute, if a version other than the pinned one lacks something."""
    needed: tuple[tuple[Any, tuple[str, ...]], ...] = (
        (AsyncioSelectorReactor, ("_readOrWrite", "_disconnectSelectable")),
        (FileDescriptor(reactor), ("_tempDataBuffer", "dataBuffer", "offset", "bufferSize", "connected")),
        (Connection, ("writeSomeData",)),
        (HTTPChannel(), CHANNEL),
        (WebRequest, ("startedWriting", "chunked", "producer", "registerProducer", "unregisterProducer")),
        (WebSocketProtocol, ("sendCloseFrame", "STATE_OPEN")),
        (Server, HOOKS),
    )
    missing = [f"{_name_of(owner)}.{name}" for owner, names in needed for name in names if not hasattr(owner, name)]
    if missing:
        raise RuntimeError(f"{', '.join(missing)} is missing: install the versions of requirements.txt.")


def _name_of(owner: Any) -> str:
    return (owner if isinstance(owner, type) else type(owner)).__name__
