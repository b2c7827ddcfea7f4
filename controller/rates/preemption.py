"""Admission at the cost of lower priorities: who is pushed down to his floor, or out, and no further than is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from controller.model.grants import Grant
from controller.rates.admission import admit, find_best
from controller.rates.book import Book, Held
from controller.rates.eased import Eased, priorities_below
from controller.rates.network import KBIT, Demand, Offer, whole

Preempt: TypeAlias = Literal["none", "floor", "out"]
"""What a higher priority may do to a lower one: nothing; push it down to its floor; also out."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What a demand gets, and the new rates of those who were pushed for it, bit/s; 0: out."""

    answer: Grant | Offer
    pushed: Mapping[str, int] = field(default_factory=dict)


def admit_pushing(book: Book, demand: Demand, preempt: Preempt) -> Admission:
    """Admit a demand, pushing those that have a strictly lower priority.

    A higher priority gets all that it asks before a lower one keeps more than its floor: those are pushed down before
    it accepts less. Out they go only where all floors together leave it less than its own floor, and then it gets its
    floor and what is left besides. The lowest priority gives way first, then the last name. The book stays as it is.
    """
    with book.without(demand.name):
        found = Pusher(book, preempt).find(demand, demand.protected)
    return found or Admission(admit(book, demand))


class Pusher:
    """Finds grants at the cost of lower priorities, in one book."""

    def __init__(self, book: Book, preempt: Preempt) -> None:
        self._book, self._preempt = book, preempt
        self._views: dict[tuple[int, int], Eased] = {}

    def find(self, demand: Demand, guarded: bool, out: bool = True) -> Admission | None:
        """As `admit_pushing`, for a demand that is not in the book; None where it does not get its floor."""
        least, asked = max(whole(demand.floor_bps), KBIT), whole(demand.rate_bps)
        found = find_best(self._book, demand, guarded, least)
        if self._preempt == "none" or (found is not None and found.rate_bps >= asked):
            return Admission(found) if found else None
        more = found.rate_bps + KBIT if found else least
        better = self._find_at_floors(demand, guarded, more)
        if better is not None:
            return Admission(better, self._pushed_for(demand, better, guarded))
        if found is not None or self._preempt == "floor" or not out:
            return Admission(found) if found else None
        return self._find_outing(demand, guarded, least)

    def raise_held(self, name: str) -> None:
        """Raise a grant where it is, with what lower priorities have above their floors."""
        book, held = self._book, self._book.held[name]
        if self._preempt == "none":
            return
        room = whole(self._view(held.demand.priority).most(held.burden))
        book.rerate(name, min(held.rate_bps + room, whole(held.demand.rate_bps)))
        before = dict[str, int]()
        _push_down(book, held.demand.priority, before)
        _restore(book, before)

    def _view(self, floors: int, out: int = 0) -> Eased:
        return self._views.setdefault((floors, out), Eased(self._book, floors, out))

    # Down to their floors

    def _find_at_floors(self, demand: Demand, guarded: bool, least: int) -> Grant | None:
        """The most that there is with others at their floors: of as few priorities as that takes."""
        best = find_best(self._view(demand.priority), demand, guarded, least)
        if best is None:
            return None
        for priority in priorities_below(self._book.held.values(), demand.priority):
            found = find_best(self._view(priority + 1), demand, guarded, best.rate_bps)
            if found is not None:
                return found
        return best

    def _pushed_for(self, demand: Demand, grant: Grant, guarded: bool) -> dict[str, int]:
        book = self._book
        with _trial(book) as before:
            book.put(demand, grant, guarded)
            _push_down(book, demand.priority, before)
            _restore(book, before)
            book.take(demand.name)
            return _pushed(book, before)

    # Out

    def _find_outing(self, demand: Demand, guarded: bool, least: int) -> Admission | None:
        need = replace(demand, rate_bps=least)
        if find_best(self._view(demand.priority, demand.priority), need, guarded, least) is None:
            return None
        for priority in priorities_below(self._book.held.values(), demand.priority):
            found = find_best(self._view(demand.priority, priority + 1), need, guarded, least)
            if found is not None:
                return self._outed_for(demand, found, guarded)
        return None

    def _outed_for(self, demand: Demand, grant: Grant, guarded: bool) -> Admission:
        """The demand's floor, with others out as it takes; what is left besides is the demand's, then theirs."""
        book = self._book
        with _trial(book) as before:
            book.put(demand, grant, guarded)
            _push_down(book, demand.priority, before)
            _push_out(book, demand.priority, before)
            _let_in(book, before)
            _raise(book, demand.name, whole(demand.rate_bps))
            _restore(book, before)
            held = book.take(demand.name)
            return Admission(held.grant, _pushed(book, before))


# Who gives way


@contextmanager
def _trial(book: Book) -> Iterator[dict[str, int]]:
    """Who is pushed within, and had what, is written into a list: he has it again after it."""
    before: dict[str, int] = {}
    try:
        yield before
    finally:
        for name, rate_bps in before.items():
            book.rerate(name, rate_bps)


def _in_the_way(book: Book, priority: int) -> list[Held]:
    """Those below a priority who load ways that are over their capacity, in the order in which they give way."""
    found = {held.demand.name: held for way in book.overfull for held in book.concerned(way)}
    lower = (held for held in found.values() if held.demand.priority < priority)
    ordered = sorted(lower, key=lambda held: held.demand.name, reverse=True)
    return sorted(ordered, key=lambda held: held.demand.priority)


def _push_down(book: Book, priority: int, before: dict[str, int]) -> None:
    for held in _in_the_way(book, priority):
        if held.slack_bps and held.burden.touches(book.overfull):
            _push(book, held, held.rate_bps - held.slack_bps, before)


def _push_out(book: Book, priority: int, before: dict[str, int]) -> None:
    for held in _in_the_way(book, priority):
        if held.burden.touches(book.overfull):
            _push(book, held, 0, before)


def _push(book: Book, held: Held, rate_bps: int, before: dict[str, int]) -> None:
    before.setdefault(held.demand.name, held.rate_bps)
    book.rerate(held.demand.name, rate_bps)


# Who need not


def _let_in(book: Book, before: Mapping[str, int]) -> None:
    """Those who are out have their floors again where there is room."""
    for name in _deserving(book, before):
        held = book.held[name]
        floor = min(whole(held.demand.floor_bps), before[name])
        if not held.rate_bps and book.most(held.burden) >= floor:
            book.rerate(name, floor)


def _restore(book: Book, before: Mapping[str, int]) -> None:
    """Those who are in have what they had, as far as there is room."""
    for name in _deserving(book, before):
        if book.held[name].rate_bps:
            _raise(book, name, before[name])


def _deserving(book: Book, names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: (-book.held[name].demand.priority, name))


def _raise(book: Book, name: str, to_bps: int) -> None:
    """Raise a grant as far as there is room on its path."""
    held = book.held[name]
    book.rerate(name, min(held.rate_bps + whole(book.most(held.burden)), to_bps))


def _pushed(book: Book, before: Mapping[str, int]) -> dict[str, int]:
    rates = {name: book.held[name].rate_bps for name in before}
    return {name: rate_bps for name, rate_bps in rates.items() if rate_bps != before[name]}
