"""Search: a whole page, or only the results, for the field in the sidebar."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from chat import search as index
from chat.http import AuthenticatedHttpRequest, number_of
from chat.page.sidebar import sidebar_of


@require_safe
@never_cache
def search(request: AuthenticatedHttpRequest) -> HttpResponse:
    text = request.GET.get("q", "")
    context = {"q": text[: index.MOST_ASKED_CHARS]} | _found(request, text)
    if request.GET.get("fragment") == "results":
        return render(request, "chat/_found.html", context)
    return render(request, "chat/search.html", sidebar_of(request) | context)


def _found(request: AuthenticatedHttpRequest, text: str) -> dict[str, object]:
    before = number_of(request.GET.get("before", ""), most_digits=18)
    try:
        page = index.search(request.user, text, before=before)
    except index.TooBroad:
        return {"problem": _("That search takes too long. Use more words, or less common ones.")}
    return {"page": page}
