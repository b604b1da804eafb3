"""Imports between packages only go one way, and files and functions keep to the limits of size."""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
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

# For each package, exactly what it imports from our code. Inside a package, anything except circles is allowed.
IMPORTS = {
    # Pure, or based on nothing but Django.
    "chat.events": set(),
    "chat.sse": set(),
    "chat.database_threads": set(),
    "chat.doorbell": set(),
    "chat.markdown": set(),
    "chat.outages": set(),
    "chat.models": {"chat.outages"},
    "chat.upstream": {"chat.events", "chat.sse"},
    "chat.search": {"chat.models"},
    "chat.accounts": {"chat.doorbell", "chat.models"},
    # The engine.
    "chat.replies": {
        "chat.accounts", "chat.database_threads", "chat.doorbell", "chat.events", "chat.markdown", "chat.models",
        "chat.outages",
        "chat.sse", "chat.upstream",
    },
    # Requests and questions, however they arrive.
    "chat.forms": {"chat.accounts", "chat.models"},
    "chat.http": {"chat.models"},
    "chat.model_choice": {"chat.forms", "chat.http", "chat.models", "chat.replies"},
    "chat.questions": {
        "chat.accounts", "chat.doorbell", "chat.http", "chat.model_choice", "chat.models", "chat.replies",
    },
    "chat.page": {"chat.forms", "chat.http", "chat.model_choice", "chat.models", "chat.replies"},
    # The entry points.
    "chat.views": {
        "chat.accounts", "chat.doorbell", "chat.events", "chat.forms", "chat.http", "chat.model_choice", "chat.models",
        "chat.outages", "chat.page", "chat.questions", "chat.replies", "chat.search",
    },
    "chat.admin": {"chat.accounts", "chat.http", "chat.models"},
    "chat.consumers": {"chat.accounts", "chat.doorbell"},
    "chat.templatetags": {"chat.markdown"},
    "chat.management": {
        "chat.accounts", "chat.events", "chat.models", "chat.replies", "chat.upstream", "config.asgi", "config.server",
    },
    "chat.middleware": {"chat.http"},
    "chat.apps": {"chat.accounts", "chat.search"},
    "chat.urls": {"chat.consumers", "chat.views"},
    # How the process is run.
    "config.environment": set(),
    "config.settings": {"config.environment"},
    "config.postgres": set(),
    "config.server": {
        "chat.accounts", "chat.database_threads", "chat.doorbell", "chat.http", "chat.markdown", "chat.outages",
        "chat.replies",
    },
    "config.asgi": {"chat.urls", "config.server"},
    "config.urls": set(),
}  # fmt: skip
# The only module of `chat` that imports `config`: it starts the server.
SERVE = "chat.management.commands.serve"
# Views share code through the packages below them.
NO_SIBLINGS = "chat.views"
ONLY_IMPORTERS = {
    "httpx": {"chat.upstream"},
    "aiohttp": {"chat.upstream"},
    "environ": {"config.environment"},
    "markdown_it": {"chat.markdown"},
    "nh3": {"chat.markdown"},
    "redis": {"chat.replies.redis_streams", "chat.doorbell", "config.server.health"},
    "daphne": {"config.server"},
    "twisted": {"config.server"},
    "autobahn": {"config.server"},
}
STANDARD_LIBRARY_ONLY = {"chat.sse", "chat.events", "chat.replies.growing", "chat.replies.context_window"}
THIRD_PARTY = {"django", "channels", "daphne", "httpx", "aiohttp", "msgspec", "asgiref", "twisted", "uvloop"}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def is_in(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def imports(path: Path, *, with_types: bool = False) -> Iterator[str]:
    """Yield every import; `with_types`: also those only for the type checker."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if not with_types and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules_imported(path: Path, *, with_types: bool = False) -> set[str]:
    """Return our own modules that a file imports."""
    names = imports(path, with_types=with_types)
    return {next((one for one in (name, name.rpartition(".")[0]) if one in MODULES), "") for name in names} - {""}


def room_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


MODULES = {module_of(path) for path in FILES}
ARROWS = [(module_of(path), imported) for path in FILES for imported in modules_imported(path)]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def depth_of(node: ast.AST, depth: int = 0) -> int:
    """Return how deeply blocks are nested in a function; an `elif` is no deeper than its `if`."""
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
    for imported in imports(path):
        for name, importers in ONLY_IMPORTERS.items():
            if is_in(imported, name):
                assert any(is_in(module, importer) for importer in importers), f"{module} imports {imported}"
        if module in STANDARD_LIBRARY_ONLY:
            assert imported.split(".")[0] not in THIRD_PARTY, f"{module} imports {imported}"
        if is_in(imported, "config") and is_in(module, "chat"):
            assert module == SERVE, f"{module} imports {imported}"
        if is_in(imported, NO_SIBLINGS) and is_in(module, NO_SIBLINGS):
            raise AssertionError(f"{module} imports {imported}")


def test_the_arrows_between_the_rooms_are_those_of_the_table() -> None:
    """An import that is only in the table fails too: it lists what is, not what could be."""
    found: dict[str, set[str]] = {room_of(module): set() for module in MODULES}
    for module, imported in ARROWS:
        found[room_of(module)] |= {room_of(imported)} - {room_of(module)}
    assert found == IMPORTS


@pytest.mark.parametrize("with_types", [False, True], ids=["at run time", "for the type checker too"])
def test_no_circle_of_imports(with_types: bool) -> None:
    graph: dict[str, set[str]] = {module: set() for module in MODULES}
    for path in FILES:
        graph[module_of(path)] = modules_imported(path, with_types=with_types) - {module_of(path)}
    assert tuple(TopologicalSorter(graph).static_order())


def test_few_modules_lie_beside_the_folders() -> None:
    assert len(list((ROOT / "chat").glob("*.py"))) <= 12


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


def test_the_readme_names_every_room() -> None:
    table = re.search(r"(?s)\| where \| what \|\n(.*?)\n\n", (ROOT / "README.md").read_text())
    assert table
    cells = [row.split("|")[1] for row in table[1].splitlines()[1:]]
    told = {name.removesuffix("/") for cell in cells for name in re.findall(r"`([^`]+)`", cell)}
    folders = {path.parent for path in (ROOT / "chat").glob("*/__init__.py")} | {
        path.parent for path in (ROOT / "config").glob("*/__init__.py")
    }
    modules = {path for path in (ROOT / "chat").glob("*.py") if path.name != "__init__.py"}
    rooms = {str(path.relative_to(ROOT)) for path in folders | modules}
    assert told == rooms | {"config", "templates", "static", "locale", "tests"}
