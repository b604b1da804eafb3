"""Raw HTTP, for clients that leave in the middle."""

import json
import socket
import struct
import uuid
from typing import Any
from urllib.parse import urlsplit

from tests.support.site import Person


def question(person: Person, text: str) -> tuple[bytes, bytes]:
    """Return head and body of a question, as a browser sends them."""
    body = json.dumps({"request_id": str(uuid.uuid4()), "text": text}).encode()
    cookies = "; ".join(f"{name}={value}" for name, value in person.http.cookies.items())
    lines = [
        "POST /chat/stream HTTP/1.1",
        f"Host: {person.http.base_url.netloc.decode()}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"X-CSRFToken: {person.http.headers['X-CSRFToken']}",
        f"Cookie: {cookies}",
    ]
    return "\r\n".join([*lines, "", ""]).encode(), body


def connect(person: Person) -> socket.socket:
    address = urlsplit(str(person.http.base_url))
    return socket.create_connection((address.hostname, address.port), timeout=10)


def leave(connection: socket.socket, *, rudely: bool) -> None:
    """Close the connection properly or, like a machine that was switched off, with a reset."""
    if rudely:
        linger: Any = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connection.close()
