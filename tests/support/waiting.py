"""Waiting for what is not announced, such as a row in the database or a listening server."""

import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], timeout: float = 10.0) -> T:
    """Wait until the condition is true, and return its value."""
    end = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {timeout} s"
        time.sleep(0.01)
    return found


def wait_until(is_so: Callable[[], bool], timeout: float, what: Callable[[], str] = lambda: "") -> float:
    """Wait, and return the seconds that it took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < timeout, f"not within {timeout} s: {what()[-2000:]}"
        time.sleep(0.05)
    return time.monotonic() - began


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
