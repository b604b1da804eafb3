"""Fill in the keys of names, each row in a transaction of its own, so that nobody waits.

Rows that the version before writes later get theirs from the next server that starts. How a key is made is written down
here: what chat/models/names.py says later does not change what is done now.
"""

import unicodedata

from django.db import IntegrityError, migrations, transaction


def key_of(name):
    folded = unicodedata.normalize("NFKC", name).casefold()
    return unicodedata.normalize("NFKC", folded).strip()[:600]


def fill(apps, schema_editor):
    for model, source, order in (
        ("User", "username", "date_joined"),
        ("User", "email", "date_joined"),
        ("Preset", "name", "created_at"),
    ):
        rows = apps.get_model("chat", model)._base_manager.using(schema_editor.connection.alias)
        for pk, name in list(rows.filter(**{f"{source}_key": None}).order_by(order).values_list("pk", source)):
            if key := key_of(name):
                give(rows.filter(pk=pk, **{source: name}), f"{source}_key", key, pk)


def give(row, field, key, pk):
    """The first of several with one name gets its key; the others go on under exactly their name."""
    try:
        with transaction.atomic(row.db):
            row.update(**{field: key})
    except IntegrityError:
        row.update(**{field: f"{key} DUPLICATE {pk}"})


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("chat", "0008_keys_of_names")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
