"""Writes that go to a reader's socket at once, past the application and Twisted's buffers, and wait for slow readers.

Invariant: the bytes of a response leave in the order in which they were written. A direct write is allowed only while
Twisted holds nothing of this response back (`is_idle`); what the socket does not take goes into Twisted's buffers, and
from then on everything does, until they are empty. A Twisted buffer that `is_idle` does not check would break it;
so the versions are pinned, `relied_on.check` looks for every attribute used here when the server starts, and
tests/replies/test_slow_readers.py compares streams byte by byte.
"""

import asyncio
from typing import Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer


@implementer(IPushProducer)
class Gate:
    """Closed while a reader's socket is full: senders wait, and what grows meanwhile is sent in one piece."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self.wait = self._open.wait

    @property
    def is_open(self) -> bool:
        return self._open.is_set()

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's names
        self._open.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        self._open.set()

    stopProducing = resumeProducing  # noqa: N815


class Push:
    """Our ASGI extension: for a response whose body has begun, the way past all layers of the application."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        # In bytes; the request log adds them.
        self.sent = 0

    def __call__(self, data: bytes) -> bool:
        """Send a piece of the body. Returns False if the socket can't take it now: then it has to be sent as usual."""
        is_possible = is_idle(self._protocol)
        if is_possible:
            send_at_once(self._protocol, data)
            self.sent += len(data)
        return is_possible


def is_idle(protocol: Any) -> bool:
    """Tell whether a chunked response has begun and none of it waits in Twisted's buffers."""
    if not (protocol.producer and protocol.startedWriting and protocol.chunked and protocol.channel):
        return False
    transport = protocol.channel.transport
    return bool(transport.connected and not transport._tempDataBuffer and transport.offset == len(transport.dataBuffer))


def send_at_once(protocol: Any, data: bytes) -> None:
    """Write one chunk to the socket now. Twisted would queue it for the next turn of its loop, at twice the CPU."""
    framed = b"%x\r\n%b\r\n" % (len(data), data)
    transport = protocol.channel.transport
    sent = transport.writeSomeData(framed)
    if not isinstance(sent, int):
        # The connection is lost. Twisted finds out by itself and tells everyone.
        transport.write(framed)
    elif sent < len(framed):
        transport.write(framed[sent:])
