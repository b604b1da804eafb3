from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chat.accounts import first_account


class Command(BaseCommand):
    help = "Run the web server as in production. It does not run migrations."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        # Importing the server installs Twisted's reactor, which only the command that runs it should do.
        from config.asgi import application
        from config.server.daphne import Server

        first_account.listen_on(options["host"])
        first_account.announce(_origin(options["host"], options["port"]))
        server = Server(application, host=options["host"], port=options["port"])
        server.run()
        if server.failure:
            raise CommandError(server.failure)


def _origin(host: str, port: int) -> str:
    """Return how this machine reaches the server. Behind a proxy, only its users know the name."""
    if settings.HTTPS or settings.TRUSTED_PROXIES:
        return ""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
