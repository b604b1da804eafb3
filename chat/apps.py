from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = _("Chat")

    def ready(self) -> None:
        # Connects its signals; it needs the models, which are ready only now.
        from chat.accounts import sessions  # noqa: F401

        post_migrate.connect(_after_migrations, sender=self)


def _after_migrations(using: str, **_: Any) -> None:
    # As above.
    from chat.search import index

    index.reinstall_what_is_lost(connections[using])
