"""What has changed since a page looked last, for whoever missed the bell."""

from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _

from chat.models import User
from chat.views.errors import Refusal
from chat.views.stream import SignedIn, for_scripts

# More than that, and the page is better loaded anew.
MOST = 200
FIELDS = ("id", "title", "change", "leaf", "running", "last_message_at")


@for_scripts("GET")
async def changes(request: SignedIn) -> JsonResponse:
    return JsonResponse(await sync_to_async(_changes)(request.user, _since(request)))


def _since(request: HttpRequest) -> int:
    since = request.GET.get("since", "")
    if not (since.isascii() and since.isdigit() and len(since) < 20):
        message = _("since must be a change number that this server gave out, such as 12.")
        raise Refusal(400, "bad_field", message, field="since")
    return int(since)


def _changes(user: User, since: int) -> dict[str, Any]:
    # It came with the login, before the conversations do: what changes in between is there twice, never missing.
    newest = user.change
    rows = user.conversations.changed_since(since).values(*FIELDS, "deleted_at")
    found = list(rows[: MOST + 1]) if since < newest else []
    # A number from the future is from before a backup was restored.
    reload = since > newest or len(found) > MOST
    listed = [] if reload else found
    return {
        "user": user.pk,
        "change": newest,
        "conversations": [{name: row[name] for name in FIELDS} for row in listed if not row["deleted_at"]],
        "gone": [row["id"] for row in listed if row["deleted_at"]],
        "reload": reload,
    }
