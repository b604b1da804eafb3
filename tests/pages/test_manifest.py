"""The chat can be installed."""

import struct
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from chat.models import User
from tests.pages.page import html

pytestmark = pytest.mark.django_db

# The place of width and height in a PNG's header.
SIZE = slice(16, 24)


def file_of(address: str) -> Path:
    return Path(str(finders.find(address.removeprefix("/static/"))))


def test_it_can_be_installed(client: Client, anna: User) -> None:
    assert '<link rel="manifest" href="/manifest.webmanifest">' in html(client.get("/"))
    answer = client.get("/manifest.webmanifest")
    manifest = answer.json()
    assert answer["Content-Type"] == "application/manifest+json"
    assert (manifest["name"], manifest["start_url"], manifest["display"]) == ("Chat", "/", "standalone")
    assert {icon.get("purpose") for icon in manifest["icons"]} == {None, "maskable"}
    for icon in manifest["icons"]:
        file = file_of(icon["src"])
        if file.suffix == ".png":
            width, height = struct.unpack(">II", file.read_bytes()[SIZE])
            assert icon["sizes"] == f"{width}x{height}"


def test_its_name_is_in_the_language_of_the_reader(client: Client) -> None:
    assert client.get("/manifest.webmanifest", headers={"Accept-Language": "ru"}).json()["lang"] == "ru"
