"""What a user does with a conversation in the list. Each takes a plain form (303 back to the page) or JSON."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import Http404, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from chat.doorbell import doorbell
from chat.http import AuthenticatedHttpRequest, Refusal, bad_field, fields_of, for_scripts, is_form, next_url, not_found
from chat.models import Conversation, Message, Status
from chat.models.listable import ListableQuerySet
from chat.page.sidebar import archived_of, sidebar_of
from chat.replies.engine import engine

Fields = dict[str, Any]
MOST_CHARS = 200


@require_safe
@never_cache
def archived(request: AuthenticatedHttpRequest) -> HttpResponse:
    return render(request, "chat/archived.html", sidebar_of(request) | {"archived": archived_of(request)})


@require_safe
@never_cache
def title(request: AuthenticatedHttpRequest, conversation: UUID) -> HttpResponse:
    """Show a page to rename it, for browsers without scripts; with them, the title is edited in place."""
    return _title_page(request, conversation)


@for_scripts("POST")
async def rename(request: AuthenticatedHttpRequest, conversation: UUID) -> HttpResponseBase:
    try:
        return await _act(request, conversation, _rename)
    except Refusal:
        if not is_form(request):
            raise
        return await sync_to_async(_title_page)(request, conversation, status=400)


@for_scripts("POST")
async def pin(request: AuthenticatedHttpRequest, conversation: UUID) -> HttpResponseBase:
    return await _act(request, conversation, lambda found, fields: found.pin(_flag(fields, "pinned")))


@for_scripts("POST")
async def archive(request: AuthenticatedHttpRequest, conversation: UUID) -> HttpResponseBase:
    return await _act(request, conversation, lambda found, fields: found.archive(_flag(fields, "archived")))


@for_scripts("POST")
async def delete(request: AuthenticatedHttpRequest, conversation: UUID) -> HttpResponseBase:
    """Delete it first, so that nothing new begins there; then stop the answer that is being written."""
    fields = fields_of(request)
    found, running = await sync_to_async(_soft_delete)(request, conversation)
    if running:
        await engine.stop_and_wait(running)
    doorbell.ring(request.user.pk, conversation, "gone")
    if not is_form(request):
        return _as_json(found)
    here, back = reverse("conversation", args=[conversation]), next_url(fields.get("next"), reverse("home"))
    back = reverse("home") if back.startswith(here) else back
    return HttpResponseRedirect(_with_undo(back, found), status=303)


@for_scripts("POST")
async def restore(request: AuthenticatedHttpRequest, conversation: UUID) -> HttpResponseBase:
    deleted: ListableQuerySet = request.user.conversations.deleted()
    return await _act(request, conversation, lambda found, _fields: found.restore(), among=deleted)


async def _act(
    request: AuthenticatedHttpRequest,
    conversation: UUID,
    do: Callable[[Conversation, Fields], None],
    *,
    among: ListableQuerySet | None = None,
) -> HttpResponseBase:
    """Find the conversation and change it. `among`: the rows to look in, by default all that aren't deleted."""
    fields = fields_of(request)
    rows = request.user.conversations.alive() if among is None else among

    def unit() -> Conversation:
        found = _find(request, rows, conversation)
        do(found, fields)
        return found

    found = await sync_to_async(unit)()
    doorbell.ring(request.user.pk, conversation, "changed")
    if not is_form(request):
        return _as_json(found)
    here = reverse("conversation", args=[conversation])
    return HttpResponseRedirect(next_url(fields.get("next"), here), status=303)


def _find(request: AuthenticatedHttpRequest, rows: ListableQuerySet, conversation: UUID) -> Conversation:
    """Find through the owner. Raises Http404 for a form, which gets a page, and Refusal for a script."""
    found: Conversation | None = rows.filter(pk=conversation).first()
    if found is None:
        raise Http404 if is_form(request) else not_found()
    return found


def _rename(found: Conversation, fields: Fields) -> None:
    title = fields.get("title")
    # Leave out what no database takes: NUL and unpaired surrogates.
    text = title.replace("\0", "").encode(errors="ignore").decode() if isinstance(title, str) else ""
    text = " ".join(text.split())[:MOST_CHARS]
    if not text:
        raise bad_field("title", _("A title needs at least one character."))
    found.rename(text)


def _title_page(request: AuthenticatedHttpRequest, conversation: UUID, status: int = 200) -> HttpResponse:
    found = get_object_or_404(request.user.conversations.alive(), pk=conversation)
    back = next_url(
        (request.GET.dict() | request.POST.dict()).get("next"), reverse("conversation", args=[conversation])
    )
    context = {"conversation": found, "next": back, "is_refused": status != 200}
    return render(request, "chat/title.html", context, status=status)


def _soft_delete(request: AuthenticatedHttpRequest, conversation: UUID) -> tuple[Conversation, Message | None]:
    found = _find(request, request.user.conversations.alive(), conversation)
    found.soft_delete()
    running = Message.objects.filter(conversation=found, generation__status=Status.STREAMING)
    return found, running.select_related("generation").defer("text", "reasoning").first()


def _flag(fields: Fields, name: str) -> bool:
    if fields.get(name) not in ("1", "0", True, False):
        raise bad_field(name, _("%(name)s must be 1 or 0.") % {"name": name})
    return fields[name] in ("1", True)


def _as_json(found: Conversation) -> JsonResponse:
    return JsonResponse({"conversation": found.pk, "title": found.title})


def _with_undo(path: str, deleted: Conversation) -> str:
    return f"{path}{'&' if '?' in path else '?'}{urlencode({'deleted': deleted.pk})}"
