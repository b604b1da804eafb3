"""Which models there are to choose from: what the server lists, what is allowed, and that nobody waits for it."""

import asyncio
import shutil
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from chat.upstream import Catalogue, UpstreamError
from chat.upstream.catalogue import KEPT_SECONDS
from chat.upstream.model_list import MOST_NAME_CHARS
from tests.support.fake_upstream.absent import nobody_accepts
from tests.support.process import ServerProcess

Answer = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


def listing(*names: str) -> httpx.Response:
    return httpx.Response(200, json={"data": [{"id": name} for name in names]})


def heard(answer: httpx.Response | type[Exception], *allowed: str) -> list[str]:
    """Return the names after the server was asked."""

    async def server(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, httpx.Response):
            return answer
        raise answer("away")

    async def ask() -> list[str]:
        catalogue = catalogue_of(server, allowed)
        await catalogue.models()
        # The names of allowed models are known before the server has listed any.
        await asyncio.sleep(0.01)
        return names(catalogue)

    return asyncio.run(ask())


def catalogue_of(server: Answer, allowed: Iterable[str] = ()) -> Catalogue:
    client = httpx.AsyncClient(transport=httpx.MockTransport(server))
    return Catalogue(client, "http://upstream/v1", allowed=allowed)


def names(catalogue: Catalogue) -> list[str]:
    return [model.id for model in catalogue.known]


def test_without_an_allow_list_it_is_what_the_server_lists() -> None:
    assert heard(listing("fox-1", "hen-2")) == ["fox-1", "hen-2"]


@pytest.mark.parametrize(
    ("allowed", "offered"),
    [
        (["hen-2"], ["hen-2"]),
        (["hen-2", "fox-1"], ["hen-2", "fox-1"]),
        (["fox-*"], ["fox-1", "fox-2"]),
        (["fox-2", "fox-*"], ["fox-2", "fox-1"]),
        (["fox-1", "of-yesterday"], ["fox-1"]),
        # It may accept a name that it does not list.
        (["alias"], ["alias"]),
        (["nothing-*"], []),
    ],
)
def test_an_allow_list_says_which_and_in_which_order(allowed: list[str], offered: list[str]) -> None:
    assert heard(listing("fox-1", "fox-2", "hen-2"), *allowed) == offered


@pytest.mark.parametrize("away", [httpx.Response(404), httpx.ConnectError])
def test_of_a_server_that_tells_none_the_allowed_names_are_known(away: Any) -> None:
    assert heard(away, "fox-1", "hen-*") == ["fox-1"]
    with pytest.raises(UpstreamError):
        heard(away)


@pytest.mark.parametrize(
    "body",
    [
        '[{"id": "fox-1"}, {"id": "hen-2"}]',
        '["fox-1", "hen-2"]',
        '{"models": [{"name": "fox-1"}, {"model": "hen-2"}]}',
        '{"data": {"models": [{"id": "fox-1"}, {"id": "hen-2"}]}}',
        '{"data": [{"id": "fox-1"}, {"id": null}, null, {}, {"id": ""}, {"id": " "}, 5.5, {"id": "hen-2"}]}',
        '{"data": [{"id": "fox-1"}, {"id": "hen-2"}, {"id": "fox-1"}, {"id": "hen-2"}]}',
        '\ufeff{"object": "list", "data": [{"id": "fox-1"}, {"id": "hen-2"}]}\n',
        '{"data": [{"id": "fox-1", "meta": [], "max_model_len": "x"}, {"id": "hen-2", "context_length": true}]}',
        '{"data": [{"id": "fox-1"}, {"id": "with \\u0000"}, {"id": "half \\ud83d"}, {"id": "hen-2"}]}',
        '{"data": [{"id": ["fox-0"], "name": "fox-1"}, {"id": true, "model": "hen-2"}]}',
    ],
)
def test_a_list_is_read_in_every_shape(body: str) -> None:
    assert heard(httpx.Response(200, content=body.encode())) == ["fox-1", "hen-2"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "unreadable"),
        ("<html>", "unreadable"),
        ("[" * 100_000, "unreadable"),
        ("7", "unreadable"),
        ('{"error": {"message": "Closed on Sundays."}}', "upstream_error"),
        ('{"code": 401, "msg": "Closed on Sundays."}', "upstream_error"),
    ],
)
def test_what_is_no_list_is_an_error(body: str, code: str) -> None:
    with pytest.raises(UpstreamError) as failure:
        heard(httpx.Response(200, content=body.encode()))
    assert failure.value.code == code
    assert failure.value.detail == ("Closed on Sundays." if code == "upstream_error" else "")


