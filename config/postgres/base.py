"""Django's PostgreSQL, with connections that are looked at instead of being asked whether they still work."""

import select
from typing import Any

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def is_usable(self) -> bool:
        """A server that is gone has hung up, and that can be seen: a query less for each request."""
        connection: Any = self.connection
        if connection is None:
            return False
        if self.errors_occurred or connection.closed or _has_news(connection.fileno()):
            return super().is_usable()
        return True


def _has_news(socket: int) -> bool:
    """Between two queries PostgreSQL says nothing but its last word."""
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))
