"""Those who negotiate, and the book between them: brought to rest in small steps, so that nobody waits for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import cache
from heapq import heappop, heappush
from typing import Final

from controller.model.grants import Grant
from controller.rates.admission import admit, find_best
from controller.rates.book import Held
from controller.rates.eased import Without
from controller.rates.network import KBIT, Demand, Network, Offer, whole
from controller.rates.preemption import Admission, Preempt, find_pushing, raise_pushing
from controller.rates.settling import guard, settle

_MOST_ROUNDS: Final = 50
"""Rounds end by themselves, for each but the last protects or raises somebody; this is a bound, not an expectation."""


class Table:
    """Grants on a network, from what was granted `before`.

    What has lost its path has a place again at once. `steps` do the rest: each tries one that has less than it wants.
    `stuck` are those of whom it is known that there is nothing for them: they are tried again only when something has
    become free. With `shorter` those who could have the same on a cheaper path move there.
    """

    def __init__(
        self,
        network: Network,
        demands: Mapping[str, Demand],
        before: Mapping[str, Grant],
        preempt: Preempt,
        stuck: Collection[str] = (),
        shorter: bool = False,
    ) -> None:
        self.book, self._demands, self._preempt = settle(network, demands, before), demands, preempt
        self._order = sorted(demands, key=lambda name: (-demands[name].priority, name))
        self._shorter = shorter
        self.stuck = set(stuck)
        kept = {name: held for name, held in self.book.held.items() if name in before}
        if any(name not in kept or kept[name].grant != grant for name, grant in before.items()):
            self.stuck.clear()
        self._replace_lost(before)

    def change(self, demands: Mapping[str, Demand]) -> None:
        """Others, or other ones, ask on the same network: who asks as before stays as it is."""
        self.stuck = {name for name in self.stuck if demands.get(name) == self._demands[name]}
        for name, held in list(self.book.held.items()):
            demand = demands.get(name)
            if demand != held.demand:
                self.book.take(name)
                self.stuck.clear()
                if demand is not None:
                    self._keep_place(demand, held)
        self._demands = demands
        self._order = sorted(demands, key=lambda name: (-demands[name].priority, name))

    def _keep_place(self, demand: Demand, held: Held) -> None:
        """Who asks for something else keeps what of his grant serves that too."""
        if self.book.network.path(demand, held.links) is not None:
            grant = Grant(min(held.rate_bps, demand.asked_bps), held.links)
            self.book.put(demand, grant)
            if self.book.overfull:
                self.book.take(demand.name)
                self.book.put(demand, grant, guarded=False)
            if self.book.overfull:
                self.book.take(demand.name)

    def steps(self) -> Iterator[None]:
        """Come to rest; each step costs one search, or a few."""
        yield from self._come_to_rest()
        if self._shorter:
            yield from self._shorten()
            self._shorter = False
            yield from self._come_to_rest()

    def offer(self, name: str) -> Offer | None:
        """What one that has less than its floor could have at best."""
        answer = None if self._has_floor(name) else admit(self.book, self._demands[name])
        return answer if isinstance(answer, Offer) else None

    @property
    def short(self) -> list[str]:
        """Those who have less than their floor."""
        return [name for name in self._order if not self._has_floor(name)]

    def _replace_lost(self, before: Mapping[str, Grant]) -> None:
        """Place anew those that are not where they were."""
        for name in self._order:
            held = self.book.held.get(name)
            if name in before and (held is None or held.links != before[name].links):
                self._place_anew(name, before[name].rate_bps)

    def _come_to_rest(self) -> Iterator[None]:
        """Try all who have less than they want, until nothing changes."""
        for _ in range(_MOST_ROUNDS):
            before = self.book.grants, self.book.exposed
            for name in self._order:
                if name not in self.stuck and self._wants(name):
                    had = self._place(name)
                    self._better(name)
                    if self._place(name) == had:
                        self.stuck.add(name)
                    yield
            if before != (self.book.grants, self.book.exposed):
                continue
            if not self.book.exposed:
                return
            self.book = settle(self.book.network, self._demands, self.book.grants)
            if before[1] == self.book.exposed:
                return
            self.stuck.clear()

    def _place(self, name: str) -> tuple[Grant, bool] | None:
        held = self.book.held.get(name)
        return (held.grant, held.guarded) if held else None

    def _wants(self, name: str) -> bool:
        demand, held = self._demands[name], self.book.held.get(name)
        return held is None or held.rate_bps < demand.asked_bps or (demand.protected and not held.guarded)

    def _shorten(self) -> Iterator[None]:
        """What could be had for less is had there."""
        costs = cache(lambda source: _costs_from(self.book.network, source))
        for name in self._order:
            held = self.book.held.get(name)
            if held is None or _cost(self.book.network, held) <= costs(held.demand.source)[held.demand.target]:
                continue
            ask = replace(held.demand, rate_bps=held.rate_bps, floor_bps=held.rate_bps)
            found = find_best(Without(self.book, held), ask, held.guarded, held.rate_bps)
            yield
            if found is not None and _cost_of(self.book.network, found) < _cost(self.book.network, held):
                self.book.take(name)
                self.book.put(held.demand, found, held.guarded)
                self.stuck.clear()

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
            if held is not None:
                self.stuck.clear()
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
        if found.pushed:
            self.stuck.clear()
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
            self.stuck.clear()
            self._accept(held.demand, True, found)

    def _raise(self, name: str) -> None:
        held = self.book.held[name]
        asked = held.demand.asked_bps
        self.book.rerate(name, min(held.rate_bps + whole(self.book.most(held.burden)), asked))
        if held.rate_bps < asked:
            self._move_up(name)
        if self._preempt != "none" and self.book.held[name].rate_bps < asked:
            before = self.book.held[name].rate_bps
            raise_pushing(self.book, name)
            if self.book.held[name].rate_bps != before:
                self.stuck.clear()

    def _move_up(self, name: str) -> None:
        held = self.book.held[name]
        found = find_best(Without(self.book, held), held.demand, held.guarded, held.rate_bps + KBIT)
        if found is not None:
            self.book.take(name)
            self.book.put(held.demand, found, held.guarded)
            self.stuck.clear()


def _rate(found: Admission | None) -> int:
    return found.answer.rate_bps if found is not None else 0


def _cost(network: Network, held: Held) -> int:
    return _cost_of(network, held.grant)


def _cost_of(network: Network, grant: Grant) -> int:
    return sum(network.lines[name].cost for name in grant.links)


def _costs_from(network: Network, source: str) -> dict[str, int]:
    """What the cheapest path to each platform costs, whatever it can hold."""
    costs: dict[str, int] = {}
    frontier = [(0, source)]
    while frontier:
        cost, at = heappop(frontier)
        if at not in costs:
            costs[at] = cost
            for hop in network.hops(at):
                heappush(frontier, (cost + hop.line.cost, hop.beyond))
    return costs
