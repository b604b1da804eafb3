from typing import Any

from django.core.management.base import BaseCommand

from chat.models import Conversation, Generation, Message, delete_leftovers


class Command(BaseCommand):
    help = (
        "End the replies whose writer has died, keeping the text that was saved, and delete for good what was deleted "
        "DELETED_DAYS ago. A running server does both on its own."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        ended = Generation.objects.sweep(but=())
        self.stdout.write(f"Ended as interrupted: {len(ended)}")
        conversations = sum(iter(Conversation.objects.purge, 0))
        messages = sum(iter(Message.objects.purge, 0))
        while delete_leftovers():
            pass
        self.stdout.write(f"Deleted for good: conversations {conversations}, single messages {messages}")
