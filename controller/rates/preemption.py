"""Admission at the cost of lower priorities: who is pushed down to his floor, or out, and no further than is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from controller.model.grants import Grant
from controller.rates.admission import admit, find_best
from controller.rates.book import Book
from controller.rates.burden import Burden
from controller.rates.eased import ease, priorities_below
from controller.rates.network import KBIT, Demand, Offer, whole
from controller.rates.yielding import let_in, push_down, push_out, pushed, raise_by_room, restore, trial

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
        found = find_pushing(book, demand, demand.protected, preempt)
    return found or Admission(admit(book, demand))


def find_pushing(book: Book, demand: Demand, guarded: bool, preempt: Preempt) -> Admission | None:
    """As `admit_pushing`, for a demand that is not in the book; None where it does not get its floor."""
    least, asked = demand.least_bps, demand.asked_bps
    found = find_best(book, demand, guarded, least)
    if preempt == "none" or (found is not None and found.rate_bps >= asked):
        return Admission(found) if found else None
    better = _find_at_floors(book, demand, guarded, found.rate_bps + KBIT if found else least)
    if better is not None:
        return _pushing_down(book, demand, better, guarded)
    if found is not None:
        return Admission(found)
    need = _find_outing(book, demand, guarded, least) if preempt == "out" else None
    return _pushing_out(book, demand, need, guarded) if need else None


def raise_pushing(book: Book, name: str) -> None:
    """Raise a grant where it is, with what lower priorities have above their floors."""
    held = book.held[name]
    view = ease(book, held.demand.priority)
    full = {way: times for way, times in held.burden.loads.items() if book.left(way) < KBIT * times}
    if not view.fits(Burden(full, {}), KBIT):
        return
    room = whole(view.most(held.burden))
    book.rerate(name, min(held.rate_bps + room, held.demand.asked_bps))
    before = dict[str, int]()
    push_down(book, held.demand.priority, before)
    restore(book, before)


# Down to their floors


def _find_at_floors(book: Book, demand: Demand, guarded: bool, least: int) -> Grant | None:
    """The most that there is with others at their floors: of as few priorities as that takes."""
    best = find_best(ease(book, demand.priority), demand, guarded, least)
    if best is None:
        return None
    most = best.rate_bps
    return _of_fewest(book, demand, lambda below: find_best(ease(book, below), demand, guarded, most)) or best


def _of_fewest(book: Book, demand: Demand, find: Callable[[int], Grant | None]) -> Grant | None:
    """What is found where the fewest of the lower priorities give way; None where it takes them all."""
    levels = priorities_below(book.held.values(), demand.priority)[1:]
    low, high, best = 0, len(levels), None
    while low < high:
        middle = (low + high) // 2
        found = find(levels[middle])
        low, high, best = (middle + 1, high, best) if found is None else (low, middle, found)
    return best


def _pushing_down(book: Book, demand: Demand, grant: Grant, guarded: bool) -> Admission:
    with trial(book) as before:
        book.put(demand, grant, guarded)
        push_down(book, demand.priority, before)
        restore(book, before)
        book.take(demand.name)
        return Admission(grant, pushed(book, before))


# Out


def _find_outing(book: Book, demand: Demand, guarded: bool, least: int) -> Grant | None:
    """The demand's floor, with others out: of as few priorities as that takes."""
    need, floors = replace(demand, rate_bps=least), demand.priority
    last = find_best(ease(book, floors, floors), need, guarded, least)
    if last is None:
        return None
    return _of_fewest(book, demand, lambda below: find_best(ease(book, floors, below), need, guarded, least)) or last


def _pushing_out(book: Book, demand: Demand, grant: Grant, guarded: bool) -> Admission:
    """The demand's floor first; what is left then is the demand's, and theirs after it."""
    with trial(book) as before:
        book.put(demand, grant, guarded)
        push_down(book, demand.priority, before)
        push_out(book, demand.priority, before)
        let_in(book, before)
        raise_by_room(book, demand.name, demand.asked_bps)
        restore(book, before)
        held = book.take(demand.name)
        return Admission(held.grant, pushed(book, before))
