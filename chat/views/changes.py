"""What has changed since a page last looked, for pages that missed a message."""

from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _

from chat.http import AuthenticatedHttpRequest, bad_field, for_scripts, number_of
from chat.models import User

# With more changes than this, reloading the page is cheaper.
MOST = 200
FIELDS = ("id", "title", "change", "leaf", "running", "last_message_at")


@for_scripts("GET")
async def changes(request: AuthenticatedHttpRequest) -> JsonResponse:
    return JsonResponse(await sync_to_async(_changes)(request.user, _since(request)))


def _since(request: HttpRequest) -> int:
    since = number_of(request.GET.get("since", ""), most_digits=19)
    if since is None:
        raise bad_field("since", _("since must be a change number from this server, such as 12."))
    return since


def _changes(user: User, since: int) -> dict[str, Any]:
    # Read with the session, before the conversations: a change in between is reported twice, never missed.
    newest = user.change
    rows = user.conversations.changed_since(since).values(*FIELDS, "deleted_at")
    found = list(rows[: MOST + 1]) if since < newest else []
    # A number from the future dates from before a backup was restored.
    reload = since > newest or len(found) > MOST
    listed = [] if reload else found
    return {
        "user": user.pk,
        "change": newest,
        "conversations": [{name: row[name] for name in FIELDS} for row in listed if not row["deleted_at"]],
        "gone": [row["id"] for row in listed if row["deleted_at"]],
        "reload": reload,
    }
