"""Waiting for what is to happen, with a deadline: the only place of the tests where time passes by sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_POLL_S = 0.01
T = TypeVar("T")


def wait_until(
    condition: Callable[[], T], timeout_s: float, what: str, pause: Callable[[float], None] = time.sleep
) -> T:
    """Ask until the answer is true, and return it; fails with `what` did not happen after `timeout_s` seconds.

    `pause` lets others run between two questions: greenlets, for one.
    """
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"after {timeout_s:g} s: {what}"
        pause(_POLL_S)
    return answer
