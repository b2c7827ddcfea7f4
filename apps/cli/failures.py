"""Why a command does not do what was asked: each failure has its exit code, and one clear sentence."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final

_UNAUTHORISED: Final = (401, 403)


class Exit(IntEnum):
    """What a command's exit status says."""

    OK = 0
    FINDING = 1
    """It was done, and there is something to look at: not converged, an alarm, a plan that is refused."""
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    UNAUTHORISED = 5
    INTERRUPTED = 130


class Failed(Exception):
    """A command ends here; the text says why, and `advice` what to do about it."""

    code: Exit = Exit.FINDING

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice

    @property
    def problem(self) -> Mapping[str, Any]:
        """For programs."""
        told = {"detail": str(self), "exit": int(self.code), "advice": self.advice}
        return {key: value for key, value in told.items() if value != ""}


class Misused(Failed):
    """What was typed makes no sense."""

    code = Exit.USAGE


class Unreachable(Failed):
    """Nobody answers, or not Backplane."""

    code = Exit.UNREACHABLE


class Refused(Failed):
    """The API says no: `body` is its problem (RFC 9457)."""

    def __init__(self, status: int, body: Mapping[str, Any], advice: str = "") -> None:
        super().__init__(str(body.get("detail") or body.get("title") or f"the API answers {status}"), advice)
        self.status, self.body = status, body
        self.source = ""
        """The file whose text was refused: lines are its lines."""
        self.code = Exit.UNAUTHORISED if status in _UNAUTHORISED else Exit.REFUSED

    @property
    def reason(self) -> str:
        """The word of the API's closed list."""
        return str(self.body.get("reason", ""))

    @property
    def problem(self) -> Mapping[str, Any]:
        """As the API gave it."""
        return {**super().problem, **self.body}
