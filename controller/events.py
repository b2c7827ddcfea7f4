"""What happened, in order: a bounded history of events that listeners read from by id."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

KINDS: Final = ("revision", "platform", "port", "link", "server", "reservation", "audit", "alarm")
"""What an event can be about."""
HISTORY: Final = 4096
"""How many events are kept."""
Value: TypeAlias = str | int | bool | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `time` is in seconds since 1970, `text` says it in one sentence."""

    id: int
    time: float
    kind: str
    name: str
    what: str
    text: str
    data: Mapping[str, Value] = field(default_factory=dict)


def no_clock() -> float:
    """For those who do not care when something happened."""
    return 0.0


class History:
    """The last events. Ids grow by one; those of a later start are higher, because they begin at the clock's time.

    `clock` gives seconds since 1970. `observer` is called after every event, and must not wait.
    """

    def __init__(self, clock: Callable[[], float] = no_clock, size: int = HISTORY) -> None:
        self._clock, self._size = clock, size
        self._ring: list[Event] = []
        self._floor = int(clock() * 1e6)
        self.last = self._floor
        """The id of the newest event; before the first one, an id that no event has."""
        self.observer: Callable[[], None] = lambda: None

    @property
    def now(self) -> float:
        """The clock's time."""
        return self._clock()

    @property
    def oldest(self) -> int:
        """The lowest id from which on nothing is lost."""
        return self.last - len(self._ring) + 1

    def tell(self, kind: str, name: str, what: str, text: str, **data: Value) -> None:
        """Add an event."""
        self.last += 1
        event = Event(self.last, self._clock(), kind, name, what, text, data)
        if len(self._ring) < self._size:
            self._ring.append(event)
        else:
            self._ring[self._place(self.last)] = event
        self.observer()

    def holds_all_after(self, seen: int) -> bool:
        """Whether no event after that of id `seen` is lost; false for an id that was never given."""
        return self.oldest - 1 <= seen <= self.last

    def after(self, seen: int, limit: int = HISTORY) -> list[Event]:
        """Up to `limit` events that follow the one of id `seen`, oldest first; lost ones are left out."""
        first = max(seen + 1, self.oldest)
        return [self._ring[self._place(number)] for number in range(first, min(first + limit, self.last + 1))]

    def _place(self, number: int) -> int:
        return (number - self._floor - 1) % self._size
