"""Waiting in tests: for a condition, never for a time, and never without a deadline."""

import time
from collections.abc import Callable

DEADLINE_S = 15.0


def wait_until(condition: Callable[[], object]) -> None:
    """Return once ``condition`` holds; fails after 15 s."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.005)
