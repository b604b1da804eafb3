from typing import Any

from django.core.management.base import BaseCommand

from chat.models import Generation


class Command(BaseCommand):
    help = "Ends the replies whose writer has died, with the text that was saved. A running server does it by itself."

    def handle(self, *args: Any, **options: Any) -> None:
        ended = Generation.objects.sweep(but=())
        self.stdout.write(f"Ended as interrupted: {len(ended)}")
