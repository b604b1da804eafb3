"""What goes wrong behind a page: nothing may, unless the test announces it."""

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Request, WebError

# Schemes that don't use the network.
OWN_SCHEMES = {"data", "blob"}


class Watch:
    """Collects console errors (including CSP violations), uncaught errors, and requests to other hosts."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._expected: list[str] = []
        self._hosts: set[str] = set()

    def over(self, context: "BrowserContext", base_url: str) -> None:
        """Watch from now on. No host may be contacted except the site's."""
        self._hosts.add(urlsplit(base_url).netloc)
        context.on("console", self._hear)
        context.on("weberror", self._catch)
        context.on("request", self._see)

    def expect(self, pattern: str) -> None:
        """Expect a problem that the test causes, such as the browser's complaint about a 409."""
        self._expected.append(pattern)

    def check(self) -> None:
        unexpected = [one for one in self.problems if not any(re.search(known, one) for known in self._expected)]
        assert not unexpected, "behind the page:\n" + "\n".join(unexpected)

    def _hear(self, message: "ConsoleMessage") -> None:
        if message.type == "error":
            self.problems.append(f"console: {message.text} ({message.location['url']})")

    def _catch(self, error: "WebError") -> None:
        self.problems.append(f"uncaught: {error.error}")

    def _see(self, request: "Request") -> None:
        url = urlsplit(request.url)
        if url.scheme not in OWN_SCHEMES and url.netloc not in self._hosts:
            self.problems.append(f"request to another host: {request.url}")
