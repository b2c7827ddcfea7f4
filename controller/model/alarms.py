"""What needs a person: raised once, kept until it is over."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alarm:
    """A kind of a closed list, what it is about, and one clear sentence."""

    kind: str
    subject: str
    message: str


class Alarms:
    """The alarms that stand now."""

    def __init__(self) -> None:
        self._standing: dict[tuple[str, str], Alarm] = {}

    def raise_(self, kind: str, subject: str, message: str) -> bool:
        """Raise an alarm, or renew its text; true when it is new."""
        new = (kind, subject) not in self._standing
        self._standing[kind, subject] = Alarm(kind, subject, message)
        return new

    def clear(self, kind: str, subject: str) -> None:
        """The matter is over."""
        self._standing.pop((kind, subject), None)

    def keep(self, kind: str, messages: dict[str, str]) -> None:
        """Make the alarms of one kind exactly these, by subject."""
        for subject in [s for k, s in self._standing if k == kind and s not in messages]:
            self.clear(kind, subject)
        for subject, message in messages.items():
            self.raise_(kind, subject, message)

    def standing(self) -> tuple[Alarm, ...]:
        """All that stand, sorted."""
        return tuple(self._standing[key] for key in sorted(self._standing))
