from typing import Any

from django import forms
from django.contrib.auth.forms import UserCreationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from chat.accounts import first_account
from chat.accounts.names import UniqueNames
from chat.models import User


class SignUp(UniqueNames, UserCreationForm):  # type: ignore[type-arg]
    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username", "email")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].help_text = _("Letters, digits and @ . + - _")
        self.fields["email"].help_text = _("Optional.")
        # One sentence for Django's four.
        self.fields["password1"].help_text = _(
            "At least 8 characters. Not a common password, not only digits, not similar to your name."
        )
        self.fields["password2"].help_text = ""
        self.fields["email"].widget.attrs["autocomplete"] = "email"


class FirstSignUp(SignUp):
    """On a public address, the first account needs the token from the log."""

    token = forms.CharField(
        label=_("One-time token"),
        help_text=_("Look for it in the server log, where it was printed at the start."),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    field_order = ("token",)

    def clean_token(self) -> str:
        token = str(self.cleaned_data["token"])
        if not first_account.token_matches(token):
            raise ValidationError(_("Wrong token. Copy the one from the latest start in the server log."))
        return token
