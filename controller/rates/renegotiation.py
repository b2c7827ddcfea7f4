"""All demands on a network that has changed: what they had, what they get now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from controller.model.grants import Grant
from controller.rates.admission import admit, find_best
from controller.rates.book import Book, Held
from controller.rates.eased import Without
from controller.rates.network import KBIT, Demand, Network, Offer, whole
from controller.rates.preemption import Admission, Preempt, find_pushing, raise_pushing
from controller.rates.settling import guard, settle

_MOST_ROUNDS = 50
"""Rounds end by themselves, for each but the last protects or raises somebody; this is a bound, not an expectation."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Who has what; the best offers of those who have less than their floor; protected ones without protection."""

    grants: dict[str, Grant]
    offers: dict[str, Offer] = field(default_factory=dict)
    exposed: frozenset[str] = frozenset()


def renegotiate(
    network: Network, demands: Mapping[str, Demand], before: Mapping[str, Grant], preempt: Preempt
) -> Outcome:
    """Grant anew what the network can hold; with the same again as `before`, nothing changes.

    1. What still leads from source to target and fits stays as it is. A protected grant whose line has failed is moved
       to the way round, with its whole rate: the rates that all have now go before protection against the next failure.
    2. What has lost its path is placed anew, the highest priority first, then by name, at the rate that it had; at its
       floor at least, pushing as allowed; else at what there is.
    3. Who has nothing is tried, in the same order.
    4. Who has less than he asked is raised: where he is, else on another path that holds more, else where he is by
       pushing. Who should be protected and is not, is protected as soon as it can be, for the same rate.

    3 and 4 go on until nothing changes.
    """
    table = _Table(settle(network, demands, before), demands, preempt)
    table.replace_lost(before)
    table.come_to_rest()
    return Outcome(table.book.grants, table.offers(), table.book.exposed)


class _Table:
    """Those who negotiate, and the book."""

    def __init__(self, book: Book, demands: Mapping[str, Demand], preempt: Preempt) -> None:
        self.book, self._demands, self._preempt = book, demands, preempt
        self._order = sorted(demands, key=lambda name: (-demands[name].priority, name))

    def replace_lost(self, before: Mapping[str, Grant]) -> None:
        """Place anew those that are not where they were."""
        for name in self._order:
            held = self.book.held.get(name)
            if name in before and (held is None or held.links != before[name].links):
                self._place_anew(name, before[name].rate_bps)

    def come_to_rest(self) -> None:
        """Try all who have less than they want, until nothing changes."""
        for _ in range(_MOST_ROUNDS):
            before = self.book.grants, self.book.exposed
            for name in self._order:
                self._better(name)
            if before != (self.book.grants, self.book.exposed):
                continue
            if not self.book.exposed:
                return
            self.book = settle(self.book.network, self._demands, self.book.grants)
            if before[1] == self.book.exposed:
                return

    def offers(self) -> dict[str, Offer]:
        """What those could have at best that have less than their floor."""
        short = (name for name in self._order if not self._has_floor(name))
        answers = {name: admit(self.book, self._demands[name]) for name in short}
        return {name: answer for name, answer in answers.items() if isinstance(answer, Offer)}

    def _has_floor(self, name: str) -> bool:
        held = self.book.held.get(name)
        return held is not None and held.rate_bps >= self._demands[name].least_bps

    # One demand

    def _better(self, name: str) -> None:
        demand, held = self._demands[name], self.book.held.get(name)
        if held is None:
            self._accept(demand, demand.protected, self._find(demand, demand.protected))
            return
        if not self._has_floor(name):
            self._place_anew(name, held.rate_bps)
        if demand.protected and not self.book.held[name].guarded:
            self._protect(name)
        if self.book.held[name].rate_bps < demand.asked_bps:
            self._raise(name)

    def _place_anew(self, name: str, had_bps: int) -> None:
        """At the rate that it had, or the floor; the rate goes before protection, and a path before nothing."""
        demand = self._demands[name]
        held = self.book.take(name) if name in self.book.held else None
        ask = min(max(whole(had_bps), demand.least_bps), demand.asked_bps)
        found, guarded = self._best_of_both(replace(demand, rate_bps=ask))
        if found is None:
            left = find_best(self.book, demand, False, held.rate_bps + KBIT if held else KBIT)
            found, guarded = (Admission(left) if left else None), False
        if held is not None and (found is None or _rate(found) < held.rate_bps):
            self.book.put_back(held)
        else:
            self._accept(demand, guarded, found)

    def _best_of_both(self, ask: Demand) -> tuple[Admission | None, bool]:
        if ask.protected:
            found = self._find(ask, True, out=False)
            if found is not None and _rate(found) >= ask.rate_bps:
                return found, True
            bare = self._find(ask, False)
            if _rate(found) >= _rate(bare):
                return found, True
            return bare, False
        return self._find(ask, False), False

    def _find(self, demand: Demand, guarded: bool, out: bool = True) -> Admission | None:
        preempt = "floor" if self._preempt == "out" and not out else self._preempt
        return find_pushing(self.book, demand, guarded, preempt)

    def _accept(self, demand: Demand, guarded: bool, found: Admission | None) -> None:
        """Write down what was found; whoever was pushed out looks for another place."""
        if found is None or not isinstance(found.answer, Grant):
            return
        lost = self._push(found.pushed)
        self.book.put(demand, found.answer, guarded)
        for held in lost:
            self._place_anew(held.demand.name, held.rate_bps)

    def _push(self, pushed: Mapping[str, int]) -> list[Held]:
        for name, rate_bps in pushed.items():
            if rate_bps:
                self.book.rerate(name, rate_bps)
        lost = [self.book.take(name) for name, rate_bps in pushed.items() if not rate_bps]
        return sorted(lost, key=lambda held: (-held.demand.priority, held.demand.name))

    # More, or protected

    def _protect(self, name: str) -> None:
        if guard(self.book, name):
            return
        held = self.book.take(name)
        ask = replace(held.demand, rate_bps=held.rate_bps, floor_bps=held.rate_bps)
        found = self._find(ask, True, out=False)
        if found is None:
            self.book.put_back(held)
        else:
            self._accept(held.demand, True, found)

    def _raise(self, name: str) -> None:
        held = self.book.held[name]
        asked = held.demand.asked_bps
        self.book.rerate(name, min(held.rate_bps + whole(self.book.most(held.burden)), asked))
        if held.rate_bps < asked:
            self._move_up(name)
        if self._preempt != "none" and self.book.held[name].rate_bps < asked:
            raise_pushing(self.book, name)

    def _move_up(self, name: str) -> None:
        held = self.book.held[name]
        found = find_best(Without(self.book, held), held.demand, held.guarded, held.rate_bps + KBIT)
        if found is not None:
            self.book.take(name)
            self.book.put(held.demand, found, held.guarded)


def _rate(found: Admission | None) -> int:
    return found.answer.rate_bps if found is not None else 0
