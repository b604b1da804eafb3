"""Django's PostgreSQL backend, for a server that may hang, and with a cheaper check of its connections."""

import select
from functools import cache, partial
from typing import Any

from django.db.backends.postgresql import base
from psycopg import IsolationLevel
from psycopg.conninfo import make_conninfo

from config.postgres.connection import Connection
from config.postgres.schema import DatabaseSchemaEditor
from config.postgres.watch import Watch

# On top of the server's own time-out: it gets the chance to end a statement itself.
GRACE_SECONDS = 2.0
# For Django's own connections beside the settings, such as those that make a test's database.
CONNECT_SECONDS = 2.0


class DatabaseWrapper(base.DatabaseWrapper):
    SchemaEditorClass = DatabaseSchemaEditor

    def get_connection_params(self) -> dict[str, Any]:
        """Turn the time-outs into options of the session; those of the URL come last and win."""
        params: dict[str, Any] = super().get_connection_params()
        limits = {name: params.pop(name, 0) for name in ("statement_timeout", "lock_timeout")}
        words = [f"-c {name}={round(seconds * 1000)}" for name, seconds in limits.items() if seconds]
        if options := " ".join([*words, *filter(None, [params.get("options")])]):
            params["options"] = options
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        """Connect, or fail at once while the server is known to be away."""
        self.isolation_level = IsolationLevel.READ_COMMITTED
        watch, options = watch_of(_address_of(conn_params)), self.settings_dict["OPTIONS"]
        patience = float(options.get("connect_timeout", CONNECT_SECONDS))
        connection = watch.open(partial(Connection.connect, **conn_params), patience)
        limit = options.get("statement_timeout", 0)
        connection.watch, connection.longest = watch, limit + GRACE_SECONDS if limit else 0.0
        return connection

    def is_usable(self) -> bool:
        """Check the connection without a query: a server that is gone has closed it, and the socket shows that."""
        connection: Any = self.connection
        return (
            connection is not None
            and not (connection.closed or connection.broken)
            and not _has_news(connection.fileno())
        )


def _has_news(socket: int) -> bool:
    """Tell whether there is something to read. While nothing is asked of it, PostgreSQL only ever says goodbye."""
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


def _address_of(conn_params: dict[str, Any]) -> str:
    """Return what libpq needs to connect: texts and numbers. The rest is for psycopg, and the same for all."""
    known: dict[str, Any] = {name: value for name, value in conn_params.items() if isinstance(value, str | int)}
    return make_conninfo(**{name: value for name, value in known.items() if name != "prepare_threshold"})


@cache
def watch_of(address: str) -> Watch[Connection]:
    """Return the watch over a server, which all of a process's connections to it share."""
    return Watch(partial(Connection.connect, address))
