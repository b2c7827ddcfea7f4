"""``?wait=5s``: an answer that waits until the switches have confirmed a change. Others run meanwhile."""

from __future__ import annotations

import time
from typing import Final

from ryu.lib import hub

from apps.rest.http import Call, Query
from apps.rest.problems import Reason, Refused
from controller.control import Control
from controller.model.units import parse_duration

LONGEST_S: Final = 60
_POLL_S: Final = 0.02
WAIT: Final = Query(
    "wait",
    f"how long to wait for the switches, such as 5s (at most {LONGEST_S} s)",
    pattern="([1-9]|[1-5][0-9]|60) ?s?|1 ?min",
)


def wait_s(call: Call) -> int | None:
    """How long the client wants to wait, seconds; None: not at all."""
    given = call.first("wait")
    if given is None:
        return None
    try:
        seconds = parse_duration(given)
    except ValueError as error:
        raise Refused(Reason.NOT_READABLE, f"query parameter wait: {error}") from error
    if seconds > LONGEST_S:
        raise Refused(Reason.NOT_READABLE, f"query parameter wait is {seconds} s: expected at most {LONGEST_S} s")
    return seconds


def wait_converged(control: Control, seconds: float) -> bool:
    """Wait until all connected switches hold what is wanted; false where they do not in time."""
    deadline = time.monotonic() + seconds
    while not control.converged:
        if time.monotonic() >= deadline:
            return False
        hub.sleep(_POLL_S)
    return True
