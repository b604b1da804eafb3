from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = _("Chat")

    def ready(self) -> None:
        # Importing it connects its signals. It needs the models, which are not ready before now.
        from chat.accounts import sessions  # noqa: F401

        post_migrate.connect(_after_migrations, sender=self)


def _after_migrations(using: str, **_: Any) -> None:
    # Imported here because it needs the models.
    from chat.search import index

    index.reinstall_what_is_lost(connections[using])
