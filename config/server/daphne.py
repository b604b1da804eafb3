"""How Daphne runs: on uvloop, with a backlog that takes a burst, with slow readers, and with an orderly stop."""

import asyncio
import gc
import logging
import socket
from typing import Any

# Before Daphne, which would install a reactor on asyncio's own loop.
from config.server.reactor import loop, reactor

# isort: split
from daphne.server import Server as DaphneServer
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from chat.database_threads import close_threads
from chat.doorbell import doorbell
from chat.replies.engine import engine
from config.server import relied_on
from config.server.channel import Channel
from config.server.connections import LOOK_SECONDS, CountedConnection, DescriptorWatch, raise_descriptor_limit
from config.server.push import Gate, Push, is_idle, send_at_once

logger = logging.getLogger(__name__)

# A burst of connections waits here instead of being lost for a second.
BACKLOG = 4096
# How long a question whose sender has left may wait for the database before it is stored.
ABSENT_SECONDS = 60
# How much may wait for one reader before its sender has to wait: here, and in the kernel, which would take megabytes.
BUFFER_BYTES = 16 * 1024
KERNEL_BYTES = 64 * 1024
# Allocations between two runs of the cyclic collector.
GARBAGE = 50_000
# Time for readers to take the end of their streams before the sockets close.
READERS_SECONDS = 2.0
# The code of a WebSocket's close that says: connect again, here or elsewhere.
SERVICE_RESTART = 1012
# Time for views to notice that they were cut off.
ABORT_SECONDS = 1.0
# Time for the threads to close their connections.
CONNECTIONS_SECONDS = 1.0


class Server(DaphneServer):
    """Daphne with a `send` that waits for slow readers, and a stop that lets replies end."""

    failure = ""

    def __init__(self, application: Any, *, host: str, port: int, **options: Any) -> None:
        relied_on.check(reactor)
        raise_descriptor_limit()
        interface = host.replace(":", r"\:")
        super().__init__(
            application,
            endpoints=[f"tcp:port={port}:interface={interface}:backlog={BACKLOG}"],
            server_name="",
            application_close_timeout=ABSENT_SECONDS,
            **options,
        )

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT. If the address can't be used, `failure` says why."""
        reactor.callWhenRunning(self._start)
        super().run()

    def _start(self) -> None:
        # What exists now stays, and little of what comes is in cycles. More frequent collections held up the slowest
        # hundredth of tokens by 85 ms instead of 18, with 100 streams of 20 tokens a second.
        gc.freeze()
        gc.set_threshold(GARBAGE, 20, 20)
        engine.start(loop)
        doorbell.start(loop)
        LoopingCall(DescriptorWatch().look).start(LOOK_SECONDS)

    def listen_error(self, failure: Any) -> None:
        self.failure = f"{failure.getErrorMessage()} Choose another port, or stop the program that uses it."
        self.stop()

    def listen_success(self, port: Any) -> None:
        super().listen_success(port)
        self.http_factory.protocol = Channel
        port.transport = CountedConnection
        # The connections inherit it. Bytes on their way are not counted, so a distant reader is as fast as before.
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
        """Wind down; Daphne calls this before it stops."""
        return Deferred.fromFuture(asyncio.ensure_future(self._wind_down()))

    async def _wind_down(self) -> None:
        await engine.drain()
        self._close_websockets()
        slow = await self._still_running(READERS_SECONDS)
        for protocol in slow.values():
            # Not application.cancel(), which Django does not pass on to the view; a lost connection it does.
            if connection := getattr(protocol, "channel", protocol):
                connection.transport.abortConnection()
        await self._still_running(ABORT_SECONDS)
        await engine.close()
        await doorbell.stop()
        await close_threads(CONNECTIONS_SECONDS)
        # A turn or two of the loop, for the last bytes to leave Twisted's buffers.
        await asyncio.sleep(0.1)

    def _close_websockets(self) -> None:
        for protocol in self.connections:
            if isinstance(protocol, WebSocketProtocol) and protocol.state == protocol.STATE_OPEN:
                # Not sendClose(), which does not allow this code.
                protocol.sendCloseFrame(code=SERVICE_RESTART)

    async def _still_running(self, timeout: float) -> dict[asyncio.Future[None], Any]:
        """Return the applications that have not ended within `timeout` seconds, with their protocols."""
        running = {
            details["application_instance"]: protocol
            for protocol, details in self.connections.items()
            if "application_instance" in details
        }
        _, pending = await asyncio.wait(running, timeout=timeout) if running else ((), ())
        return {application: running[application] for application in pending}
