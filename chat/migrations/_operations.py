"""Changes to large tables that make nobody wait, for PostgreSQL; on SQLite they are Django's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import migrations


class AddIndexBeside(migrations.AddIndex):
    """Builds an index while others write. The migration is not atomic; one that was cut off begins again."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        # What an interrupted attempt has left is there, and invalid.
        with patience(schema_editor.connection):
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(self.index.name)}")
            schema_editor.add_index(model, self.index, concurrently=True)


@contextmanager
def patience(connection: Any) -> Iterator[None]:
    """Wait for any lock, on PostgreSQL: for what nobody has to wait behind."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', '0', false)")
        yield
        cursor.execute("SELECT set_config('lock_timeout', '1s', false)")
