"""What a browser needs to install the chat as an app."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

# The value of --page in colors.css in the light theme; each page declares the colour of its reader's theme.
PAGE_COLOR = "#fbfaf7"
DAY = 24 * 3600


@login_not_required
@require_safe
@cache_control(max_age=DAY)
def manifest(request: HttpRequest) -> JsonResponse:
    home = reverse("home")
    described = {
        "id": home,
        "start_url": home,
        "scope": home,
        "name": _("Chat"),
        "short_name": _("Chat"),
        "lang": request.LANGUAGE_CODE,
        "display": "standalone",
        "background_color": PAGE_COLOR,
        "theme_color": PAGE_COLOR,
        "icons": [
            _icon("app.svg", "image/svg+xml", "any"),
            _icon("app-192.png", "image/png", "192x192"),
            _icon("app-512.png", "image/png", "512x512"),
            _icon("app-maskable-512.png", "image/png", "512x512") | {"purpose": "maskable"},
        ],
    }
    return JsonResponse(described, content_type="application/manifest+json")


def _icon(name: str, type_: str, sizes: str) -> dict[str, str]:
    return {"src": static(f"icons/{name}"), "type": type_, "sizes": sizes}
