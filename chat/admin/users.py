from __future__ import annotations

import zoneinfo
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import admin as auth
from django.contrib.auth.forms import UserChangeForm, UserCreationForm
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from chat.accounts.names import UniqueNames
from chat.accounts.sessions import recheck
from chat.admin.lookups import NamedLookups
from chat.admin.titles import PlainTitles
from chat.models import Generation, User
from chat.models.names import key_of

if TYPE_CHECKING:
    # Generic for the type checker only.
    ChangeForm = UserChangeForm[User]
    CreationForm = UserCreationForm[User]
    DjangosUserAdmin = auth.UserAdmin[User]
else:
    ChangeForm, CreationForm, DjangosUserAdmin = UserChangeForm, UserCreationForm, auth.UserAdmin


class UserForm(UniqueNames, ChangeForm):
    language = forms.ChoiceField(
        label=_("Language"), required=False, choices=[("", _("Browser default")), *settings.LANGUAGES]
    )
    timezone = forms.ChoiceField(
        label=_("Time zone"),
        required=False,
        choices=[("", settings.TIME_ZONE), *((name, name) for name in sorted(zoneinfo.available_timezones()))],
    )

    class Meta(UserChangeForm.Meta):
        model = User
        help_texts: ClassVar = {"is_active": _("To change this, use an action in the list of users.")}


class NewUserForm(UniqueNames, CreationForm):
    pass


@admin.register(User)
class UserAdmin(NamedLookups, PlainTitles, DjangosUserAdmin):
    """Accounts, which are deactivated here but never deleted.

    Only superusers can grant permissions, set passwords or change staff accounts. Otherwise anyone who may edit users
    could give themselves the right to read transcripts, or log in as somebody else and read there.
    """

    form = UserForm
    add_form = NewUserForm
    list_display = ["username", "email", "is_active", "is_staff", "is_superuser", "last_login", "date_joined", "chats"]
    list_filter = ["is_active", "is_staff", "is_superuser", "groups", "last_login", "date_joined"]
    filterable = frozenset(
        {"id", "is_active", "is_staff", "is_superuser", "groups", "groups__id", "last_login", "date_joined"}
    )
    search_fields = ["username_key", "email_key", "username", "email", "first_name", "last_name", "=id"]
    actions = ["deactivate", "activate"]
    show_facets = admin.ShowFacets.NEVER
    readonly_fields = ["id", "is_active", "last_login", "date_joined"]
    add_fieldsets = [(None, {"classes": ["wide"], "fields": ["username", "email", "password1", "password2"]})]
    person = ["id", "username", "email", "first_name", "last_name", "language", "theme", "timezone"]
    rights = ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).defer("instructions")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        found, has_duplicates = super().get_search_results(request, queryset, search_term)
        spelled, _has_duplicates = super().get_search_results(request, queryset, key_of(search_term))
        return found | spelled, has_duplicates

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if not obj:
            return self.add_fieldsets
        password = ["password"] if _is_superuser(request) else []
        return [
            (None, {"fields": self.person + password}),
            (_("Permissions"), {"fields": self.rights}),
            (_("Important dates"), {"fields": ["last_login", "date_joined"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        return self.readonly_fields + ([] if _is_superuser(request) else self.rights[1:])

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        mine_to_change = _is_superuser(request) or not (obj and obj.is_staff)
        return mine_to_change and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        if not _is_superuser(request):
            raise PermissionDenied
        page: HttpResponse = super().user_change_password(request, id, form_url)
        return page

    @admin.action(description=_("Deactivate: block login and stop running replies"), permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._set_active(request, queryset, False)

    @admin.action(description=_("Activate: allow login again"), permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._set_active(request, queryset, True)

    @admin.display(description=_("conversations"))
    def chats(self, user: User) -> SafeString:
        url = reverse("admin:chat_conversation_changelist")
        return format_html('<a href="{}?owner__id__exact={}">{}</a>', url, user.pk, _("show"))

    def _set_active(self, request: HttpRequest, queryset: QuerySet[User], is_active: bool) -> None:
        # Nobody can deactivate themselves, so somebody who can undo it always remains.
        people = [user for user in queryset if user != request.user and self.has_change_permission(request, user)]
        said = gettext("Activated.") if is_active else gettext("Deactivated.")
        with transaction.atomic():
            User.objects.filter(pk__in=[user.pk for user in people]).update(is_active=is_active)
            if not is_active:
                Generation.objects.running().filter(conversation__owner__in=people).update(stop_requested_at=Now())
            for user in people:
                self.log_change(request, user, said)
                recheck(user.pk)
        count = len(people)
        self.message_user(request, ngettext("%d user changed.", "%d users changed.", count) % count, messages.SUCCESS)


admin.site.unregister(Group)


@admin.register(Group)
class PermissionGroupAdmin(NamedLookups, auth.GroupAdmin):
    """Groups, which only superusers can edit, because they grant permissions too."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return _is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return _is_superuser(request)


def _is_superuser(request: HttpRequest) -> bool:
    return request.user.is_active and request.user.is_superuser
