"""The admin site, which people enter by the chat's own log-in."""

from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _


class ChatAdminSite(AdminSite):
    site_header = site_title = _("Chat administration")

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send people to the chat's own form, which slows guesses down. Admin's form would be a way around it."""
        if self.has_permission(request):
            return redirect("admin:index")
        if request.user.is_authenticated:
            # They are logged in and lack the right: the form would send them straight back here.
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"), str(settings.LOGIN_URL))
