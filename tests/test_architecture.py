"""Arrows between the rooms go one way, and the house measures are kept."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = [
    path
    for folder in ("chat", "config")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "migrations" not in path.parts and path.read_text()
]
NAMES = [str(path.relative_to(ROOT)) for path in FILES]

# Room: what it may import of ours. Inside a room everything is free.
MAY_IMPORT = {
    "chat.sse": set(),
    "chat.events": set(),
    "chat.context": set(),
    "chat.markdown": set(),
    "chat.blocks": {"chat.markdown", "chat.live", "chat.events"},
    "chat.templatetags": {"chat.markdown"},
    "chat.live": {"chat.events"},
    "chat.reading": {"chat.blocks", "chat.live", "chat.events", "chat.sse", "chat.models"},
    "chat.models": set(),
    "chat.upstream": {"chat.sse", "chat.events"},
    "chat.generation": {"chat.upstream", "chat.live", "chat.events", "chat.context"},
    "chat.threads": set(),
    "chat.relay": {"chat.events"},
    "chat.relaying": {"chat.relay", "chat.live", "chat.events"},
    "chat.following": {"chat.models", "chat.live", "chat.events", "chat.relaying", "chat.threads"},
    "chat.saving": {"chat.models", "chat.events", "chat.generation", "chat.threads", "chat.doorbell"},
    "chat.titles": {
        "chat.models", "chat.upstream", "chat.events", "chat.doorbell", "chat.generation", "chat.threads",
    },
    "chat.engine": {
        "chat.upstream", "chat.live", "chat.events", "chat.generation", "chat.following", "chat.doorbell",
        "chat.relay", "chat.relaying", "chat.saving", "chat.threads", "chat.titles",
    },
    "chat.forms": {"chat.models", "config.first_account"},
    "chat.doorbell": set(),
    "chat.logins": {"chat.models", "chat.doorbell"},
    "chat.consumers": {"chat.doorbell", "chat.logins"},
    "chat.admin": {"chat.models", "chat.logins"},
    "chat.search": {"chat.models"},
    "chat.apps": {"chat.logins", "chat.search"},
    "chat.urls": {"chat.views", "chat.consumers"},
    "chat.management": {
        "chat.models", "chat.upstream", "chat.generation", "chat.sse", "chat.events", "chat.engine", "config",
    },
    "chat.views": {
        "chat.forms", "chat.models", "chat.engine", "chat.generation", "chat.live", "chat.events", "chat.reading",
        "chat.doorbell", "chat.blocks", "chat.search", "config.first_account",
    },
}  # fmt: skip
ONLY_IMPORTERS = {
    "httpx": {"chat.upstream"},
    "aiohttp": {"chat.upstream"},
    "environ": {"config.environment"},
    "markdown_it": {"chat.markdown"},
    "nh3": {"chat.markdown"},
    "redis": {"chat.relay", "chat.doorbell", "config.health"},
    "daphne": {"config.server"},
    "twisted": {"config.server"},
}
STANDARD_LIBRARY_ONLY = {"chat.sse", "chat.events", "chat.live", "chat.context"}
THIRD_PARTY = {"django", "channels", "daphne", "httpx", "aiohttp", "msgspec", "asgiref", "twisted", "uvloop"}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def is_in(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def imports(path: Path) -> Iterator[str]:
    """Every import but those for the type checker alone."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def depth_of(node: ast.AST, depth: int = 0) -> int:
    """Of blocks inside a function; an `elif` is no deeper than its `if`."""
    deepest = depth
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        is_block = isinstance(child, ast.If | ast.For | ast.AsyncFor | ast.While | ast.With | ast.AsyncWith | ast.Try)
        is_elif = isinstance(child, ast.If) and isinstance(node, ast.If) and child in node.orelse
        deepest = max(deepest, depth_of(child, depth + (is_block and not is_elif)))
    return deepest


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_it_imports_only_what_its_room_may(path: Path) -> None:
    module = module_of(path)
    room = next((room for room in MAY_IMPORT if is_in(module, room)), None)
    for imported in imports(path):
        for name, importers in ONLY_IMPORTERS.items():
            if is_in(imported, name):
                assert any(is_in(module, importer) for importer in importers), f"{module} imports {imported}"
        if room and imported.split(".")[0] in {"chat", "config"}:
            allowed = {room, *MAY_IMPORT[room]}
            assert any(is_in(imported, one) for one in allowed), f"{module} imports {imported}"
        if room in STANDARD_LIBRARY_ONLY:
            assert imported.split(".")[0] not in THIRD_PARTY, f"{module} imports {imported}"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_only_the_settings_read_the_environment(path: Path) -> None:
    reads = re.search(r"os\.environ\b(?!\.setdefault\(\"DJANGO_SETTINGS_MODULE\")|getenv", path.read_text())
    assert not reads or module_of(path) == "config.environment"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_it_keeps_the_house_measures(path: Path) -> None:
    assert path.read_text().count("\n") <= 300, "a file of at most 300 lines: split it by noun"
    for function in functions(path):
        assert function.end_lineno
        assert function.end_lineno - function.lineno < 40, f"{function.name} is longer than 40 lines"
        assert depth_of(function) <= 4, f"{function.name} is nested too deeply"


def test_a_broad_except_stands_in_one_place_only() -> None:
    broad = [
        f"{module_of(path)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
    ]
    assert len(broad) == 1, broad


def test_no_type_is_ignored_without_a_reason() -> None:
    for path in FILES:
        assert not re.search(r"#\s*type:\s*ignore(?!\[)", path.read_text()), path
