"""What is in the log: the records of a test as the product's own formatter writes them."""

import json
import logging
from typing import Any

import pytest

from tests.support.waiting import until


def lines_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    formatter = next(handler.formatter for handler in logging.getLogger().handlers if is_ours(handler))
    assert formatter
    return [formatter.format(record) for record in list(caplog.records)]


def is_ours(handler: logging.Handler) -> bool:
    return type(handler.formatter).__name__ == "JsonLines"


def said(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    """Return the lines about one kind of event."""
    return [line for line in map(json.loads, lines_of(caplog)) if line["event"] == event]


def wait_for_lines(caplog: pytest.LogCaptureFixture, event: str, number: int = 1) -> list[dict[str, Any]]:
    """Wait for this many lines: one may be written after the client has its answer."""
    until(lambda: len(said(caplog, event)) >= number)
    return said(caplog, event)
