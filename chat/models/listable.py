"""What an owner does with a conversation in the list: title, pin, archive, delete and restore it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from chat.models.user import User

# Everything that belongs to a conversation is collected in memory to be deleted, and other replies wait for that.
PURGED_AT_ONCE = 5


class TitleSource(models.TextChoices):
    QUESTION = "question", _("first question")
    MODEL = "model", _("model")
    OWNER = "owner", _("owner")


class ListableQuerySet(models.QuerySet[Any]):
    def alive(self) -> Self:
        return self.filter(deleted_at=None)

    def newest_first(self) -> Self:
        return self.alive().order_by("-last_message_at", "id")

    @transaction.atomic
    def take_title(self, pk: uuid.UUID, title: str) -> bool:
        """Give a conversation the model's title, unless it has got a better one since. Returns whether it was taken."""
        untitled = self.alive().filter(pk=pk, title_source=TitleSource.QUESTION)
        conversation = untitled.select_related("owner").first()
        if not conversation:
            return False
        conversation.owner.next_change()
        source, change = TitleSource.MODEL, conversation.owner.change
        return bool(untitled.update(title=title, title_source=source, change=change))

    def deleted(self) -> Self:
        """Return those that can still be restored."""
        return self.filter(deleted_at__isnull=False)

    def purge(self) -> int:
        """Delete for good what was deleted DELETED_DAYS ago. Returns how many, PURGED_AT_ONCE at most."""
        old = self.filter(deleted_at__lt=timezone.now() - timedelta(days=settings.DELETED_DAYS))
        ids = list(old.order_by("deleted_at").values_list("pk", flat=True)[:PURGED_AT_ONCE])
        with transaction.atomic():
            # With the condition again: somebody may have restored it in between.
            old.filter(pk__in=ids).delete()
        return len(ids)


class Listable(models.Model):
    """What an owner can do with a conversation in the list. The fields are defined in Conversation."""

    class Meta:
        abstract = True

    if TYPE_CHECKING:
        owner: User
        title_source: str

    @property
    def is_titled_by_question(self) -> bool:
        return self.title_source == TitleSource.QUESTION

    def rename(self, title: str) -> None:
        self._change(title=title, title_source=TitleSource.OWNER)

    def pin(self, is_wanted: bool) -> None:
        self._change(pinned_at=timezone.now() if is_wanted else None)

    def archive(self, is_wanted: bool) -> None:
        self._change(archived_at=timezone.now() if is_wanted else None)

    def soft_delete(self) -> None:
        """Delete it for its owner. The purge deletes it for good, later."""
        self._change(deleted_at=timezone.now())

    def restore(self) -> None:
        self._change(deleted_at=None)

    @transaction.atomic
    def _change(self, **fields: Any) -> None:
        # Incrementing is the lock: nobody asks a question here at the same moment.
        self.owner.next_change()
        changed = fields | {"change": self.owner.change}
        type(self)._default_manager.filter(pk=self.pk).update(**changed)
        for name, value in changed.items():
            setattr(self, name, value)
