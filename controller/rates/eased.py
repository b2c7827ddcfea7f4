"""What would be left if lower priorities gave way, or if one grant were not there; the book stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.rates.book import Book, Held
from controller.rates.network import Failure, Way
from controller.rates.remainder import Remainder
from controller.rates.shares import Share


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


def ease(book: Book, floors: int, out: int = 0) -> Remainder:
    """The book as if all of a priority below `floors` were at their floors, and all below `out` had nothing."""
    if (floors, out) not in book.views:
        book.views[floors, out] = _Eased(book, floors, out)
    return book.views[floors, out]


class _Eased(_Relieved):
    def __init__(self, book: Book, floors: int, out: int) -> None:
        super().__init__(book)
        self._floors, self._out = floors, out
        self._known: dict[Way, tuple[int, int, Mapping[Failure, int]]] = {}

    def left(self, way: Way) -> int:
        """See `Remainder`."""
        room, diverted = self._without_lower(way)
        return room - max(diverted.values(), default=0)

    def spare(self, way: Way, failure: Failure) -> int:
        """See `Remainder`."""
        room, diverted = self._without_lower(way)
        return room - diverted.get(failure, 0)

    def _without_lower(self, way: Way) -> tuple[int, Mapping[Failure, int]]:
        """What loads leave, and what is diverted; worked out again when anything on the way has changed."""
        known, changes = self._known.get(way), self._book.changes(way)
        if known is None or known[0] != changes:
            known = self._known[way] = changes, *self._leave_out(way)
        return known[1:]

    def _leave_out(self, way: Way) -> tuple[int, Mapping[Failure, int]]:
        shares, diverted = self._book.by_priority(way), self._book.diverted(way)
        less = {failure: bps - self._given(shares.diverted.get(failure, {})) for failure, bps in diverted.items()}
        return self.network.capacity(way) - self._book.load(way) + self._given(shares.loads), less

    def _given(self, shares: Mapping[int, Share]) -> int:
        """What those give who have a lower priority."""
        out = sum(share.rate_bps for priority, share in shares.items() if priority < self._out)
        return out + sum(share.slack_bps for priority, share in shares.items() if self._out <= priority < self._floors)


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
