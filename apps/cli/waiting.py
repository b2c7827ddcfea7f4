"""``--wait 10s``: how long an answer may wait for the switches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.cli.failures import Misused
from controller.model.units import parse_duration


@dataclass(frozen=True)
class Wait:
    """How long to wait, and how the API is told so."""

    seconds: int = 0
    query: Mapping[str, str] = field(default_factory=dict)


def read_wait(text: str | None) -> Wait:
    """What ``--wait`` says; raises `Misused`."""
    if text is None:
        return Wait()
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise Misused(f"--wait: {error}") from None
    return Wait(seconds, {"wait": f"{seconds}s"})
