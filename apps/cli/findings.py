"""What a check of `backplane doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Result: TypeAlias = Literal["ok", "note", "fail"]
"""`note`: it may be meant so; `fail`: something does not work until it is mended."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and what to do about it."""

    about: str
    result: Result
    found: str
    todo: str = ""


def ok(about: str, found: str) -> Finding:
    """It is as it should be."""
    return Finding(about, "ok", found)


def note(about: str, found: str, todo: str = "") -> Finding:
    """It may be meant so."""
    return Finding(about, "note", found, todo)


def fail(about: str, found: str, todo: str) -> Finding:
    """It does not work like this."""
    return Finding(about, "fail", found, todo)
