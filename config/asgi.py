"""The application that Daphne serves, from the outside in: proxies, request log, static files, Django's threads."""

import logging
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import re_path
from servestatic import ServeStaticASGI

django = get_asgi_application()

# Imported after Django's setup, because they need the models.
from chat.urls import websocket_urlpatterns  # noqa: E402
from config.server.health import with_health  # noqa: E402
from config.server.middleware import logged, on_shared_threads, undisturbed  # noqa: E402
from config.server.proxy import behind_proxies  # noqa: E402
from config.server.static_files import is_hashed, protect  # noqa: E402
from config.server.turns import in_turn  # noqa: E402

logger = logging.getLogger("config.requests")


with_static_files = ServeStaticASGI(
    undisturbed(in_turn(on_shared_threads(django))),
    # The folder doesn't exist before the first collectstatic, but the API works without it.
    root=settings.STATIC_ROOT if settings.STATIC_ROOT.is_dir() else None,
    prefix=settings.STATIC_URL,
    immutable_file_test=is_hashed,
    allow_all_origins=False,
    add_headers_function=protect,
)
websockets = URLRouter([*websocket_urlpatterns, re_path("", WebsocketDenier.as_asgi())])
application = behind_proxies(
    ProtocolTypeRouter({"http": logged(with_health(with_static_files)), "websocket": on_shared_threads(websockets)}),
    settings.TRUSTED_PROXIES,
)
if settings.HTTPS and not settings.TRUSTED_PROXIES:
    logger.warning("HTTPS is on, but TRUSTED_PROXIES names no proxy: every page will redirect to itself")
if len(settings.SECRET_KEY) < 50 or len(set(settings.SECRET_KEY)) < 5:
    logger.warning("SECRET_KEY is short or has few characters: use at least 50 random ones")
