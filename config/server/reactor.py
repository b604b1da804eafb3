"""Twisted's reactor on uvloop. Importing this module installs it, so it comes before anything that imports one."""

import os
import socket
from typing import Any

import uvloop
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.error import ConnectionLost
from twisted.internet.main import installReactor
from twisted.internet.tcp import Connection


class Reactor(AsyncioSelectorReactor):
    """Twisted's own, which also notices when a client resets its connection right after its request."""

    def _readOrWrite(self, selectable: Any, read: bool) -> None:  # noqa: N802 - Twisted's name
        super()._readOrWrite(selectable, read)
        if read and isinstance(selectable, Connection) and selectable.connected:
            self._notice_reset(selectable)

    def _notice_reset(self, connection: Connection) -> None:
        """Disconnect a connection that was reset: uvloop reads its bytes, but never reports it."""
        if error := connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._disconnectSelectable(connection, ConnectionLost(os.strerror(error)), True)


loop = uvloop.new_event_loop()
reactor: Any = Reactor(loop)
installReactor(reactor)
