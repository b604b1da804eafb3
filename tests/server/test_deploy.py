"""What the deployment needs besides the code: its secrets, and documents that are up to date."""

import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "secrets.sh", tmp_path / "scripts")
    return tmp_path


def make_secrets(checkout: Path) -> dict[str, str]:
    subprocess.run([checkout / "scripts" / "secrets.sh"], check=True, timeout=10, capture_output=True)
    return {path.name: path.read_text().strip() for path in (checkout / "secrets").iterdir()}


def test_secrets_are_made_once(checkout: Path) -> None:
    made = make_secrets(checkout)

    assert set(made) == {"secret_key", "postgres_password", "database_url"}
    assert len(made["secret_key"]) >= 50
    assert made["database_url"] == f"postgres://chat:{made['postgres_password']}@db/chat"
    assert make_secrets(checkout) == made


def test_one_that_was_lost_is_made_again_and_the_others_stay(checkout: Path) -> None:
    made = make_secrets(checkout)
    (checkout / "secrets" / "secret_key").unlink()

    again = make_secrets(checkout)

    assert again["secret_key"] != made["secret_key"]
    assert again["database_url"] == made["database_url"]


def test_nobody_else_on_the_machine_can_reach_them_but_containers_can_read_them(checkout: Path) -> None:
    make_secrets(checkout)

    assert stat.S_IMODE((checkout / "secrets").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (checkout / "secrets").iterdir()} == {0o644}


def test_secrets_get_neither_into_git_nor_into_an_image() -> None:
    assert "secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert {"secrets", ".env"} <= set((ROOT / ".dockerignore").read_text().splitlines())


def test_the_document_names_every_setting() -> None:
    document = (ROOT / "docs" / "deploy.md").read_text()
    read_by_name = re.findall(r'[=:] \w+\("([A-Z_]+)"', (ROOT / "config" / "settings.py").read_text())

    assert len(read_by_name) > 20
    for name in read_by_name:
        assert re.search(rf"^\| .*`{name}`", document, re.MULTILINE), name


def test_caddy_is_replaced_in_seconds_although_streams_never_end() -> None:
    """Nobody can connect until the old one is gone, and Docker's own patience is ten seconds."""
    [grace] = re.findall(r"^\tgrace_period (\d+)s$", (ROOT / "Caddyfile").read_text(), re.MULTILINE)
    [stop] = re.findall(r"grace_period\.\n +stop_grace_period: (\d+)s", (ROOT / "compose.yaml").read_text())

    assert int(grace) < int(stop) <= 2


def test_caddys_log_has_neither_headers_nor_queries() -> None:
    log = re.search(r"(?s)\tlog \{.*?\n\t\}", (ROOT / "Caddyfile").read_text())

    assert log
    for rule in (r"request>uri regexp \?.* ?…", "request>headers delete", "resp_headers delete"):
        assert rule in log[0]


def test_the_database_role_of_the_chat_is_no_superuser() -> None:
    """PostgreSQL keeps its last connections for superusers: an operator has to get in."""
    compose = (ROOT / "compose.yaml").read_text()

    assert "POSTGRES_USER: postgres\n" in compose
    assert "./scripts/database_role.sh:/docker-entrypoint-initdb.d/" in compose
    assert "SUPERUSER" not in (ROOT / "scripts" / "database_role.sh").read_text()


def test_docker_waits_longer_than_a_process_needs_for_its_end() -> None:
    compose = (ROOT / "compose.yaml").read_text()
    [drain] = re.findall(r"DRAIN_SECONDS:-(\d+)", compose)
    [grace] = re.findall(r"DRAIN_SECONDS;.*\n\s+stop_grace_period: (\d+)s", compose)

    # Saving the ends takes up to five seconds, telling readers two, and cutting them off one.
    assert int(grace) >= int(drain) + 10
