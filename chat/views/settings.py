"""Settings of one conversation, of the user, and presets. Plain forms."""

import uuid
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from chat.forms import ConversationSettings, Personal, PresetForm
from chat.http import AuthenticatedHttpRequest, Refusal, next_url
from chat.model_choice import offered
from chat.models import Preset, User
from chat.questions import keep_rate

reads_and_writes = require_http_methods(["GET", "HEAD", "POST"])


@reads_and_writes
def personal(request: AuthenticatedHttpRequest) -> HttpResponse:
    # Not request.user itself, so that it stays unchanged if the form is refused.
    user = User.objects.get(pk=request.user.pk)
    form = Personal(_posted(request), instance=user, models=offered())
    if form.is_valid():
        form.save()
        return _see_other(reverse("settings") + "?saved=1")
    context = {"form": form, "presets": user.presets.all(), "is_saved": "saved" in request.GET}
    return _page(request, "settings/personal.html", form, context)


@reads_and_writes
def conversation(request: AuthenticatedHttpRequest, conversation: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(request.user.conversations.alive(), pk=conversation)
    form = ConversationSettings(_posted(request), initial=ConversationSettings.initial_of(found))
    if form.is_valid():
        defaults = form.chat_defaults
        found.instructions, found.parameters = defaults.instructions, defaults.parameters
        found.save(update_fields=["instructions", "parameters"])
        return _see_other(reverse("conversation", args=[found.pk]))
    return _page(request, "settings/conversation.html", form, {"settings_form": form, "conversation": found})


@reads_and_writes
def new_preset(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Make a preset. Without a name, the form comes from a conversation's settings or a new chat."""
    if "name" in request.POST:
        return _preset(request, Preset(owner=request.user))
    given = {name: request.POST.get(name, "") for name in PresetForm.base_fields}
    form = PresetForm(initial=given, models=offered(), chosen=given["model"])
    return _page(request, "settings/preset.html", form, _ways(request))


@reads_and_writes
def preset(request: AuthenticatedHttpRequest, preset: uuid.UUID) -> HttpResponse:
    return _preset(request, get_object_or_404(request.user.presets, pk=preset))


@require_POST
def delete_preset(request: AuthenticatedHttpRequest, preset: uuid.UUID) -> HttpResponse:
    get_object_or_404(request.user.presets, pk=preset).delete()
    return _see_other(reverse("settings") + "#presets")


def _preset(request: AuthenticatedHttpRequest, preset: Preset) -> HttpResponse:
    is_new = preset._state.adding
    initial = {"name": preset.name, "model": preset.model, **PresetForm.initial_of(preset)}
    form = PresetForm(_posted(request), initial=initial, models=offered(), chosen=preset.model)
    refusal = None
    if form.is_valid():
        form.fill(preset)
        refusal = _save(request, preset)
        if not refusal:
            return _see_other(_way_back(request, preset))
        form.add_error("name", refusal.message)
    context = {"preset": None if is_new else preset, **_ways(request)}
    return _page(request, "settings/preset.html", form, context, refusal)


def _save(request: AuthenticatedHttpRequest, preset: Preset) -> Refusal | None:
    """Save the preset. Returns why it can't be saved, if so."""
    try:
        if preset._state.adding:
            keep_rate(request)
        with transaction.atomic():
            preset.save()
    except IntegrityError:
        return Refusal(400, "bad_field", _("You already have a preset with this name."))
    except Refusal as refusal:
        return refusal
    return None


def _ways(request: HttpRequest) -> dict[str, str]:
    """Return where the user came from, and the question that was being typed there."""
    return {"next": next_url(request.POST.get("next")), "kept": request.POST.get("text", "")}


def _way_back(request: AuthenticatedHttpRequest, preset: Preset) -> str:
    ways = _ways(request)
    if ways["kept"]:
        request.session["kept"] = ways["kept"]
    if ways["next"] == reverse("home"):
        return f"{ways['next']}?preset={preset.pk}"
    return ways["next"] or reverse("settings") + "#presets"


def _posted(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _page(
    request: HttpRequest, template: str, form: Any, context: dict[str, Any], refusal: Refusal | None = None
) -> HttpResponse:
    status = refusal.status if refusal else 400 if form.errors else 200
    response = render(request, template, {"form": form, **context}, status=status)
    if refusal and refusal.retry_after:
        response["Retry-After"] = str(refusal.retry_after)
    return response


def _see_other(address: str) -> HttpResponse:
    return HttpResponseRedirect(address, status=303)
