"""What strangers write can't make the log act on a terminal, nor make it long: from a process of its own."""

import contextlib
import json
import logging
import sqlite3
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from config.server.log_filters import BriefRefusals
from config.server.logs import JsonLines
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.process import ServerProcess, Servers, wait_until

# Control, format, surrogate, line and paragraph separator.
ACTING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
EVERYTHING = [chr(point) for point in range(sys.maxunicode + 1)]


def line_of(text: str) -> str:
    record = logging.LogRecord("config.requests", logging.INFO, "", 0, "request", (), None)
    record.path = text
    return JsonLines("%(message)s", json_ensure_ascii=False).format(record)


def test_no_character_that_acts_is_in_a_line_and_none_is_lost() -> None:
    for start in range(0, len(EVERYTHING), 0x1000):
        # Apart, or two halves of a surrogate pair would become one letter.
        text = " ".join(EVERYTHING[start : start + 0x1000])
        line = line_of(text)
        assert not [character for character in line if unicodedata.category(character) in ACTING]
        assert json.loads(line)["path"] == text


def test_letters_stay_as_they_are() -> None:
    assert "/беседа/🦊" in line_of("/беседа/🦊")


def test_what_is_not_refused_stays_as_it_is() -> None:
    record = logging.LogRecord("django.request", logging.ERROR, "", 0, "x" * 1000, (), (ValueError, ValueError(), None))
    BriefRefusals().filter(record)

    assert (record.levelname, len(record.getMessage()), bool(record.exc_info)) == ("ERROR", 1000, True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, migrated: Path, upstream: FakeUpstream) -> Iterator[ServerProcess]:
    servers = Servers(tmp_path_factory.mktemp("logs"), migrated, upstream)
    yield servers.start()
    servers.stop()


@pytest.mark.process
@pytest.mark.parametrize("character", ["\x1b", "\x7f", "\x9b", "\u200f", "\u202e", "\u2066", "\u2028", "\U000e0041"])
def test_a_path_is_told_without_acting(character: str, server: ServerProcess) -> None:
    path = f"/{character}{len(server.log('request'))}"
    assert httpx.get(server.base_url + quote(path), verify=False).status_code == 404

    wait_until(lambda: path in [line["path"] for line in server.log("request")], 5)
    assert character not in server.log_text()


@pytest.mark.process
@pytest.mark.parametrize(
    "host", ["evil.example", "evil\x9b.example", "x" * 8000, "[", "a b", "evil.example:port", "127.0.0.1/%0a"]
)
def test_a_refused_host_is_one_short_warning_without_a_traceback(host: str, server: ServerProcess) -> None:
    before = len(server.log())
    response = httpx.get(server.base_url, headers=[(b"Host", host.encode("latin-1"))], verify=False)
    assert response.status_code == 400

    wait_until(lambda: len(server.log()) == before + 2, 5)
    refused, request = server.log()[before:]
    assert refused["level"] == "WARNING"
    assert not {"exc_info", "request"} & set(refused)
    assert (request["event"], request["status"]) == ("request", 400)
    assert all(len(line) < 600 for line in server.log_text().splitlines()[before:])


@pytest.mark.process
def test_a_refused_look_up_is_one_short_warning_too(server: ServerProcess) -> None:
    with contextlib.closing(sqlite3.connect(server.database, timeout=10)) as connection, connection:
        connection.execute("UPDATE chat_user SET is_staff = 1, is_superuser = 1 WHERE username = 'anna'")
    before = len(server.log())
    path = f"/admin/chat/conversation/?owner__password__startswith{'x' * 3000}=pbkdf2"
    assert server.person().http.get(path).status_code == 400

    wait_until(lambda: len(server.log()) == before + 2, 5)
    refused = server.log()[before]
    assert refused["level"] == "WARNING"
    assert not {"exc_info", "request"} & set(refused)
    assert len(server.log_text().splitlines()[before]) < 600


@pytest.mark.process
def test_a_long_path_is_cut(server: ServerProcess) -> None:
    httpx.get(f"{server.base_url}/{'y' * 10_000}", verify=False)

    wait_until(lambda: any("/yyy" in line["path"] for line in server.log("request")), 5)
    assert max(len(line) for line in server.log_text().splitlines()) < 1_000