def test_the_reason_of_a_refused_list_is_told() -> None:
    with pytest.raises(UpstreamError) as failure:
        heard(httpx.Response(401, json={"error": {"message": "Invalid API key"}}))
    assert (failure.value.code, failure.value.detail) == ("unauthorized", "Invalid API key")


def test_windows_are_read_under_every_name() -> None:
    rows: list[dict[str, Any]] = [
        {"meta": {"n_ctx": 1}},
        {"max_model_len": 2},
        {"context_length": 3},
        {"context_window": 4},
        {},
    ]
    listed = [{"id": f"m{number}", **row} for number, row in enumerate(rows)]

    async def server(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": listed})

    async def windows() -> list[int]:
        catalogue = catalogue_of(server)
        await catalogue.models()
        return [catalogue.window_of(f"m{number}") for number in range(len(rows))]

    assert asyncio.run(windows()) == [1, 2, 3, 4, 0]


@pytest.mark.parametrize("first", [httpx.ConnectError, httpx.Response(503), httpx.Response(500), httpx.Response(429)])
def test_a_list_that_failed_is_asked_for_again_by_the_next_question(first: Any) -> None:
    answers = [first, listing("fox-1")]

    async def server(request: httpx.Request) -> httpx.Response:
        answer = answers.pop(0)
        if isinstance(answer, httpx.Response):
            return answer
        raise answer("away")

    async def ask() -> str:
        catalogue = catalogue_of(server)
        with suppress(UpstreamError):
            await catalogue.models()
        assert len(answers) == 1
        return await catalogue.default()

    assert asyncio.run(ask()) == "fox-1"


def test_a_name_that_is_too_long_to_be_stored_is_asked_for_in_full() -> None:
    long = "/models/" + "n" * 300
    other = "/models/m" + "n" * 300

    async def server(request: httpx.Request) -> httpx.Response:
        return listing(long, other)

    async def ask() -> Catalogue:
        catalogue = catalogue_of(server)
        await catalogue.models()
        return catalogue

    catalogue = asyncio.run(ask())
    first, second = names(catalogue)
    assert len(first) == len(second) == MOST_NAME_CHARS
    assert first != second
    assert [catalogue.name_of(first), catalogue.name_of(second)] == [long, other]


def test_looking_waits_for_nobody_and_what_is_new_is_there_later() -> None:
    async def look() -> None:
        lists = [listing("fox-1"), listing("fox-1", "hen-2")]
        gate = asyncio.Event()

        async def server(request: httpx.Request) -> httpx.Response:
            await gate.wait()
            return lists.pop(0)

        catalogue = catalogue_of(server)
        catalogue.look_again()
        await asyncio.sleep(0.05)
        assert names(catalogue) == []
        gate.set()
        await catalogue.models()
        assert names(catalogue) == ["fox-1"]
        catalogue.look_again()
        await asyncio.sleep(0.05)
        assert names(catalogue) == ["fox-1"], "not asked again so soon"
        catalogue._until -= KEPT_SECONDS + 1
        catalogue.look_again()
        assert names(catalogue) == ["fox-1"], "the old list serves meanwhile"
        await asyncio.sleep(0.05)
        assert names(catalogue) == ["fox-1", "hen-2"]

    asyncio.run(look())


@pytest.mark.process
def test_a_page_does_not_wait_for_a_model_server_that_is_away(tmp_path: Path, migrated: Path) -> None:
    """A server whose connections hang, and that has never answered."""
    with nobody_accepts() as base_url:
        database = Path(shutil.copy(migrated, tmp_path / "chat.sqlite3"))
        away: Any = SimpleNamespace(base_url=base_url)
        server = ServerProcess(tmp_path, away, database=database).start()
        try:
            anna = server.person()
            began = time.monotonic()
            assert anna.http.get("/").status_code == 200
            assert anna.http.get("/settings/").status_code == 200
            # Asking for the list takes five seconds, and is tried again after as many.
            assert time.monotonic() - began < 4
        finally:
            server.stop()
