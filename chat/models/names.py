"""When two names are the same: `ALICE`, `alice` and full-width `ａｌｉｃｅ` are one name, on every database."""

import unicodedata
from typing import Any

from django.db import IntegrityError, models, transaction

# Folding may make a text longer: ß becomes ss. What is cut off here never differs in life.
KEY_CHARS = 600


def key_of(name: str) -> str:
    """Return what all spellings of a name have in common, whatever their case and Unicode form."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    # Folding may take a letter apart that normalising puts together.
    return unicodedata.normalize("NFKC", folded).strip()[:KEY_CHARS]


def key_of_duplicate(key: str, pk: Any) -> str:
    """Return a key for someone whose name is another's too. It has capital letters, so it is the key of no name."""
    return f"{key} DUPLICATE {pk}"


class KeyField(models.CharField):  # type: ignore[type-arg]
    """The key of the field `of`, set whenever a row is saved. NULL: no name, or an older version wrote it."""

    def __init__(self, *, of: str, **options: Any) -> None:
        self.of = of
        super().__init__(**{"max_length": KEY_CHARS + 100, "null": True, "editable": False} | options)

    def deconstruct(self) -> Any:
        # For migrations a plain column: they fill it themselves.
        name, _path, positions, options = super().deconstruct()
        return name, "django.db.models.CharField", positions, options

    def clone(self) -> "KeyField":
        return KeyField(of=self.of)

    def pre_save(self, instance: models.Model, add: bool) -> str | None:
        key = key_of(getattr(instance, self.of)) or None
        if key is None or getattr(instance, self.attname) != key_of_duplicate(key, instance.pk):
            setattr(instance, self.attname, key)
        return getattr(instance, self.attname)


def give_keys(rows: models.QuerySet[Any]) -> int:
    """Give the rows the keys of their names, one by one, and return how many lacked them.

    The first of several with one name gets it, the others the key of a duplicate, until the name is free.
    """
    fields = [field for field in rows.model._meta.fields if isinstance(field, KeyField)]
    return sum(_give_key(row, field) for row in rows.iterator() for field in fields)


def _give_key(row: models.Model, field: KeyField) -> bool:
    name, has = getattr(row, field.of), getattr(row, field.attname)
    key = key_of(name) or None
    if has == key:
        return False
    # Only if the name is still the one that was read.
    same = type(row)._base_manager.filter(pk=row.pk, **{field.of: name})
    try:
        with transaction.atomic():
            return bool(same.update(**{field.attname: key}))
    except IntegrityError:
        duplicate = key_of_duplicate(str(key), row.pk)
        return has != duplicate and bool(same.update(**{field.attname: duplicate}))
