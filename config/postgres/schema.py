"""Changes to tables, which may take long but never make others wait for long."""

from typing import Self

from django.db.backends.postgresql.schema import DatabaseSchemaEditor as PostgresSchemaEditor


class DatabaseSchemaEditor(PostgresSchemaEditor):
    """Gives up a lock that it can't have within a second, because everybody else queues up behind it."""

    def __enter__(self) -> Self:
        if not self.collect_sql:
            self._limit(statement="0", lock="1s")
        editor: Self = super().__enter__()
        return editor

    def _limit(self, **seconds: str) -> None:
        """Set the limits of this session, which is the `migrate` command's own and ends with it."""
        with self.connection.cursor() as cursor:
            for name, value in seconds.items():
                cursor.execute("SELECT set_config(%s, %s, false)", [f"{name}_timeout", value])
        self.connection.connection.longest = 0.0
