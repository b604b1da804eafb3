"""How Daphne is run: on uvloop, with a backlog that takes a burst, readers that can be slow, and an honest end."""

import asyncio
import logging
from typing import Any

import uvloop
from twisted.internet import asyncioreactor

# Before Daphne is imported: it would make a reactor on the plain loop.
asyncioreactor.install(uvloop.new_event_loop())

from daphne.server import Server as DaphneServer  # noqa: E402
from twisted.internet import reactor  # noqa: E402
from twisted.internet.defer import Deferred  # noqa: E402
from twisted.internet.interfaces import IPushProducer  # noqa: E402
from zope.interface import implementer  # noqa: E402

from chat.engine import engine  # noqa: E402

logger = logging.getLogger(__name__)

# A burst of connections waits here instead of being lost for a second.
BACKLOG = 4096
# For readers to take their end before the sockets close.
READERS_SECONDS = 2.0


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


class Server(DaphneServer):
    """Daphne whose `send` waits for a slow reader, and which lets replies end before it stops."""

    failure = ""

    def __init__(self, application: Any, *, host: str, port: int, **options: Any) -> None:
        interface = host.replace(":", r"\:")
        super().__init__(
            application,
            endpoints=[f"tcp:port={port}:interface={interface}:backlog={BACKLOG}"],
            server_name="",
            **options,
        )

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; `failure` tells why if the address can't be had."""
        reactor.callWhenRunning(self._start)
        super().run()

    def _start(self) -> None:
        engine.start(reactor._asyncioEventloop)

    def listen_error(self, failure: Any) -> None:
        self.failure = f"{failure.getErrorMessage()} Choose another port, or end the program that has it."
        self.stop()

    def listen_success(self, port: Any) -> None:
        super().listen_success(port)
        logger.info("listening", extra={"host": port.getHost().host, "port": port.getHost().port})

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        kind, is_last = message["type"], not message.get("more_body")
        if kind == "http.response.body" and is_last and protocol.producer:
            protocol.unregisterProducer()
        await super().handle_reply(protocol, message)
        if kind == "http.response.start" and protocol.channel and not protocol.producer:
            protocol.registerProducer(Gate(), True)
        elif kind == "http.response.body" and protocol.producer and not protocol.producer.is_open:
            await protocol.producer.wait()

    def kill_all_applications(self) -> Deferred[None]:
        """Daphne's hook before it stops."""
        return Deferred.fromFuture(asyncio.ensure_future(self._wind_down()))

    async def _wind_down(self) -> None:
        await engine.drain()
        applications = [
            details["application_instance"]
            for details in self.connections.values()
            if "application_instance" in details
        ]
        if applications:
            _, slow = await asyncio.wait(applications, timeout=READERS_SECONDS)
            for application in slow:
                application.cancel()
        # One turn of the loop or two, for the last bytes to leave Twisted's buffers.
        await asyncio.sleep(0.1)
