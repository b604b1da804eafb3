import pytest
from django.test import Client

from chat.models import User
from chat.replies.engine import engine
from chat.replies.writer import Job
from tests.support.factories import make_user


@pytest.fixture
def anna(client: Client, db: None) -> User:
    """Anna, logged in."""
    anna = make_user()
    client.force_login(anna)
    return anna


@pytest.fixture(autouse=True)
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Collect the replies that would be written now, so that no test here waits for a model."""
    jobs: list[Job] = []
    monkeypatch.setattr(engine, "begin", jobs.append)
    monkeypatch.setattr(engine, "offered", lambda: ())
    monkeypatch.setattr(engine, "draining", False)
    return jobs
