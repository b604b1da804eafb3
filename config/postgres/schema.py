"""Changes to tables, which may take long but never make others wait for long."""

from typing import Self

from django.db.backends.postgresql.schema import DatabaseSchemaEditor as PostgresSchemaEditor


class DatabaseSchemaEditor(PostgresSchemaEditor):
    """Gives up a lock that it can't have at once, because everybody else would queue up behind it.

    What is built outside a transaction, such as an index that is made CONCURRENTLY, locks nobody out and may wait.
    """

    def __enter__(self) -> Self:
        if not self.collect_sql:
            self._limit(statement="0", lock="1s" if self.atomic_migration else "0")
        editor: Self = super().__enter__()
        return editor

    def _limit(self, **seconds: str) -> None:
        """Set the limits of this session, which is the `migrate` command's own and ends with it."""
        with self.connection.cursor() as cursor:
            for name, value in seconds.items():
                cursor.execute("SELECT set_config(%s, %s, false)", [f"{name}_timeout", value])
        self.connection.connection.longest = 0.0
