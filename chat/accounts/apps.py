from django.contrib.admin.apps import AdminConfig


class ChatAdminConfig(AdminConfig):
    default_site = "chat.accounts.admin_site.ChatAdminSite"
