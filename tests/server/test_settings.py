"""Settings come from the environment; a wrong one prevents the start, with one clear line."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import Client

from tests.support.site import Site

ROOT = Path(__file__).parents[2]
SECRET = "a long random text that only this test knows, of sixty letters"
# Variables that a developer's .env may have set.
UNSET = {"SECRET_KEY": "", "DEBUG": "", "LLM_BASE_URL": "", "LLM_API_KEY": "", "DATABASE_URL": "sqlite://:memory:"}


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py without the variables of whoever runs the tests."""
    environment = {"PATH": os.environ["PATH"], **UNSET, **variables}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, check=False, env=environment, cwd=ROOT, capture_output=True, text=True)


class Reader:
    """Reads the settings with certain variables."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def values(self, *names: str, **variables: str) -> dict[str, Any]:
        answer = self._ask(names, variables)
        assert "error" not in answer, answer
        values: dict[str, Any] = answer["values"]
        return values

    def value(self, name: str, **variables: str) -> Any:
        return self.values(name, **variables)[name]

    def error(self, **variables: str) -> str:
        kind, message = self._ask((), variables)["error"]
        assert kind == "ImproperlyConfigured"
        return str(message)

    def _ask(self, names: tuple[str, ...], variables: dict[str, str]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        question = {"names": names, "variables": {**UNSET, "SECRET_KEY": SECRET, **variables}}
        print(json.dumps(question), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@pytest.fixture(scope="module")
def read() -> Iterator[Reader]:
    command = [sys.executable, "-m", "tests.support.settings_reader"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        yield Reader(process)
        assert process.stdin
        process.stdin.close()


@pytest.mark.process
def test_a_secret_key_is_all_that_is_needed() -> None:
    done = manage("check", SECRET_KEY=SECRET)

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.process
def test_a_wrong_value_stops_the_start_with_one_line() -> None:
    done = manage("check", SECRET_KEY=SECRET, MAX_REPLIES="many")

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "Configuration error: MAX_REPLIES must be a number of at least 1, not 'many'.\n"


@pytest.mark.parametrize("secret", ["", "   "])
def test_without_a_secret_key_there_is_no_start(secret: str, read: Reader) -> None:
    assert "SECRET_KEY is missing" in read.error(SECRET_KEY=secret)


def test_only_debugging_goes_without(read: Reader) -> None:
    assert read.value("SECRET_KEY", SECRET_KEY="", DEBUG="on")


WRONG = [
    ("DEBUG", "maybe"),
    ("HTTPS", "perhaps"),
    ("SIGNUP", "sometimes"),
    ("LLM_BASE_URL", "127.0.0.1:8080/v1"),
    ("LLM_BASE_URL", "ftp://127.0.0.1/v1"),
    ("LLM_BASE_URL", "http://"),
    ("LLM_BASE_URL", "http://[::1/v1"),
    ("LLM_BASE_URL", "http://localhost:port/v1"),
    ("LLM_API_KEY", "sk-\N{CYRILLIC SMALL LETTER EM}"),
    ("LLM_API_KEY", "sk-1\nsk-2"),
    ("LLM_HEADERS", "x-provider: openai"),
    ("LLM_HEADERS", '["x-provider"]'),
    ("LLM_HEADERS", '{"x-provider": 1}'),
    ("LLM_HEADERS", '{"x provider": "openai"}'),
    ("LLM_HEADERS", '{"x-provider": "a\\r\\nb: c"}'),
    ("LLM_MODEL", "m" * 201),
    ("LLM_CONNECT_TIMEOUT", "soon"),
    ("LLM_CONNECT_TIMEOUT", "0"),
    ("LLM_FIRST_TOKEN_TIMEOUT", "-1"),
    ("LLM_IDLE_TIMEOUT", "nan"),
    ("LLM_TOTAL_TIMEOUT", "inf"),
    ("LLM_TOTAL_TIMEOUT", "5 minutes"),
    ("LLM_MAX_REPLY_CHARS", "0"),
    ("LLM_CONTEXT_TOKENS", "-1"),
    ("LLM_CONTEXT_TOKENS", "small=many"),
    ("LLM_TITLES", "sometimes"),
    ("MAX_QUESTION_CHARS", "many"),
    ("MAX_REPLIES_PER_USER", "0"),
    ("MAX_REPLIES", "1.5"),
    ("DRAIN_SECONDS", "-1"),
    ("SAVE_PATIENCE_SECONDS", "long"),
    ("DATABASE_URL", "nonsense"),
    ("DATABASE_URL", "data/chat.sqlite3"),
    ("DATABASE_URL", "oracle://user:password@host/name"),
    ("DATABASE_URL", "postgres://user:password@host:port/name"),
    ("REDIS_URL", "nonsense"),
    ("REDIS_URL", "http://redis:6379/0"),
    ("CSRF_TRUSTED_ORIGINS", "chat.example.com"),
    ("SECRET_KEY_FILE", "/nowhere/at/all"),
    ("LLM_API_KEY_FILE", "/"),
    ("DATABASE_URL_FILE", "/nowhere/at/all"),
]


def test_the_default_model_is_one_of_those_that_are_allowed(read: Reader) -> None:
    allowed = {"LLM_MODELS": "fox-*, hen-2"}
    assert read.error(LLM_MODEL="owl-3", **allowed) == "LLM_MODEL must be one of LLM_MODELS."
    assert read.values("LLM_MODEL", "LLM_MODELS", LLM_MODEL="fox-1", **allowed) == {
        "LLM_MODEL": "fox-1",
        "LLM_MODELS": ["fox-*", "hen-2"],
    }


def test_a_window_is_for_all_models_or_for_some(read: Reader) -> None:
    assert read.value("LLM_CONTEXT_TOKENS") == {}
    assert read.value("LLM_CONTEXT_TOKENS", LLM_CONTEXT_TOKENS="32000") == {"": 32000}
    some = read.value("LLM_CONTEXT_TOKENS", LLM_CONTEXT_TOKENS="32000, vendor/small=4096")
    assert some == {"": 32000, "vendor/small": 4096}


def test_the_demonstration_model_is_asked_for_no_titles_unless_one_wants_them(read: Reader) -> None:
    assert read.value("LLM_TITLES")
    assert not read.value("LLM_TITLES", LLM_DEMO="on")
    assert read.value("LLM_TITLES", LLM_DEMO="on", LLM_TITLES="on")


@pytest.mark.parametrize(("name", "value"), WRONG, ids=ascii)
def test_the_line_names_what_is_wrong(name: str, value: str, read: Reader) -> None:
    line = read.error(**{name: value})

    assert line.startswith(name.removesuffix("_FILE"))
    assert line.endswith(".")
    assert "\n" not in line
    # A possible secret is not printed; any other value is, to show the mistake.
    assert "sk-" not in line
    assert "user:password" not in line.replace("postgres://user:password@host/name", "")


@pytest.mark.parametrize("value", ["on", "1", "true", "YES", " On "])
def test_a_flag_is_on_in_many_words(value: str, read: Reader) -> None:
    assert read.value("HTTPS", HTTPS=value) is True


def test_an_empty_variable_is_as_good_as_none(read: Reader) -> None:
    names = ("ALLOWED_HOSTS", "HTTPS", "LLM_IDLE_TIMEOUT", "MAX_REPLIES", "SIGNUP", "DRAIN_SECONDS")

    assert read.values(*names, **dict.fromkeys(names, "")) == read.values(*names)
    assert read.value("ALLOWED_HOSTS") == ["localhost", "127.0.0.1", "[::1]"]


def test_numbers_may_have_decimals_where_they_are_seconds(read: Reader) -> None:
    assert read.value("LLM_IDLE_TIMEOUT", LLM_IDLE_TIMEOUT="0.25") == 0.25


def test_lists_are_words_with_commas_between_them(read: Reader) -> None:
    assert read.value("ALLOWED_HOSTS", ALLOWED_HOSTS=" chat.example.com, 10.0.0.1 ,") == [
        "chat.example.com",
        "10.0.0.1",
    ]


def test_the_address_of_the_model_server_may_end_in_a_slash(read: Reader) -> None:
    assert read.value("LLM_BASE_URL", LLM_BASE_URL="http://localhost:1/v1//") == "http://localhost:1/v1"


@pytest.mark.parametrize("name", ["SECRET_KEY", "LLM_API_KEY"])
def test_a_secret_may_stand_in_a_file(name: str, tmp_path: Path, read: Reader) -> None:
    (tmp_path / "secret").write_text("from the file\n")

    assert read.value(name, **{f"{name}_FILE": str(tmp_path / "secret")}) == "from the file"


def test_so_may_the_address_of_the_database_with_its_password(tmp_path: Path, read: Reader) -> None:
    (tmp_path / "secret").write_text("postgres://anna:fox@db/chat\n")

    database = read.value("DATABASES", DATABASE_URL="", DATABASE_URL_FILE=str(tmp_path / "secret"))["default"]

    assert (database["USER"], database["PASSWORD"], database["HOST"], database["NAME"]) == ("anna", "fox", "db", "chat")


@pytest.mark.parametrize("secret", ["$ecret with a dollar", "\\$ecret", "${HOME}", "#1 %s {x} 'y'"])
def test_a_secret_is_taken_as_it_stands(secret: str, read: Reader) -> None:
    assert read.value("SECRET_KEY", SECRET_KEY=secret) == secret


def test_a_longer_question_may_need_a_larger_body(read: Reader) -> None:
    """Every character may be written as two \\uXXXX."""
    assert read.value("DATA_UPLOAD_MAX_MEMORY_SIZE", MAX_QUESTION_CHARS="1000000") >= 12_000_000


# --- HTTPS ----------------------------------------------------------------------------------------------------------

HTTPS_SETTINGS = (
    "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS",
)  # fmt: skip


def test_without_https_nothing_demands_it(read: Reader) -> None:
    values = read.values(*HTTPS_SETTINGS)

    assert not any(values[name] for name in HTTPS_SETTINGS)


def test_with_it_cookies_are_safe_and_browsers_are_told_to_stay(settings: Any, db: None, read: Reader) -> None:
    values = read.values(*HTTPS_SETTINGS, HTTPS="on")
    assert values["SESSION_COOKIE_SECURE"] is values["CSRF_COOKIE_SECURE"] is values["SECURE_SSL_REDIRECT"] is True
    assert values["SECURE_HSTS_SECONDS"] >= 180 * 24 * 3600
    for name, value in values.items():
        setattr(settings, name, value)

    page = Client().get("/accounts/login/", secure=True, follow=True)

    assert page.status_code == 200
    assert "max-age=" in page.headers["Strict-Transport-Security"]
    assert page.cookies["csrftoken"]["secure"]


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/chat/stream", "/healthz/x"])
def test_with_it_plain_http_leads_there(path: str, settings: Any, db: None, read: Reader) -> None:
    for name, value in read.values(*HTTPS_SETTINGS, HTTPS="on").items():
        setattr(settings, name, value)

    answer = Client().get(path)

    assert answer.status_code == 301
    assert answer.headers["location"] == f"https://testserver{path}"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_but_not_for_who_watches_the_process(path: str, settings: Any, site: Site, read: Reader) -> None:
    for name, value in read.values(*HTTPS_SETTINGS, HTTPS="on").items():
        setattr(settings, name, value)

    assert httpx.get(f"{site.base_url}{path}").status_code == 200


def test_a_public_server_passes_djangos_own_examination() -> None:
    variables = {"SECRET_KEY": SECRET, "HTTPS": "on", "ALLOWED_HOSTS": "chat.example.com"}
    done = manage("check", "--deploy", "--fail-level", "WARNING", **variables)

    assert done.returncode == 0, done.stderr


def test_the_example_names_every_setting() -> None:
    example = (ROOT / ".env.example").read_text()
    read_by_name = re.findall(r'= \w+\("([A-Z_]+)"', (ROOT / "config" / "settings.py").read_text())

    assert len(read_by_name) > 20
    for name in read_by_name:
        assert re.search(rf"^#{name}=", example, re.MULTILINE), name
