"""What a browser or a script can do with the site, over real TCP."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from chat import sse
from chat.models import Message, User
from tests.support.fake_upstream.server import FakeUpstream

PATIENCE = 20.0


@dataclass(frozen=True)
class Site:
    base_url: str
    upstream: FakeUpstream
    people: list["Person"] = field(default_factory=list)

    def sign_in(self, name: str) -> "Person":
        """Return a client with a session, and create the account if it is new."""
        user, _ = User.objects.get_or_create(username=name)
        self.people.append(Person(self, user))
        return self.people[-1]


@dataclass
class Told:
    """What one stream has sent: its events with their ids, in order."""

    events: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def text(self, type_: str = "delta") -> str:
        return "".join(event["text"] for event in self.events if event["type"] == type_)

    def first(self, type_: str) -> dict[str, Any] | None:
        return next((event for event in self.events if event["type"] == type_), None)

    @property
    def end(self) -> dict[str, Any]:
        assert self.events[-1]["type"] == "end", self.events
        return self.events[-1]

    @property
    def reply(self) -> str:
        return str(self.events[0]["reply"])


class Person:
    """A user who is logged in, with the cookies and the token that a browser would have."""

    def __init__(self, site: Site, user: User, session: str = "") -> None:
        """`session`: a session key from a server whose database is not this process's."""
        self.user = user
        # The site speaks plain HTTP; reading all certificates would take longer than most tests.
        self.http = httpx.Client(base_url=site.base_url, timeout=PATIENCE, verify=False)
        self.http.cookies.set("sessionid", session or session_of(user))
        self.http.cookies.set("csrftoken", "t" * 32)
        self.http.headers["X-CSRFToken"] = "t" * 32

    def post(self, path: str = "/chat/stream", **fields: Any) -> httpx.Response:
        """Post JSON, as a script does, and read the whole answer."""
        return self.http.post(path, json=fields)

    def ask(self, text: str = "hello", **fields: Any) -> Told:
        """Ask a question, and read its stream to the end."""
        with self.asking(text, **fields) as response:
            return told(response)

    @contextmanager
    def asking(self, text: str = "hello", *, blocks_from: Any = None, **fields: Any) -> Iterator[httpx.Response]:
        """Ask a question whose stream the test reads itself; it is closed at the end of the block."""
        body = {"request_id": str(uuid.uuid4()), "text": text, **fields}
        path = "/chat/stream" if blocks_from is None else f"/chat/stream?blocks_from={blocks_from}"
        with self.http.stream("POST", path, json=body) as response:
            if response.status_code != 200:
                response.read()
            assert response.status_code == 200, response.text
            yield response

    def follow(self, reply: str, after: str = "0.0", **params: Any) -> Told:
        """Read a reply from a cursor to its end."""
        with self.reading(reply, after, **params) as response:
            return told(response)

    @contextmanager
    def reading(self, reply: str, after: str = "0.0", **params: Any) -> Iterator[httpx.Response]:
        """Open a reply's stream, which the test reads itself; it is closed at the end of the block."""
        params |= {"reply": reply, "after": after}
        with self.http.stream("GET", "/chat/stream", params=params) as response:
            assert response.status_code == 200, response.status_code
            yield response


def session_of(user: User) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    assert session.session_key
    return session.session_key


def events_of(response: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (id, event) as they arrive."""
    decoder = sse.Decoder()
    for data in response.iter_bytes():
        for event in decoder.feed(data):
            yield event.id, json.loads(event.data)


def told(response: httpx.Response) -> Told:
    heard = Told()
    for id_, event in events_of(response):
        heard.ids.append(id_)
        heard.events.append(event)
    return heard


def stored(reply: str) -> Message:
    """Return the answer as the database has it."""
    return Message.objects.select_related("generation", "evidence", "conversation").get(pk=reply)
