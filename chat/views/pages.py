"""The pages people read, and the plain forms that work without JavaScript."""

import uuid

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat.http import AuthenticatedHttpRequest, Refusal, keeping_text
from chat.model_choice import SETTINGS, offered
from chat.models import Conversation
from chat.page.conversation import page
from chat.questions import ask

FIELDS = ("text", "retry", "continue", "edit", "request_id", "model", "parent", *SETTINGS)


@require_safe
def home(request: AuthenticatedHttpRequest) -> HttpResponse:
    return page(request)


@require_POST
@keeping_text
def new_conversation(request: AuthenticatedHttpRequest) -> HttpResponse:
    return _ask(request)


@require_http_methods(["GET", "HEAD", "POST"])
@keeping_text
def conversation(request: AuthenticatedHttpRequest, conversation: uuid.UUID) -> HttpResponse:
    found = request.user.conversations.alive().filter(pk=conversation).first()
    if request.method == "POST":
        return _ask(request, found, conversation=str(conversation))
    if not found:
        raise Http404
    return page(request, found)


def _ask(request: AuthenticatedHttpRequest, found: Conversation | None = None, **of_path: str) -> HttpResponse:
    fields = {name: request.POST[name] for name in FIELDS if name in request.POST} | of_path
    try:
        asked = ask(request, fields, offered())
    except Refusal as refusal:
        return page(request, found, refusal)
    here = reverse("conversation", args=[asked.reply.conversation_id])
    return HttpResponseRedirect(here, status=303)
