"""Who reads streams here, and with which login: when a login ends, so do its streams, wherever it was ended.

The database is asked, because it alone knows of what another process did, or somebody at a console.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.utils import timezone

from chat.models import User

LOOK_SECONDS = 0.7
# Databases allow a number of parameters in one query.
MOST_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Login:
    """A session as it was when the stream began; `password`: its hash, which the session is bound to."""

    session: str
    user: UUID
    password: str


class Logins:
    """Used from the event loop alone."""

    def __init__(self) -> None:
        self._readers: defaultdict[Login, set[Callable[[], None]]] = defaultdict(set)

    @contextmanager
    def reading(self, login: Login, dismiss: Callable[[], None]) -> Iterator[None]:
        """Call `dismiss` if the login ends while this lasts."""
        self._readers[login].add(dismiss)
        try:
            yield
        finally:
            self._readers[login].discard(dismiss)
            if not self._readers[login]:
                del self._readers[login]

    async def look_now_and_then(self, in_database: Callable[..., Awaitable[Any]]) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            asked = list(self._readers)
            for start in range(0, len(asked), MOST_AT_ONCE):
                await self._look(asked[start : start + MOST_AT_ONCE], in_database)

    async def _look(self, asked: list[Login], in_database: Callable[..., Awaitable[Any]]) -> None:
        try:
            valid = await in_database(_valid, asked)
        except DatabaseError:
            # Unknown for now; the next look will tell.
            return
        for login in set(asked) - valid:
            for dismiss in tuple(self._readers.get(login, ())):
                dismiss()


def _valid(logins: list[Login]) -> set[Login]:
    """Return the logins that still hold."""
    rows = Session.objects.filter(session_key__in={login.session for login in logins}, expire_date__gt=timezone.now())
    sessions = set(rows.values_list("session_key", flat=True))
    users = User.objects.filter(pk__in={login.user for login in logins}, is_active=True)
    passwords = dict(users.values_list("pk", "password"))
    return {login for login in logins if login.session in sessions and passwords.get(login.user) == login.password}


logins = Logins()
