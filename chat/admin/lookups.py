"""What may be looked up through the address of a list, as in ?status=failed: what is named, and nothing else."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

if TYPE_CHECKING:
    # Generic for the type checker only.
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

# Those that the filters beside a list use. With __startswith a value could be guessed letter by letter, and a __regex
# can keep the server busy for minutes.
COMPARISONS = frozenset({"exact", "isnull", "gte", "gt", "lte", "lt"})


class NamedLookups(ModelAdmin):
    """A mixin that refuses all look-ups but those in `filterable`. Django would allow any of the model's own fields."""

    filterable: Set[str] = frozenset()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        field, _, comparison = lookup.rpartition("__")
        is_named = lookup in self.filterable or (field in self.filterable and comparison in COMPARISONS)
        return is_named and super().lookup_allowed(lookup, value, request)
