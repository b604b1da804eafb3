"""Reading pages in tests, and sending their forms."""

import re
import uuid
from html.parser import HTMLParser
from typing import Any

from chat.models import Conversation, Message


def path_of(conversation: Conversation) -> str:
    return f"/chat/{conversation.pk}/"


def path_of_message(message: Message) -> str:
    return f"/chat/{message.conversation_id}/messages/{message.pk}/"


def body(text: str = "What is a fox?", **fields: Any) -> dict[str, Any]:
    return {"request_id": str(uuid.uuid4()), "text": text, **fields}


def html(response: Any) -> str:
    return str(response.content.decode())


def shown(response: Any) -> str:
    """Return the page without the templates that are there for scripts."""
    return re.sub(r"<template.*?</template>", "", html(response), flags=re.DOTALL)


def listed(response: Any) -> list[str]:
    return re.findall(r'<span class="conversation-title">(.*?)</span>', html(response))


class Inline(HTMLParser):
    """Collects what a strict Content-Security-Policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = dict(attributes)
        if tag == "style" or (tag == "script" and not names.get("src")):
            self.found.append(tag)
        self.found += [f"{tag} {name}" for name in names if name == "style" or name.startswith("on")]
        addresses = [names.get(name) or "" for name in ("src", "href", "action")]
        self.found += [address for address in addresses if re.match(r"\w+:|//", address)]
