"""What a machine may lack. Its tests are skipped by name there; with REQUIRE_SERVICES=1 they fail instead."""

import os
import shutil
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    if os.environ.get("REQUIRE_SERVICES"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


def program(name: str) -> str:
    """Its path."""
    return shutil.which(name) or missing(name)
