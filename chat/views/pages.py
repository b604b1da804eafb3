"""What people read, and the plain forms that work without JavaScript."""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat.models import Conversation, Generation, Message
from chat.models.window import Window
from chat.views.asking import ask
from chat.views.choosing import SETTINGS, choices, offered
from chat.views.errors import Refusal
from chat.views.listing import sidebar_of
from chat.views.showing import is_running, rim_of, uuid_in, window
from chat.views.stream import SignedIn, request_id_of

FIELDS = ("text", "retry", "continue", "edit", "request_id", "model", "parent", *SETTINGS)

fresh = cache_control(private=True, no_cache=True)


View = Callable[..., HttpResponse]


def keeping_text(view: View) -> View:
    """Whose login has expired logs in on the very answer to the form: what was typed comes along."""

    @login_not_required
    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if request.method != "POST":
            return redirect_to_login(request.get_full_path())
        conversation = getattr(request.resolver_match, "kwargs", {}).get("conversation")
        next_page = reverse("conversation", args=[conversation]) if conversation else reverse("home")
        context = {"form": AuthenticationForm(), "next": next_page, "kept": request.POST.get("text", "")}
        return render(request, "registration/login.html", context, status=401)

    return wrapper


@require_safe
@fresh
def home(request: SignedIn) -> HttpResponse:
    return page(request)


@require_POST
@keeping_text
def new_conversation(request: SignedIn) -> HttpResponse:
    return _ask(request)


@require_http_methods(["GET", "HEAD", "POST"])
@keeping_text
@fresh
def conversation(request: SignedIn, conversation: uuid.UUID) -> HttpResponse:
    found = request.user.conversations.alive().filter(pk=conversation).first()
    if request.method == "POST":
        return _ask(request, found, conversation=str(conversation))
    if not found:
        raise Http404
    return page(request, found)


def _ask(request: SignedIn, found: Conversation | None = None, **of_path: str) -> HttpResponse:
    fields = {name: request.POST[name] for name in FIELDS if name in request.POST} | of_path
    try:
        asked = ask(request.user, fields, offered(), request_id_of(request))
    except Refusal as refusal:
        return page(request, found, refusal)
    here = reverse("conversation", args=[asked.reply.conversation_id])
    return HttpResponseRedirect(here, status=303)


def page(request: SignedIn, conversation: Conversation | None = None, refusal: Refusal | None = None) -> HttpResponse:
    """The whole page, or for scripts a part of it; after a refusal with what was typed."""
    if fragment := FRAGMENTS.get(request.GET.get("fragment", "")):
        return fragment(request, conversation)
    messages = _of_messages(request, conversation)
    context = {
        **sidebar_of(request),
        **messages,
        "running": next((message for message in messages["branch"] if is_running(message)), None),
        "refusal": refusal,
        **_typed(request, refusal),
        "blank_question": Message(role=Message.Role.USER),
        "blank_answer": _blank_answer(),
        **choices(request, conversation, refused=bool(refusal)),
        "llm_is_missing": not settings.LLM_BASE_URL,
        "llm_is_demo": settings.LLM_DEMO,
    }
    response = render(request, "chat/conversation.html", context, status=refusal.status if refusal else 200)
    if refusal and refusal.retry_after:
        response["Retry-After"] = str(refusal.retry_after)
    return response


def _sidebar(request: SignedIn, conversation: Conversation | None) -> HttpResponse:
    """The actions in the bar too: they know whether the conversation is pinned."""
    return render(request, "chat/_sidebar_and_bar.html", sidebar_of(request) | {"conversation": conversation})


def _older(request: SignedIn, conversation: Conversation | None) -> HttpResponse:
    return render(request, "chat/_conversations.html", sidebar_of(request) | {"conversation": conversation})


def _typed(request: SignedIn, refusal: Refusal | None) -> dict[str, Any]:
    """What was typed comes back to the field in which it was."""
    if not refusal:
        return {"typed": request.session.pop("kept", "")}
    text, edited = request.POST.get("text", ""), request.POST.get("edit")
    return {"editing": edited, "edited": text} if edited else {"typed": text}


def messages(request: SignedIn, conversation: Conversation | None) -> HttpResponse:
    return render(request, "chat/_messages.html", _of_messages(request, conversation))


def _settings(request: SignedIn, conversation: Conversation | None) -> HttpResponse:
    context = {"conversation": conversation, **choices(request, conversation)}
    return render(request, "chat/_settings.html", context)


def _of_messages(request: SignedIn, conversation: Conversation | None) -> dict[str, Any]:
    shown = window(conversation, rim_of(request))
    return {
        "conversation": conversation,
        "window": shown,
        "branch": shown.messages,
        "first_sent": _first_sent(shown),
        "editing": request.GET.get("edit"),
        "new_request_id": uuid.uuid4,
        **_deleted(request, conversation, shown),
    }


def _first_sent(shown: Window) -> uuid.UUID | None:
    """Of the newest answer, which tells best what the model will not read next time either."""
    replies = [message for message in shown.messages if message.is_reply and not message.generation.is_running]
    return replies[-1].generation.first_sent if replies else None


def _deleted(request: SignedIn, conversation: Conversation | None, shown: Window) -> dict[str, Any]:
    """The question that has just been deleted can be brought back, there where it was."""
    if not conversation or "deleted_message" not in request.GET:
        return {}
    gone = conversation.messages.exclude(deleted_at=None).filter(pk=uuid_in(request, "deleted_message")).first()
    before = next((message.pk for message in shown.messages if gone and message.number > gone.number), None)
    return {"deleted_question": gone, "deleted_before": before}


FRAGMENTS = {"sidebar": _sidebar, "older": _older, "messages": messages, "settings": _settings}


def _blank_answer() -> Message:
    """What the page shows before the server has answered, and scripts fill in."""
    blank = Message(role=Message.Role.ASSISTANT)
    blank.generation = Generation(message=blank)
    return blank
