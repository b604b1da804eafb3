"""The page of a conversation, whole or in parts: its sidebar, its messages, its settings."""

import uuid
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render

from chat.http import AuthenticatedHttpRequest, Refusal
from chat.models import Conversation, Generation, Message
from chat.models.window import Window
from chat.page.history import anchor_of, is_running, uuid_in, window
from chat.page.model_picker import choices
from chat.page.sidebar import sidebar_of


def page(
    request: AuthenticatedHttpRequest, conversation: Conversation | None = None, refusal: Refusal | None = None
) -> HttpResponse:
    """Render the whole page, or the part a script asks for; after a refusal, with what was typed."""
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


def _sidebar(request: AuthenticatedHttpRequest, conversation: Conversation | None) -> HttpResponse:
    """Render the sidebar with the actions in the bar, which depend on whether the conversation is pinned."""
    return render(request, "chat/_sidebar_and_bar.html", sidebar_of(request) | {"conversation": conversation})


def _older(request: AuthenticatedHttpRequest, conversation: Conversation | None) -> HttpResponse:
    return render(request, "chat/_conversations.html", sidebar_of(request) | {"conversation": conversation})


def _typed(request: AuthenticatedHttpRequest, refusal: Refusal | None) -> dict[str, Any]:
    """Return what was typed, for the field it was typed into."""
    if not refusal:
        return {"typed": request.session.pop("kept", "")}
    text, edited = request.POST.get("text", ""), request.POST.get("edit")
    return {"editing": edited, "edited": text} if edited else {"typed": text}


def messages(request: AuthenticatedHttpRequest, conversation: Conversation | None) -> HttpResponse:
    return render(request, "chat/_messages.html", _of_messages(request, conversation))


def _settings(request: AuthenticatedHttpRequest, conversation: Conversation | None) -> HttpResponse:
    context = {"conversation": conversation, **choices(request, conversation)}
    return render(request, "chat/_settings.html", context)


def _of_messages(request: AuthenticatedHttpRequest, conversation: Conversation | None) -> dict[str, Any]:
    shown = window(conversation, anchor_of(request))
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
    """Return the first message sent for the newest answer: what is older, the model won't read next time either."""
    replies = [message for message in shown.messages if message.is_reply and not message.generation.is_running]
    return replies[-1].generation.first_sent if replies else None


def _deleted(request: AuthenticatedHttpRequest, conversation: Conversation | None, shown: Window) -> dict[str, Any]:
    """Return the question that was just deleted, and where to offer to restore it."""
    if not conversation or "deleted_message" not in request.GET:
        return {}
    gone = conversation.messages.exclude(deleted_at=None).filter(pk=uuid_in(request, "deleted_message")).first()
    before = next((message.pk for message in shown.messages if gone and message.number > gone.number), None)
    return {"deleted_question": gone, "deleted_before": before}


FRAGMENTS = {"sidebar": _sidebar, "older": _older, "messages": messages, "settings": _settings}


def _blank_answer() -> Message:
    """Return an empty answer, which the page shows until the server answers and scripts fill in."""
    blank = Message(role=Message.Role.ASSISTANT)
    blank.generation = Generation(message=blank)
    return blank
