from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from chat.admin.audit import AuditEntryAdmin
from chat.admin.conversations import ConversationAdmin
from chat.admin.login import login
from chat.admin.replies import ReplyAdmin
from chat.admin.users import PermissionGroupAdmin, UserAdmin

__all__ = ["AuditEntryAdmin", "ConversationAdmin", "PermissionGroupAdmin", "ReplyAdmin", "UserAdmin"]

admin.site.site_header = admin.site.site_title = _("Chat administration")
# Django's hook for this, AdminConfig.default_site, would need a site class and an app config for one function.
admin.site.login = login  # type: ignore[method-assign]
