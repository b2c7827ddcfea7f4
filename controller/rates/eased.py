"""What would be left if lower priorities gave way, or if one grant were not there; the book stays as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from controller.rates.book import Book, Held
from controller.rates.network import UNLIMITED, Failure, Way
from controller.rates.remainder import Remainder


class _Relieved(Remainder):
    """A book with more left than there is: what is there is looked at first."""

    def __init__(self, book: Book) -> None:
        self.network, self._book = book.network, book

    def has(self, way: Way, rate_bps: int) -> bool:
        """See `Remainder`."""
        return self._book.has(way, rate_bps) or self.left(way) >= rate_bps

    def has_spare(self, way: Way, failure: Failure, rate_bps: int) -> bool:
        """See `Remainder`."""
        return self._book.has_spare(way, failure, rate_bps) or self.spare(way, failure) >= rate_bps


@dataclass(frozen=True, slots=True)
class _Eased:
    load_bps: int
    diverted: dict[Failure, int]
    left: int


def ease(book: Book, floors: int, out: int = 0) -> Remainder:
    """The book as if all of a priority below `floors` were at their floors, and all below `out` had nothing."""
    if (floors, out) not in book.views:
        book.views[floors, out] = _EasedBook(book, floors, out)
    return book.views[floors, out]


class _EasedBook(_Relieved):
    def __init__(self, book: Book, floors: int, out: int) -> None:
        super().__init__(book)
        self._floors, self._out = floors, out
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


class Without(_Relieved):
    """The book as if one grant were not there."""

    def __init__(self, book: Book, held: Held) -> None:
        super().__init__(book)
        self._rate_bps = held.rate_bps
        self._loads, self._diversions = held.burden.loads, held.burden.diversions
        self._diverted_onto = {way for way, _ in held.burden.diversions}

    def left(self, way: Way) -> int:
        """See `Remainder`."""
        left = self._book.left(way) + self._loads.get(way, 0) * self._rate_bps
        if way in self._diverted_onto:
            diverted = self._book.diverted(way).items()
            others = (bps - self._diversions.get((way, failure), 0) * self._rate_bps for failure, bps in diverted)
            left += self._book.backup(way) - max(others, default=0)
        return left

    def spare(self, way: Way, failure: Failure) -> int:
        """See `Remainder`."""
        times = self._loads.get(way, 0) + self._diversions.get((way, failure), 0)
        return self._book.spare(way, failure) + times * self._rate_bps


def priorities_below(held: Iterable[Held], priority: int) -> list[int]:
    """The lower priorities that there are, ascending."""
    return sorted({one.demand.priority for one in held if one.demand.priority < priority})
