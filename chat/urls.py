from django.contrib.auth import views as auth
from django.urls import path

from chat.consumers import DoorbellConsumer
from chat.views import accounts, changes, conversations, manifest, messages, pages, search, settings, stream

urlpatterns = [
    path("", pages.home, name="home"),
    path("chat/", pages.new_conversation, name="new_conversation"),
    path("chat/stream", stream.stream, name="stream"),
    path("chat/stop", stream.stop, name="stop"),
    path("chat/changes", changes.changes, name="changes"),
    path("chat/search", search.search, name="search"),
    path("chat/archived/", conversations.archived, name="archived"),
    path("chat/<uuid:conversation>/", pages.conversation, name="conversation"),
    path("chat/<uuid:conversation>/title/", conversations.title, name="title"),
    path("chat/<uuid:conversation>/rename", conversations.rename, name="rename"),
    path("chat/<uuid:conversation>/pin", conversations.pin, name="pin"),
    path("chat/<uuid:conversation>/archive", conversations.archive, name="archive"),
    path("chat/<uuid:conversation>/delete", conversations.delete, name="delete"),
    path("chat/<uuid:conversation>/restore", conversations.restore, name="restore"),
    path("chat/<uuid:conversation>/messages/<uuid:message>/", messages.message, name="message"),
    path("chat/<uuid:conversation>/messages/<uuid:message>/text/", messages.text, name="message_text"),
    path("chat/<uuid:conversation>/messages/<uuid:message>/show/", messages.show, name="show_message"),
    path("chat/<uuid:conversation>/messages/<uuid:message>/delete/", messages.delete, name="delete_message"),
    path("chat/<uuid:conversation>/messages/<uuid:message>/restore/", messages.restore, name="restore_message"),
    path("chat/<uuid:conversation>/settings/", settings.conversation, name="conversation_settings"),
    path("manifest.webmanifest", manifest.manifest, name="manifest"),
    path("settings/", settings.personal, name="settings"),
    path("settings/presets/new/", settings.new_preset, name="new_preset"),
    path("settings/presets/<uuid:preset>/", settings.preset, name="preset"),
    path("settings/presets/<uuid:preset>/delete/", settings.delete_preset, name="delete_preset"),
    path("accounts/signup/", accounts.signup, name="signup"),
    path("accounts/login/", accounts.Login.as_view(), name="login"),
    path("accounts/logout/", auth.LogoutView.as_view(), name="logout"),
    path("accounts/password/", auth.PasswordChangeView.as_view(), name="password_change"),
    path("accounts/password/done/", auth.PasswordChangeDoneView.as_view(), name="password_change_done"),
]
websocket_urlpatterns = [
    path("chat/doorbell", DoorbellConsumer.as_asgi()),
]
