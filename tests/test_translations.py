"""All texts exist in both languages: what makemessages finds is in the catalogue, and it finds every text."""

import ast
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polib
import pytest
from django.core.management import call_command

from tests.support.services import program

ROOT = Path(__file__).parent.parent
CATALOGUE = Path("locale/ru/LC_MESSAGES/django.po")
RUSSIAN = polib.pofile(str(ROOT / CATALOGUE))
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[sd]|\{\w+\}")


def keys(catalogue: Any) -> set[tuple[str, str, str]]:
    return {(entry.msgctxt or "", entry.msgid, entry.msgid_plural) for entry in catalogue if not entry.obsolete}


def texts(entry: Any) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def test_the_catalogue_has_every_marked_text_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    program("xgettext")
    for folder in ("chat", "config", "templates", "locale"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    settings.LOCALE_PATHS = [tmp_path / "locale"]
    call_command("makemessages", locale=["ru"], no_location=True, no_obsolete=True, verbosity=0)
    found = polib.pofile(str(tmp_path / CATALOGUE))
    assert keys(RUSSIAN) == keys(found), "make messages, then translate what is new"


def test_every_text_is_translated_in_all_its_forms() -> None:
    assert RUSSIAN.metadata["Plural-Forms"].startswith("nplurals=3;")
    forms = {len(entry.msgstr_plural) for entry in RUSSIAN if entry.msgid_plural}
    assert forms == {3}
    assert not [entry.msgid for entry in RUSSIAN if not entry.translated()]


def test_the_same_is_filled_in() -> None:
    def differ(entry: Any) -> bool:
        expected = sorted(PLACEHOLDER.findall(entry.msgid_plural or entry.msgid))
        return any(sorted(PLACEHOLDER.findall(text)) != expected for text in texts(entry))

    assert not [entry.msgid for entry in RUSSIAN if differ(entry)]


def test_what_is_compiled_is_what_was_written() -> None:
    """The compiled file is committed too, because a server may not have gettext."""
    compiled = polib.mofile(str(ROOT / CATALOGUE.with_suffix(".mo")))

    def said(catalogue: Any) -> dict[Any, Any]:
        return {(entry.msgctxt, entry.msgid): texts(entry) for entry in catalogue}

    assert compiled.metadata["Plural-Forms"] == RUSSIAN.metadata["Plural-Forms"]
    assert said(compiled) == said(RUSSIAN), "make messages"


# --- Texts that nobody marked -----------------------------------------------------------------------------------------

# Marked texts, and what is not text: comments, and blocks for attributes and addresses.
MARKED = re.compile(
    r"(?s)\{#.*?#\}"
    r"|\{% blocktranslate\b.*?\{% endblocktranslate %\}"
    r"|\{% block (?:body_attributes|back) %\}.*?\{% endblock %\}"
)
# Tags and variables, which may be next to words or stand for them.
TAG = re.compile(r"(?s)\{%.*?%\}|\{\{.*?\}\}")
A_TEXT_IN_A_TAG = re.compile(r"""(?<!_\()(?:default|add|yesno):["'][^"']*[A-Za-z]{3}""")
A_WORD = re.compile(r"[A-Za-zА-Яа-я]{2}")
SHOWN = {"aria-label", "aria-description", "title", "placeholder", "alt", "content"}
# Names of keys and of settings, and code for the browser.
NO_TEXT = {"kbd", "pre", "script", "style"}


class Unmarked(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        if tag != "meta":
            self.found += [value for name, value in attributes if name in SHOWN and value and A_WORD.search(value)]

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not NO_TEXT & set(self._open) and A_WORD.search(data):
            self.found.append(data.strip())


def unmarked_in_template(source: str) -> list[str]:
    source = MARKED.sub("", source)
    parser = Unmarked()
    parser.feed(TAG.sub("", source))
    return parser.found + A_TEXT_IN_A_TAG.findall(source)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Hello</p>", ["Hello"]),
        ("<button aria-label='Send'></button>", ["Send"]),
        ("{% if a %}One{% else %}{% translate 'Two' %}{% endif %}", ["One"]),
        ("<p title=\"{% translate 'Two' %}\">{% blocktranslate %}Three{% endblocktranslate %} {{ four }}</p>", []),
    ],
)
def test_an_unmarked_text_is_seen(source: str, found: list[str]) -> None:
    assert unmarked_in_template(source) == found


def test_no_template_has_an_unmarked_text() -> None:
    found = {str(path): unmarked_in_template(path.read_text()) for path in (ROOT / "templates").rglob("*.html")}
    assert {name: unmarked for name, unmarked in found.items() if unmarked} == {}


# A sentence: a capital letter, small letters, then another word.
SENTENCE = re.compile(r"^[A-Z][a-z’']+,? [A-Za-z]")
LITERAL = re.compile(r"\"([^\"\n]*)\"|'([^'\n]*)'|`([^`]*)`")


def test_no_script_has_a_text_of_its_own() -> None:
    """Scripts show the texts from `templates/chat/_texts.html`."""

    def literals(source: str) -> Iterator[str]:
        for line in re.sub(r"(?s)/\*.*?\*/", "", source).splitlines():
            for groups in LITERAL.findall(re.sub(r"(^|\s)//.*", "", line)):
                yield "".join(groups)

    scripts = sorted((ROOT / "static/js").rglob("*.js"))
    assert scripts
    found = {path.name: [text for text in literals(path.read_text()) if SENTENCE.match(text)] for path in scripts}
    assert {name: unmarked for name, unmarked in found.items() if unmarked} == {}


MARKS = {"_", "gettext", "ngettext", "pgettext", "npgettext"}
# Instructions to the model are not translated.
TO_THE_MODEL = {"GO_ON"}
# These are read by programs.
FOR_PROGRAMS = {"health.py"}


def sentences_in(tree: ast.AST) -> Iterator[str]:
    """Yield sentences that are not in docstrings, marked, or for a log or the model."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Call) and _name(node.func) in MARKS | {"warning", "error", "info", "exception"}:
            continue
        if isinstance(node, ast.Assign) and {_name(target) for target in node.targets} & TO_THE_MODEL:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SENTENCE.match(node.value):
            yield node.value
        yield from sentences_in(node)


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def test_no_page_says_what_is_not_marked() -> None:
    rooms = ("admin", "forms", "models", "views")
    files = {path for room in rooms for path in (ROOT / "chat" / room).rglob("*.py") if path.name not in FOR_PROGRAMS}
    assert files
    found = {path.name: list(sentences_in(ast.parse(path.read_text()))) for path in files}
    assert {name: unmarked for name, unmarked in found.items() if unmarked} == {}
