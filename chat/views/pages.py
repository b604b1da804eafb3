"""What people read, and the plain forms that work without JavaScript."""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import redirect_to_login
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat.engine import engine
from chat.models import Conversation, Generation, Message
from chat.views.asking import ask, needs_list
from chat.views.errors import Refusal
from chat.views.listing import sidebar_of
from chat.views.stream import SignedIn, request_id_of

FIELDS = ("text", "retry", "request_id", "model", "parent")

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
        next_page = reverse("home") if request.path == reverse("new_conversation") else request.path
        context = {"form": AuthenticationForm(), "next": next_page, "kept": request.POST.get("text", "")}
        return render(request, "registration/login.html", context, status=401)

    return wrapper


@require_safe
@fresh
def home(request: SignedIn) -> HttpResponse:
    return _page(request)


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
    return _page(request, found)


@require_safe
@fresh
def message(request: SignedIn, conversation: uuid.UUID, message: uuid.UUID) -> HttpResponse:
    mine = request.user.messages.alive().filter(conversation=conversation)
    _settle(Generation.objects.running().filter(message__in=mine))
    found = get_object_or_404(mine.select_related("conversation", "generation", "evidence"), pk=message)
    _fill_in(found)
    return render(request, "chat/_message.html", {"message": found, "new_request_id": uuid.uuid4})


def _ask(request: SignedIn, found: Conversation | None = None, **of_path: str) -> HttpResponse:
    fields = {name: request.POST[name] for name in FIELDS if name in request.POST} | of_path
    try:
        offered = tuple(model.id for model in engine.offered()) if needs_list(fields) else ()
        asked = ask(request.user, fields, offered, request_id_of(request))
    except Refusal as refusal:
        return _page(request, found, refusal)
    here = reverse("conversation", args=[asked.reply.conversation_id])
    return HttpResponseRedirect(here, status=303)


def _page(request: SignedIn, conversation: Conversation | None = None, refusal: Refusal | None = None) -> HttpResponse:
    """The whole page, or for scripts a part of it; after a refusal with what was typed."""
    if fragment := FRAGMENTS.get(request.GET.get("fragment", "")):
        return fragment(request, conversation)
    branch = _branch(conversation)
    context = sidebar_of(request) | {
        "conversation": conversation,
        "branch": branch,
        "running": next((message for message in branch if _is_running(message)), None),
        "refusal": refusal,
        "typed": request.POST.get("text", "") if refusal else request.session.pop("kept", ""),
        "new_request_id": uuid.uuid4,
        "blank_question": Message(role=Message.Role.USER),
        "blank_answer": _blank_answer(),
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


def _messages(request: SignedIn, conversation: Conversation | None) -> HttpResponse:
    context = {"branch": _branch(conversation), "new_request_id": uuid.uuid4}
    return render(request, "chat/_messages.html", context)


FRAGMENTS = {"sidebar": _sidebar, "older": _older, "messages": _messages}


def _branch(conversation: Conversation | None) -> list[Message]:
    if not conversation:
        return []
    _settle(Generation.objects.running().filter(conversation=conversation))
    branch = conversation.branch()
    for message in branch:
        _fill_in(message)
    return branch


def _settle(running: QuerySet[Generation]) -> None:
    """Whoever looks at a dead reply ends it, but not one that is being written right here."""
    for generation in running:
        if not engine.replies.get(generation.pk):
            generation.settle()


def _is_running(message: Message) -> bool:
    return message.is_reply and message.generation.is_running


def _fill_in(message: Message) -> None:
    """A reply that is being written has its text elsewhere still."""
    if _is_running(message):
        for name, text in message.generation.saved_so_far().items():
            setattr(message, name, text)


def _blank_answer() -> Message:
    """What the page shows before the server has answered, and scripts fill in."""
    blank = Message(role=Message.Role.ASSISTANT)
    blank.generation = Generation(message=blank)
    return blank
