from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = _("Chat")

    def ready(self) -> None:
        # Connects its signals; it needs the models, which are ready only now.
        from chat import logins  # noqa: F401
