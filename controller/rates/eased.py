"""What would be left if lower priorities gave way: down to their floors, or out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from controller.rates.book import Book, Held
from controller.rates.network import UNLIMITED, Failure, Way
from controller.rates.remainder import Remainder


@dataclass(frozen=True, slots=True)
class _Eased:
    load_bps: int
    diverted: dict[Failure, int]
    left: int


class Eased(Remainder):
    """The book as if all of a priority below `floors` were at their floors, and all below `out` had nothing."""

    def __init__(self, book: Book, floors: int, out: int = 0) -> None:
        self.network = book.network
        self._book, self._floors, self._out = book, floors, out
        self._known: dict[Way, tuple[int, _Eased]] = {}

    def left(self, way: Way) -> int:
        """See `Remainder`."""
        return self._eased(way).left

    def spare(self, way: Way, failure: Failure) -> int:
        """See `Remainder`."""
        eased = self._eased(way)
        return self.network.capacity(way) - eased.load_bps - eased.diverted.get(failure, 0)

    def _eased(self, way: Way) -> _Eased:
        """Worked out again when anything on the way has changed."""
        known, changes = self._known.get(way), self._book.changes(way)
        if known is None or known[0] != changes:
            known = self._known[way] = changes, self._ease(way)
        return known[1]

    def _ease(self, way: Way) -> _Eased:
        load = self._book.load(way) - sum(times * self._gives(held) for held, times in self._book.loading(way))
        diverted = Counter(self._book.diverted(way))
        for held, failure, times in self._book.diverting(way):
            diverted[failure] -= times * self._gives(held)
        most = max(diverted.values(), default=0)
        capacity = self.network.capacity(way)
        return _Eased(load, diverted, capacity - load - most if capacity != UNLIMITED else UNLIMITED)

    def _gives(self, held: Held) -> int:
        if held.demand.priority < self._out:
            return held.rate_bps
        return held.slack_bps if held.demand.priority < self._floors else 0


def priorities_below(held: Iterable[Held], priority: int) -> list[int]:
    """The lower priorities that there are, ascending."""
    return sorted({one.demand.priority for one in held if one.demand.priority < priority})
