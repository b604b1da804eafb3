"""An OpenAI-compatible upstream that plays scripts by name, over real TCP, exactly byte by byte.

    with FakeUpstream() as upstream:
        ask(upstream.base_url, model="W17/split-3")

`W1` to `W72` and the `X` rows are in wire_rows/, `echo`, `paced/tokens=200/interval=0.02` and others in
scripts.py. The body is sent as the script says, or cut by the end of the name: `/bytes`, `/split-<seed>`.
What follows a `#` only distinguishes two tests. To run it by hand:

    python -m tests.support.fake_upstream.server --port 9001
"""

import argparse
import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.support.fake_upstream.chunks import error, json_answer
from tests.support.fake_upstream.cuts import Cut, cut_named, whole
from tests.support.fake_upstream.request import LARGEST_HEAD, ModelName, Received, read_request
from tests.support.fake_upstream.scripts import SCRIPTS, Author, written
from tests.support.fake_upstream.steps import Script, Step, Wire, merged, play, steps_for
from tests.support.wire_rows import ROWS

BACKLOG = 4096
PATIENCE = 5.0


def always(script: Script) -> Author:
    return lambda asked: script


class FakeUpstream:
    """The server. It has a thread and an event loop of its own, so that synchronous tests can use it."""

    def __init__(self, port: int = 0) -> None:
        self.scripts: dict[str, Author] = SCRIPTS | {name: always(row.steps) for name, row in ROWS.items()}
        self.connections_opened = 0
        self.connections_open = 0
        self._port = port
        self._requests: list[Received] = []
        self._asked: Counter[str] = Counter()
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="fake-upstream", daemon=True)
        self._started: Future[str] = Future()
        self._connections: set[_Connection] = set()

    # --- For tests, from any thread ---

    @property
    def base_url(self) -> str:
        return self._started.result(PATIENCE)

    @property
    def requests(self) -> list[Received]:
        """Return everything received, in order."""
        with self._news:
            return list(self._requests)

    @property
    def chats(self) -> list[Received]:
        """Return the requests for a completion."""
        return [request for request in self.requests if request.path.endswith("/chat/completions")]

    def wait_for_request(self, timeout: float = PATIENCE, *, number: int = 1) -> Received:
        """Wait for a request for a completion: the first one, or the one with this number."""
        with self._news:
            came = self._news.wait_for(lambda: len(self.chats) >= number, timeout)
            assert came, f"{len(self.chats)} of {number} requests within {timeout} s"
            return self.chats[number - 1]

    def add(self, name: str, script: Script) -> str:
        """Add a test's own script; its name is the model to ask for."""
        self.scripts[name] = always(tuple(script))
        return name

    def offer(self, model: str) -> str:
        """Add a script with its parameters to the list of models, for clients that may only ask listed ones."""
        self.scripts[model] = self.scripts[ModelName.parse(model).script]
        return model

    def release(self, times: int = 1) -> None:
        """Open this many gates, now or when they are reached."""
        for _ in range(times):
            self._loop.call_soon_threadsafe(self._gate.release)

    def forget(self) -> None:
        """Reset requests and counters; running scripts go on."""
        with self._news:
            self._requests.clear()
            self._asked.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.result(PATIENCE)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)

    # --- In its own thread ---

    def _run(self) -> None:
        # Use a plain selector loop, whatever policy the tests have set: sockets are handled by hand here.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            try:
                runner.run(self._serve())
            except OSError as problem:
                self._started.set_exception(problem)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._gate = asyncio.Semaphore(0)
        server = await self._loop.create_server(lambda: _Connection(self), "127.0.0.1", self._port, backlog=BACKLOG)
        self._started.set_result(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        await self._stop.wait()
        server.close()
        for connection in list(self._connections):
            connection.drop()
        # One turn of the loop, for the transports to close.
        await asyncio.sleep(0)

    def opened(self, connection: "_Connection") -> None:
        self._connections.add(connection)
        self.connections_opened += 1
        self.connections_open += 1

    def closed(self, connection: "_Connection") -> None:
        self._connections.discard(connection)
        self.connections_open -= 1

    def receive(self, request: Received) -> None:
        with self._news:
            self._asked[request.model] += 1
            request.number = self._asked[request.model]
            self._requests.append(request)
            request.request_id = f"req-{len(self._requests)}"
            self._news.notify_all()

    def wire(self, request: Received, writer: asyncio.StreamWriter, cut: Cut) -> Wire:
        return Wire(writer, request, cut, self._gate)

    def answer(self, request: Received) -> tuple[Iterator[Step], Cut]:
        match request.method, request.path.partition("?")[0]:
            case "GET", "/v1/models":
                return steps_for(request, self._models()), whole
            case "POST", "/v1/chat/completions":
                return self._completion(request)
        return steps_for(request, json_answer(error("No such page."), 404)), whole

    def _models(self) -> Script:
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "tests"} for name in self.scripts]
        return json_answer({"object": "list", "data": models})

    def _completion(self, request: Received) -> tuple[Iterator[Step], Cut]:
        name = ModelName.parse(request.model)
        author = self.scripts.get(name.script)
        if author is None:
            return steps_for(request, json_answer(error(f"The model {request.model!r} does not exist."), 404)), whole
        try:
            cut = cut_named(name.cut)
            steps = steps_for(request, written(author, request, name.parameters))
        except ValueError as problem:
            return steps_for(request, json_answer(error(str(problem)), 400)), whole
        return (steps if cut is whole else merged(steps)), cut


class _Connection(asyncio.StreamReaderProtocol):
    """One client: reads its requests, plays their scripts, and notices at any moment if it leaves."""

    def __init__(self, upstream: FakeUpstream) -> None:
        super().__init__(asyncio.StreamReader(limit=LARGEST_HEAD), self._converse)
        self.upstream = upstream
        self.asked: Received | None = None
        self.conversation: asyncio.Task[None] | None = None
        self.abort: Callable[[], None] = lambda: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(0)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.abort = transport.abort
        self.upstream.opened(self)
        super().connection_made(transport)

    def eof_received(self) -> bool:
        self._client_left()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._client_left()
        self.upstream.closed(self)
        super().connection_lost(exc)

    def drop(self) -> None:
        if self.conversation:
            self.conversation.cancel()
        self.abort()

    def _client_left(self) -> None:
        if self.asked:
            self.asked.mark_closed_by_peer()
        if self.conversation:
            self.conversation.cancel()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.conversation = asyncio.current_task()
        # It was cancelled because the client left or the test is over. Nobody waits for this task.
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._exchange(reader, writer):
                pass
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Handle one request. Returns whether the connection may carry another one."""
        self.asked = await read_request(reader)
        self.upstream.receive(self.asked)
        steps, cut = self.upstream.answer(self.asked)
        wire = self.upstream.wire(self.asked, writer, cut)
        await play(steps, wire)
        self.asked.mark_finished()
        return not wire.over and self.asked.headers.get("connection", "").lower() != "close"


def main() -> None:
    parser = argparse.ArgumentParser(description="A scripted OpenAI-compatible upstream.")
    parser.add_argument("--port", type=int, default=9001)
    with FakeUpstream(parser.parse_args().port) as upstream:
        print(f"LLM_BASE_URL={upstream.base_url}\nmodels: {' '.join(upstream.scripts)}", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
