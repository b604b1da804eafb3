from typing import Any

from django.core.management.base import BaseCommand

from chat.models import Preset, User
from chat.models.names import give_keys, key_of

DUPLICATE = 'Another account has "%s" in another spelling.'


class Command(BaseCommand):
    help = (
        "Find accounts whose name or email differs from another's only by case or Unicode form, and repair the keys by "
        "which names are compared. Such accounts log in with exactly their name; rename them to end this."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        repaired = give_keys(User.objects.order_by("date_joined")) + give_keys(Preset.objects.order_by("created_at"))
        self.stdout.write(f"Keys repaired: {repaired}")
        duplicates = [name for user in User.objects.order_by("username").iterator() for name in _duplicates_of(user)]
        for name in duplicates:
            self.stdout.write(DUPLICATE % name)
        self.stdout.write(f"Duplicate names and addresses: {len(duplicates)}")


def _duplicates_of(user: User) -> list[str]:
    """Return those of the user's name and address that are somebody else's too."""
    keys = {user.username: user.username_key, user.email: user.email_key}
    return [name for name, key in keys.items() if key != (key_of(name) or None)]
