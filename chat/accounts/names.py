"""Names and addresses in forms: nobody can take one that is somebody else's in another spelling."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chat.models import User
from chat.models.names import key_of

if TYPE_CHECKING:
    # Generic for the type checker only.
    ModelForm = forms.ModelForm[User]
else:
    ModelForm = forms.ModelForm


def who_is_called(term: str, user: str) -> Q:
    """Return the filter for users whose name or address contains a term; `user`: the relation to them."""
    key = key_of(term)
    in_keys = Q(**{f"{user}__username_key__contains": key}) | Q(**{f"{user}__email_key__contains": key})
    # Rows that an older version wrote have no keys yet.
    return in_keys | Q(**{f"{user}__username__icontains": term}) | Q(**{f"{user}__email__icontains": term})


class UniqueNames(ModelForm):
    """A mixin for forms of users. Someone whose name has been a duplicate for long can still save the rest."""

    def clean_username(self) -> Any:
        if self._is_taken("username"):
            raise self.instance.unique_error_message(User, ["username"])
        return self.cleaned_data["username"]

    def clean_email(self) -> Any:
        if self._is_taken("email"):
            raise ValidationError(_("Another account uses this email address."), code="unique")
        return self.cleaned_data["email"]

    def _is_taken(self, field: str) -> bool:
        name = self.cleaned_data[field]
        is_new = bool(name) and field in self.changed_data
        return is_new and User.objects.is_taken(field, name, but=self.instance.pk)
