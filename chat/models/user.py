from __future__ import annotations

import uuid
from typing import ClassVar

from asgiref.sync import sync_to_async
from django.contrib.auth.models import AbstractUser, UserManager
from django.db import connection, models, transaction
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from chat.models.names import KeyField, give_keys, key_of
from chat.models.preset import ChatDefaults, Preset

NEXT_CHANGE = "UPDATE chat_user SET change = change + 1 WHERE id = %s RETURNING change"


class Users(UserManager["User"]):
    use_in_migrations = False

    def get_by_natural_key(self, username: str | None) -> User:
        """Return who logs in by this name, whatever its case. Whoever has exactly this name comes first."""
        try:
            return self.get(username=username)
        except self.model.DoesNotExist:
            return self.get(username_key=key_of(username or ""))

    async def aget_by_natural_key(self, username: str | None) -> User:
        return await sync_to_async(self.get_by_natural_key)(username)

    def is_taken(self, field: str, name: str, but: uuid.UUID) -> bool:
        """Tell whether anyone else has this username or email."""
        return self.filter(**{f"{field}_key": key_of(name)}).exclude(pk=but).exists()

    def give_missing_keys(self) -> int:
        """Give keys to people whom an older version saved without them."""
        return give_keys(self.filter(username_key=None).order_by("date_joined"))


class User(AbstractUser):
    """Somebody who chats. People are deactivated, never deleted: their conversations point at them."""

    class Theme(models.TextChoices):
        SYSTEM = "system", _("As the system")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(_("email address"), blank=True)
    username_key = KeyField(of="username")
    email_key = KeyField(of="email")
    language = models.CharField(_("language"), max_length=10, blank=True)
    theme = models.CharField(_("theme"), max_length=10, choices=Theme, default=Theme.SYSTEM)
    timezone = models.CharField(_("time zone"), max_length=64, blank=True)
    instructions = models.TextField(_("instructions for every new conversation"), blank=True)
    # Empty: the one used last.
    model = models.CharField(_("model for new conversations"), max_length=200, blank=True)
    preset = models.ForeignKey(
        Preset,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("preset for new conversations"),
    )
    change = models.PositiveBigIntegerField(_("change number"), default=0, editable=False)

    objects: ClassVar[Users] = Users()

    class Meta(AbstractUser.Meta):
        constraints = [
            # Expressions, because SQLite would copy the whole table for a constraint on fields.
            models.UniqueConstraint(models.F("username_key"), name="user_username_key_unique"),
            models.UniqueConstraint(models.F("email_key"), name="user_email_key_unique"),
            # For rows without keys, which an older version writes.
            models.UniqueConstraint(
                Lower("email"),
                condition=~models.Q(email=""),
                name="user_email_unique",
                violation_error_message=_("Another account uses this email address."),
            ),
            models.UniqueConstraint(
                Lower("username"),
                name="user_username_unique_whatever_its_case",
                violation_error_message=_("Another account uses this name."),
            ),
        ]

    def chat_defaults(self, preset: Preset | None) -> ChatDefaults:
        """Return what a new conversation starts with. A preset without instructions keeps the user's own."""
        if not preset:
            return ChatDefaults(self.model, self.instructions)
        return ChatDefaults(preset.model or self.model, preset.instructions or self.instructions, preset.parameters)

    def next_change(self) -> None:
        """Increment the change number. The row stays locked until the transaction ends, so numbers come in order."""
        with connection.cursor() as cursor:
            # Not through the ORM, which can't return the number: every question begins with this.
            cursor.execute(NEXT_CHANGE, [User._meta.pk.get_db_prep_value(self.pk, connection)])
            (self.change,) = cursor.fetchone()


class Installation(models.Model):
    """One row, created with the first account. Whoever creates it becomes the administrator; nobody after them does."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    first_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="installation_only_one")]

    @classmethod
    def is_new(cls) -> bool:
        return not User.objects.exists()

    @classmethod
    def make_administrator(cls, user: User) -> None:
        """Save the first account. Raises IntegrityError if somebody else was first."""
        user.is_staff = user.is_superuser = True
        with transaction.atomic():
            user.save()
            cls.objects.create(first_user=user)
