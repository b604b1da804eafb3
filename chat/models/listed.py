"""How a conversation stands in its owner's list: titled, pinned, archived, deleted and brought back."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.models.user import User

# What hangs on a conversation is collected in memory before it is deleted, and meanwhile other replies wait.
PURGED_AT_ONCE = 5


class ListedQuerySet(models.QuerySet[Any]):
    def alive(self) -> Self:
        return self.filter(deleted_at=None)

    def newest_first(self) -> Self:
        return self.alive().order_by("-last_message_at", "id")

    @transaction.atomic
    def take_title(self, pk: uuid.UUID, title: str) -> bool:
        """The model's, unless the owner or the model itself has found one meanwhile. True if it was taken."""
        untitled = self.alive().filter(pk=pk, title_source=Listed.TitleSource.QUESTION)
        conversation = untitled.select_related("owner").first()
        if not conversation:
            return False
        conversation.owner.count_change()
        source, change = Listed.TitleSource.MODEL, conversation.owner.change
        return bool(untitled.update(title=title, title_source=source, change=change))

    def deleted(self) -> Self:
        """What can still be brought back."""
        return self.filter(deleted_at__isnull=False)

    def purge(self) -> int:
        """Deletes for good what was deleted so many days ago; returns how many, at most PURGED_AT_ONCE."""
        old = self.filter(deleted_at__lt=timezone.now() - timedelta(days=settings.DELETED_DAYS))
        ids = list(old.order_by("deleted_at").values_list("pk", flat=True)[:PURGED_AT_ONCE])
        with transaction.atomic():
            # Again with its condition: somebody may have brought it back meanwhile.
            old.filter(pk__in=ids).delete()
        return len(ids)


class Listed(models.Model):
    class TitleSource(models.TextChoices):
        QUESTION = "question", _("first question")
        MODEL = "model", _("model")
        OWNER = "owner", _("owner")

    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="conversations", verbose_name=_("owner"))
    title = models.CharField(_("title"), max_length=200, blank=True)
    title_source = models.CharField(
        _("title made by"), max_length=10, choices=TitleSource, default=TitleSource.QUESTION
    )
    change = models.PositiveBigIntegerField(_("change number"), default=0, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    last_message_at = models.DateTimeField(_("last message"), default=timezone.now)
    pinned_at = models.DateTimeField(_("pinned"), null=True)
    archived_at = models.DateTimeField(_("archived"), null=True)
    deleted_at = models.DateTimeField(_("deleted"), null=True)

    class Meta:
        abstract = True

    @property
    def is_titled_by_question(self) -> bool:
        return self.title_source == self.TitleSource.QUESTION

    def rename(self, title: str) -> None:
        self._change(title=title, title_source=self.TitleSource.OWNER)

    def pin(self, is_wanted: bool) -> None:
        self._change(pinned_at=timezone.now() if is_wanted else None)

    def archive(self, is_wanted: bool) -> None:
        self._change(archived_at=timezone.now() if is_wanted else None)

    def put_away(self) -> None:
        """Deleted for its owner; gone for good when it is purged."""
        self._change(deleted_at=timezone.now())

    def bring_back(self) -> None:
        self._change(deleted_at=None)

    @transaction.atomic
    def _change(self, **fields: Any) -> None:
        # Counting up is the lock: nobody asks in it in the same moment.
        self.owner.count_change()
        type(self)._default_manager.filter(pk=self.pk).update(**fields, change=self.owner.change)
        for name, value in fields.items():
            setattr(self, name, value)
