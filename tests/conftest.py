"""Shared fixtures: the server as it runs in production, in a thread of this process, and the fake model server."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models.signals import post_migrate

from chat.models import DEAD_AFTER
from chat.outages.database import database_outage
from chat.outages.model_server import model_server_outage
from chat.replies.engine import engine
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.process import Servers, make_database
from tests.support.site import Person, Site
from tests.support.waiting import until

# A slow machine is not a failure.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL, run only tests that use the database: the others have run on SQLite, with the same result."""
    if connection.vendor == "postgresql":
        config.hook.pytest_deselected(items=[item for item in items if not _asks_the_database(item)])
        items[:] = filter(_asks_the_database, items)


def _asks_the_database(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return bool(item.get_closest_marker("django_db") or {"db", "transactional_db"} & set(fixtures))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        _keep_permissions()
        if connection.vendor == "postgresql":
            _wait_for_age()


def _keep_permissions() -> None:
    """Restore the permissions whenever a test has emptied the database: computing them again takes far longer."""
    kinds, permissions = list(ContentType.objects.all()), list(Permission.objects.all())
    post_migrate.disconnect(create_contenttypes)
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")

    def put_back(**_: Any) -> None:
        ContentType.objects.bulk_create(kinds)
        Permission.objects.bulk_create(permissions)

    post_migrate.connect(put_back, sender=apps.get_app_config("contenttypes"), weak=False)


def _wait_for_age() -> None:
    """Wait: no writer counts as dead until the database has been running for long enough."""
    with connection.cursor() as cursor:
        age = "extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())"
        cursor.execute(f"SELECT pg_sleep(%s - {age})", [DEAD_AFTER.total_seconds()])


@pytest.fixture(scope="session")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="session")
def served(upstream: FakeUpstream, django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    """A running server. Its threads use the database at any time, as in production."""
    from django.conf import settings

    settings.LLM_BASE_URL = upstream.base_url
    running: Future[Any] = Future()
    thread = threading.Thread(target=_serve, args=(running,), daemon=True, name="server")
    with django_db_blocker.unblock():
        thread.start()
        yield running.result(10)
        _stop()
        thread.join(15)
    assert not thread.is_alive(), "the server does not stop"


def _serve(running: Future[Any]) -> None:
    # Imported in the server's thread: Twisted's reactor belongs to the thread that runs it.
    from config.asgi import application
    from config.server.daphne import Server

    class Served(Server):
        def listen_success(self, port: Any) -> None:
            from twisted.internet import reactor

            super().listen_success(port)
            self.base_url = f"http://127.0.0.1:{port.getHost().port}"
            # After the start of the engine, which waits for the reactor too.
            reactor.callWhenRunning(running.set_result, self)

    Served(application, host="127.0.0.1", port=0, signal_handlers=False).run()


def _stop() -> None:
    from twisted.internet import reactor as installed

    # Twisted's types only include what all reactors have.
    reactor: Any = installed
    reactor.callFromThread(reactor.stop)


@pytest.fixture
def site(served: Any, upstream: FakeUpstream, transactional_db: None, settings: Any) -> Iterator[Site]:
    """An empty site without any accounts. What a test leaves running is ended after it."""
    upstream.forget()
    settings.LLM_BASE_URL = upstream.base_url
    site = Site(served.base_url, upstream)
    yield site
    for person in site.people:
        person.http.close()
    _end_all_replies()
    # What a test has broken is no outage for the next one.
    database_outage.__init__()  # type: ignore[misc]
    model_server_outage.__init__()  # type: ignore[misc]
    # The log has a line for a request when it is over, which may be after its client has the answer.
    until(lambda: all(request.done() for request in _requests(served)))


def _requests(served: Any) -> list[Any]:
    connections = list(served.connections.values())
    return [connection["application_instance"] for connection in connections if "application_instance" in connection]


def _end_all_replies() -> None:
    deadline = time.monotonic() + 10
    while running := engine.running():
        for reply in running:
            engine.stop(reply)
        assert time.monotonic() < deadline, "a reply does not end"
        time.sleep(0.01)


@pytest.fixture
def anna(site: Site) -> Person:
    """An ordinary user, logged in."""
    return site.sign_in("anna")


@pytest.fixture
def boris(site: Site) -> Person:
    """Another user, also logged in."""
    return site.sign_in("boris")


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file to copy from, with Anna and Boris logged in."""
    database = tmp_path_factory.mktemp("template") / "migrated.sqlite3"
    make_database(database)
    return database


@pytest.fixture
def servers(tmp_path: Path, migrated: Path, upstream: FakeUpstream) -> Iterator[Servers]:
    """Servers that can be killed: each is a process of its own, and ended after the test."""
    upstream.forget()
    servers = Servers(tmp_path, migrated, upstream)
    yield servers
    servers.stop()
