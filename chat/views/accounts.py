"""Sign-up and log-in. Log-out and password change are Django's own views."""

from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from chat.accounts import first_account, known_browsers
from chat.accounts.throttle import Attempt
from chat.forms import FirstSignUp, SignUp
from chat.models import Installation


@login_not_required
@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def signup(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect("home")
    is_first = Installation.is_new()
    if not is_first and settings.SIGNUP != "open":
        return render(request, "registration/signup_closed.html", status=403)
    if is_first and first_account.token_needed(request):
        return _signup_with_token(request)
    return _signup_with(SignUp(_posted(request)), request, is_first)


def _signup_with_token(request: HttpRequest) -> HttpResponse:
    """Make the first account, slowed down after some wrong tokens."""
    form = FirstSignUp(_posted(request), initial={"token": request.GET.get("token", "")})
    if not form.is_bound:
        return _signup_with(form, request, True)
    attempt = Attempt.with_token(request)
    if seconds := attempt.begin():
        unbound = FirstSignUp(initial={name: request.POST.get(name, "") for name in ("username", "email", "token")})
        context = {"form": unbound, "is_first": True, "wait": _please_wait(seconds)}
        response = render(request, "registration/signup.html", context, status=429)
        response["Retry-After"] = str(seconds)
        return response
    if form.is_valid() or "token" not in form.errors:
        attempt.succeed()
    return _signup_with(form, request, True)


def _signup_with(form: SignUp, request: HttpRequest, is_first: bool) -> HttpResponse:
    if form.is_valid() and _make_account(form, is_first):
        login(request, form.instance)
        response = redirect("home")
        known_browsers.remember(request, response, form.instance.get_username())
        return response
    status = 403 if "token" in form.errors else 200
    return render(request, "registration/signup.html", {"form": form, "is_first": is_first}, status=status)


def _posted(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _please_wait(seconds: int) -> str:
    message = ngettext(
        "Too many failed attempts. Wait %(seconds)d second, then try again.",
        "Too many failed attempts. Wait %(seconds)d seconds, then try again.",
        seconds,
    )
    return message % {"seconds": seconds}


def _make_account(form: SignUp, is_first: bool) -> bool:
    """Save the account. Returns False, with an error in the form, if someone else was faster."""
    try:
        if is_first:
            Installation.make_administrator(form.save(commit=False))
        else:
            form.save()
    except IntegrityError:
        form.add_error(None, _taken(is_first))
        return False
    return True


def _taken(is_first: bool) -> str:
    if is_first:
        return _("Someone else has just created the first account. Ask them to create one for you.")
    return _("Someone else has just taken this name or address. Choose another.")


@method_decorator(login_not_required, name="dispatch")
class Login(LoginView):
    """Django's own log-in, slowed down: after some failures even the right password is not checked for a while."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if Installation.is_new():
            return redirect("signup")
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.attempt = Attempt.to_log_in(request)
        if seconds := self.attempt.begin():
            return self._ask_to_wait(seconds)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        self.attempt.succeed()
        response = super().form_valid(form)
        known_browsers.remember(self.request, response, form.get_user().get_username())
        if kept := self.request.POST.get("kept"):
            self.request.session["kept"] = kept
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        kept = self.request.POST.get("kept", "")
        return super().get_context_data(kept=kept, signup_is_open=settings.SIGNUP == "open", **kwargs)

    def _ask_to_wait(self, seconds: int) -> HttpResponse:
        # An unbound form: a bound one would check the password.
        form = AuthenticationForm(initial={"username": self.request.POST.get("username", "")})
        context = self.get_context_data(form=form, wait=_please_wait(seconds))
        return self.render_to_response(context, status=429, headers={"Retry-After": str(seconds)})
