"""How Daphne is run: on uvloop, with a backlog that takes a burst, readers that can be slow, and an honest end."""

import asyncio
import gc
import logging
import os
import socket
from typing import Any

import uvloop
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.error import ConnectionLost
from twisted.internet.main import installReactor
from twisted.internet.tcp import Connection


class Reactor(AsyncioSelectorReactor):
    """Twisted's, on uvloop."""

    def _readOrWrite(self, selectable: Any, read: bool) -> None:  # noqa: N802 - Twisted's name
        super()._readOrWrite(selectable, read)
        if read and isinstance(selectable, Connection) and selectable.connected:
            self._notice_reset(selectable)

    def _notice_reset(self, connection: Connection) -> None:
        """A client that asks and resets: uvloop has what it sent read, but tells nobody and never looks there again."""
        if error := connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._disconnectSelectable(connection, ConnectionLost(os.strerror(error)), True)


# Before Daphne is imported: it would make a reactor on the plain loop.
installReactor(Reactor(uvloop.new_event_loop()))

from daphne.server import Server as DaphneServer  # noqa: E402
from daphne.ws_protocol import WebSocketProtocol  # noqa: E402
from twisted.internet import reactor  # noqa: E402
from twisted.internet.defer import Deferred  # noqa: E402
from twisted.internet.interfaces import IPushProducer  # noqa: E402
from zope.interface import implementer  # noqa: E402

from chat.database_threads import close_threads  # noqa: E402
from chat.doorbell import doorbell  # noqa: E402
from chat.replies.engine import engine  # noqa: E402

logger = logging.getLogger(__name__)

# A burst of connections waits here instead of being lost for a second.
BACKLOG = 4096
# A question whose asker has left may have to wait so long for the database before it is stored.
ABSENT_SECONDS = 60
# For each reader, before whoever sends to it has to wait: here, and in the kernel, which would take megabytes.
BUFFER_BYTES = 16 * 1024
KERNEL_BYTES = 64 * 1024
# New objects, before it is looked for cycles among them.
GARBAGE = 50_000
# For readers to take their end before the sockets close.
READERS_SECONDS = 2.0
# Of a WebSocket: the client may connect again, here or elsewhere.
SERVICE_RESTART = 1012
# For views to notice that they were cut off.
ABORT_SECONDS = 1.0
# For the threads to take leave of a database that answers.
CONNECTIONS_SECONDS = 1.0


@implementer(IPushProducer)
class Gate:
    """Closed while a reader's socket is full: whoever sends to it waits, and what grows meanwhile is one text."""

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


def is_idle(protocol: Any) -> bool:
    """A chunked response has begun and nothing of it waits in Twisted's buffers."""
    if not (protocol.producer and protocol.startedWriting and protocol.chunked and protocol.channel):
        return False
    transport = protocol.channel.transport
    return bool(transport.connected and not transport._tempDataBuffer and transport.offset == len(transport.dataBuffer))


def send_at_once(protocol: Any, data: bytes) -> None:
    """A small write goes to the socket now; Twisted would note it, wait for its turn and forget it: twice the CPU."""
    framed = b"%x\r\n%b\r\n" % (len(data), data)
    transport = protocol.channel.transport
    sent = transport.writeSomeData(framed)
    if not isinstance(sent, int):
        # Lost; Twisted finds out by itself and tells everybody.
        transport.write(framed)
    elif sent < len(framed):
        transport.write(framed[sent:])


class Push:
    """Our extension of ASGI: for a body that has begun, the way past all layers of the application.

    False if the socket can't take it now: then it has to be sent as usual. `sent`: in bytes.
    """

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self.sent = 0

    def __call__(self, data: bytes) -> bool:
        is_possible = is_idle(self._protocol)
        if is_possible:
            send_at_once(self._protocol, data)
            self.sent += len(data)
        return is_possible


class Server(DaphneServer):
    """Daphne whose `send` waits for a slow reader, and which lets replies end before it stops."""

    failure = ""

    def __init__(self, application: Any, *, host: str, port: int, **options: Any) -> None:
        interface = host.replace(":", r"\:")
        super().__init__(
            application,
            endpoints=[f"tcp:port={port}:interface={interface}:backlog={BACKLOG}"],
            server_name="",
            application_close_timeout=ABSENT_SECONDS,
            **options,
        )

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; `failure` tells why if the address can't be had."""
        reactor.callWhenRunning(self._start)
        super().run()

    def _start(self) -> None:
        # What is there now stays; of what comes, little is in cycles. Looking for them more often held up the slowest
        # hundredth of tokens for 85 ms instead of 18, with 100 streams of 20 tokens a second.
        gc.freeze()
        gc.set_threshold(GARBAGE, 20, 20)
        engine.start(reactor._asyncioEventloop)
        doorbell.start(reactor._asyncioEventloop)

    def listen_error(self, failure: Any) -> None:
        self.failure = f"{failure.getErrorMessage()} Choose another port, or end the program that has it."
        self.stop()

    def listen_success(self, port: Any) -> None:
        super().listen_success(port)
        # The connections inherit it. What is on its way is not counted: a distant reader is as fast as before.
        port.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, KERNEL_BYTES)
        logger.info("listening", extra={"host": port.getHost().host, "port": port.getHost().port})

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        if scope["type"] == "http":
            scope["extensions"] = {"push": Push(protocol)}
        return super().create_application(protocol, scope)

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        kind, is_last = message["type"], not message.get("more_body")
        if kind == "http.response.body" and not is_last and is_idle(protocol):
            send_at_once(protocol, message["body"])
            return
        if kind == "http.response.body" and is_last and protocol.producer and protocol.channel:
            protocol.unregisterProducer()
        await super().handle_reply(protocol, message)
        if kind == "http.response.start" and protocol.channel and not protocol.producer:
            protocol.channel.transport.bufferSize = BUFFER_BYTES
            protocol.registerProducer(Gate(), True)
        elif kind == "http.response.body" and protocol.producer and not protocol.producer.is_open:
            await protocol.producer.wait()

    def kill_all_applications(self) -> Deferred[None]:
        """Daphne's hook before it stops."""
        return Deferred.fromFuture(asyncio.ensure_future(self._wind_down()))

    async def _wind_down(self) -> None:
        await engine.drain()
        self._close_websockets()
        slow = await self._still_running(READERS_SECONDS)
        for protocol in slow.values():
            # Not application.cancel(): Django does not pass that on to the view, but this it does.
            if connection := getattr(protocol, "channel", protocol):
                connection.transport.abortConnection()
        await self._still_running(ABORT_SECONDS)
        await engine.close()
        await doorbell.stop()
        await close_threads(CONNECTIONS_SECONDS)
        # One turn of the loop or two, for the last bytes to leave Twisted's buffers.
        await asyncio.sleep(0.1)

    def _close_websockets(self) -> None:
        for protocol in self.connections:
            if isinstance(protocol, WebSocketProtocol) and protocol.state == protocol.STATE_OPEN:
                # Not sendClose(), which allows no code that says: come again.
                protocol.sendCloseFrame(code=SERVICE_RESTART)

    async def _still_running(self, timeout: float) -> dict[asyncio.Future[None], Any]:
        """The applications that have not ended in that time, with their protocols."""
        running = {
            details["application_instance"]: protocol
            for protocol, details in self.connections.items()
            if "application_instance" in details
        }
        _, pending = await asyncio.wait(running, timeout=timeout) if running else ((), ())
        return {application: running[application] for application in pending}
