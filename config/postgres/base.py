"""Django's PostgreSQL backend, which checks a connection by looking at its socket instead of running a query."""

import select
from typing import Any

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def is_usable(self) -> bool:
        """Check the connection without a query: a server that is gone has closed it, and the socket shows that."""
        connection: Any = self.connection
        if connection is None:
            return False
        if self.errors_occurred or connection.closed or _has_news(connection.fileno()):
            return super().is_usable()
        return True


def _has_news(socket: int) -> bool:
    """Tell whether there is anything to read: between two queries, PostgreSQL only sends something as it closes."""
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))
