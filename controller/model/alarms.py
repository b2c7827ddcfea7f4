"""What needs a person: raised once, kept until it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alarm:
    """A kind of a closed list, what it is about, and one clear sentence."""

    kind: str
    subject: str
    message: str


class Alarms:
    """The alarms that stand now; `observer` is told of each that is ``raised``, ``changed`` or ``cleared``."""

    def __init__(self) -> None:
        self._standing: dict[tuple[str, str], Alarm] = {}
        self.observer: Callable[[str, Alarm], None] = lambda _what, _alarm: None

    def raise_(self, kind: str, subject: str, message: str) -> bool:
        """Raise an alarm, or renew its text; true when it is new."""
        before, alarm = self._standing.get((kind, subject)), Alarm(kind, subject, message)
        self._standing[kind, subject] = alarm
        if before != alarm:
            self.observer("raised" if before is None else "changed", alarm)
        return before is None

    def clear(self, kind: str, subject: str) -> None:
        """The matter is over."""
        alarm = self._standing.pop((kind, subject), None)
        if alarm is not None:
            self.observer("cleared", alarm)

    def keep(self, kind: str, messages: dict[str, str]) -> None:
        """Make the alarms of one kind exactly these, by subject."""
        for subject in [s for k, s in self._standing if k == kind and s not in messages]:
            self.clear(kind, subject)
        for subject, message in messages.items():
            self.raise_(kind, subject, message)

    def standing(self) -> tuple[Alarm, ...]:
        """All that stand, sorted."""
        return tuple(self._standing[key] for key in sorted(self._standing))
