from django.contrib import admin
from django.urls import include, path

from chat.views import health

urlpatterns = [
    path("", include("chat.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]

handler400 = "chat.views.errors.bad_request"
handler500 = "chat.views.errors.server_error"
