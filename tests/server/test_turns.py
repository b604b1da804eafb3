"""One person's heavy pages: how many run at once, who waits for whom, and that nobody else does."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from chat.markdown import person, render
from chat.markdown.rendering import PARSER
from config.server.middleware import THREADS, on_shared_threads
from config.server.turns import MOST_AT_ONCE, in_turn
from tests.support.factories import make_conversation
from tests.support.site import Person, Site
from tests.support.waiting import until

HEAVY = "a heavy text"


class Held:
    """Renderings of heavy texts, held in their threads until the test lets them go."""

    def __init__(self) -> None:
        self.at_once, self.most, self.done = 0, 0, 0
        self.may_go_on = threading.Event()
        self._lock = threading.Lock()

    def hold(self) -> None:
        with self._lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        assert self.may_go_on.wait(20)
        with self._lock:
            self.at_once -= 1
            self.done += 1


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held, plain = Held(), PARSER.render

    def slow(text: str, env: dict[str, Any]) -> Any:
        if text.startswith(HEAVY):
            held.hold()
        return plain(text, env)

    monkeypatch.setattr(PARSER, "render", slow)
    yield held
    held.may_go_on.set()


def heavy_pages(person: Person, count: int) -> list[str]:
    """Conversations with a heavy answer each."""
    made = [make_conversation(person.user, [("?", f"{HEAVY} {person.user.pk} {n}")]) for n in range(count)]
    return [f"/chat/{conversation.pk}/" for conversation in made]


@pytest.mark.usefixtures("held")
class TestHeavyPages:
    def test_never_delay_another_persons_question_or_page(
        self, site: Site, anna: Person, boris: Person, held: Held
    ) -> None:
        sessions = [site.sign_in("anna") for _ in range(3)]
        for session in sessions:
            # From now on the sessions are known to be one person's.
            assert session.http.get("/").status_code == 200
        pages = heavy_pages(anna, 3 * THREADS)
        with ThreadPoolExecutor(len(pages)) as pool:
            asked = [pool.submit(sessions[number % 3].http.get, page) for number, page in enumerate(pages)]
            until(lambda: held.at_once > 0)
            assert boris.ask().end["status"] == "complete"
            for _ in range(2 * THREADS):
                assert boris.http.get("/").status_code == 200
            assert anna.ask().end["status"] == "complete", "her own question does not wait either"
            assert held.done == 0
            held.may_go_on.set()
            assert {page.result().status_code for page in asked} == {200}
        assert held.most == 1, "one rendering of a person at a time"
        assert held.done == len(pages)

    def test_of_two_people_are_rendered_at_the_same_time(self, anna: Person, boris: Person, held: Held) -> None:
        with ThreadPoolExecutor(2) as pool:
            for someone in (anna, boris):
                pool.submit(someone.http.get, heavy_pages(someone, 1)[0])
            until(lambda: held.at_once == 2)
            held.may_go_on.set()

    def test_one_text_that_two_pages_ask_for_at_once_is_rendered_once(self, held: Held) -> None:
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(render, f"{HEAVY} of all") for _ in range(4)]
            until(lambda: held.at_once == 1)
            held.may_go_on.set()
            assert len({one.result() for one in asked}) == 1
        assert held.done == 1


# --- The parts -------------------------------------------------------------------------------------------------------


def scope_of(session: str, path: str = "/", **more: Any) -> dict[str, Any]:
    return {"path": path, "headers": [(b"cookie", f"a=b; sessionid={session}".encode())], **more}


async def nothing(*_: Any) -> None:
    """A receive or send that does nothing."""


class Application:
    """Keeps every request until the test lets it answer or end."""

    def __init__(self) -> None:
        self.running: list[dict[str, Any]] = []
        self.may_answer, self.may_end = asyncio.Event(), asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.running.append(scope)
        await self.may_answer.wait()
        await send({"type": "http.response.start"})
        await self.may_end.wait()


async def turns_later() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_who_waits_gets_the_seat_when_another_response_begins() -> None:
    async def requests() -> list[int]:
        application = Application()
        run = in_turn(application)
        tasks = [asyncio.ensure_future(run(scope_of("s"), nothing, nothing)) for _ in range(7)]
        await turns_later()
        counts = [len(application.running)]
        application.may_answer.set()
        await turns_later()
        counts.append(len(application.running))
        for task in tasks:
            task.cancel()
        return counts

    assert asyncio.run(requests()) == [MOST_AT_ONCE, 7]


@pytest.mark.parametrize("end", ["cancelled", "failed"])
def test_a_request_that_ends_without_an_answer_gives_its_seat_back(end: str) -> None:
    async def requests() -> None:
        async def fail(*_: Any) -> None:
            if end == "failed":
                raise ValueError
            await asyncio.sleep(60)

        run = in_turn(fail)
        for _ in range(3 * MOST_AT_ONCE):
            task = asyncio.ensure_future(run(scope_of("s"), nothing, nothing))
            await turns_later()
            task.cancel()
            with pytest.raises((ValueError, asyncio.CancelledError)):
                await task

    asyncio.run(asyncio.wait_for(requests(), 10))


@pytest.mark.parametrize(
    "scope", [{"path": "/", "headers": []}, scope_of("s", "/chat/stream"), scope_of("s", "/chat/stop")]
)
def test_nobody_waits_without_a_session_or_with_a_question(scope: dict[str, Any]) -> None:
    async def requests() -> int:
        application = Application()
        run = in_turn(application)
        tasks = [asyncio.ensure_future(run(scope, nothing, nothing)) for _ in range(7)]
        await turns_later()
        for task in tasks:
            task.cancel()
        return len(application.running)

    assert asyncio.run(requests()) == 7


def test_a_person_is_known_where_pages_are_rendered() -> None:
    async def requests() -> list[Any]:
        found = []

        async def application(scope: Any, *_: Any) -> None:
            found.append(person.get())
            scope["user_id"] = 7

        run = in_turn(application)
        for _ in range(2):
            await asyncio.ensure_future(run(scope_of("s"), nothing, nothing))
        return found

    assert asyncio.run(requests()) == ["s", 7]


def test_a_request_gets_a_thread_that_no_other_waits_for() -> None:
    """As many long requests as there are threads but one: every short one gets the thread that is left."""

    async def requests() -> None:
        may_go_on = threading.Event()

        async def application(scope: Any, receive: Any, send: Any) -> None:
            await sync_to_async(may_go_on.wait if scope["is_long"] else threading.get_ident)()

        run = on_shared_threads(application)
        long: list[asyncio.Future[None]] = [
            asyncio.ensure_future(run({"is_long": True}, nothing, nothing)) for _ in range(THREADS - 1)
        ]
        await turns_later()
        for _ in range(3 * THREADS):
            await asyncio.wait_for(run({"is_long": False}, nothing, nothing), 10)
        assert not any(task.done() for task in long)
        may_go_on.set()
        await asyncio.gather(*long)

    asyncio.run(requests())
