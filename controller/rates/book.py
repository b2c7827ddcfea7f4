"""The ledger: what is granted to whom, and what that leaves on every way.

`load(way)` is what all grants over it add up to. `backup(way)` is the most that any single failure diverts onto it, of
protected grants: failures that cannot happen together share it. A way is full where both together are its capacity.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from controller.model.grants import Grant
from controller.rates.burden import Burden, find_burden
from controller.rates.network import UNLIMITED, Demand, Failure, Network, Way
from controller.rates.remainder import Remainder
from controller.rates.shares import Change, Shares


@dataclass(slots=True)
class Held:
    """A grant in the book; `guarded`: with the ways round its path."""

    demand: Demand
    links: tuple[str, ...]
    guarded: bool
    burden: Burden
    least_bps: int
    rate_bps: int = 0

    @property
    def grant(self) -> Grant:
        """What is held."""
        return Grant(self.rate_bps, self.links)

    @property
    def slack_bps(self) -> int:
        """How far it is above its floor."""
        return max(self.rate_bps - self.least_bps, 0)


class Book(Remainder):
    """Who holds what on a network. A change costs what the path and its bypasses are long."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.held: dict[str, Held] = {}
        self.overfull: set[Way] = set()
        """Ways that should carry more than they can."""
        self._left = dict(network.capacities)
        self._loads: defaultdict[Way, int] = defaultdict(int)
        self._backups: defaultdict[Way, int] = defaultdict(int)
        self._diverted: defaultdict[Way, dict[Failure, int]] = defaultdict(dict)
        self._loading: defaultdict[Way, dict[str, int]] = defaultdict(dict)
        self._diverting: defaultdict[Way, dict[tuple[str, Failure], int]] = defaultdict(dict)
        self._changes: defaultdict[Way, int] = defaultdict(int)
        self._shares: dict[Way, Shares] = {}
        self.views: dict[tuple[int, int], Remainder] = {}
        """What would be left if others gave way, as far as that was asked (`eased.py`)."""

    # What is written

    def put(self, demand: Demand, grant: Grant, guarded: bool | None = None) -> None:
        """Write a grant down, with its ways round where the demand is protected and has them, or as `guarded` says.

        Raises `ValueError` where the demand has one already, the links do not lead from its source to its target, or
        ways round that it should have are missing.
        """
        hops = self.network.path(demand, grant.links)
        if hops is None:
            links = ", ".join(grant.links) or "no links"
            raise ValueError(f"{demand.name}: expected links from {demand.source} to {demand.target}, found {links}")
        if demand.name in self.held:
            raise ValueError(f"{demand.name}: has a grant already, expected none")
        wanted = demand.protected if guarded is None else guarded
        burden = find_burden(self.network, demand, hops, wanted)
        if burden is None and guarded is None:
            wanted, burden = False, find_burden(self.network, demand, hops, False)
        if burden is None:
            raise ValueError(f"{demand.name}: expected a way round each of {', '.join(grant.links)}")
        self._enter(Held(demand, grant.links, wanted, burden, demand.least_bps), grant.rate_bps)

    def take(self, name: str) -> Held:
        """Strike a grant out; answers what it was. Raises `KeyError` where there is none."""
        held = self.held[name]
        rate_bps = held.rate_bps
        self.rerate(name, 0)
        for way in held.burden.loads:
            del self._loading[way][name]
        for way, failure in held.burden.diversions:
            del self._diverting[way][name, failure]
        del self.held[name]
        held.rate_bps = rate_bps
        return held

    def put_back(self, held: Held) -> None:
        """Write down again what was struck out."""
        self._enter(held, held.rate_bps)

    def _enter(self, held: Held, rate_bps: int) -> None:
        name = held.demand.name
        held.rate_bps = 0
        self.held[name] = held
        for way, times in held.burden.loads.items():
            self._loading[way][name] = times
        for (way, failure), times in held.burden.diversions.items():
            self._diverting[way][name, failure] = times
        self.rerate(name, rate_bps)

    def rerate(self, name: str, rate_bps: int) -> None:
        """Change the rate of a grant; with 0 it keeps its path, and nothing on it."""
        held = self.held[name]
        more, slack = rate_bps - held.rate_bps, held.slack_bps
        if not more:
            return
        held.rate_bps = rate_bps
        by = Change(held.demand.priority, more, held.slack_bps - slack)
        for way, times in held.burden.loads.items():
            self._loads[way] += times * more
            if way in self._shares:
                self._shares[way].load(by, times)
            self._weigh(way)
        for (way, failure), times in held.burden.diversions.items():
            self._divert(way, failure, times * more)
            if way in self._shares:
                self._shares[way].divert(failure, by, times)
            self._weigh(way)

    def _divert(self, way: Way, failure: Failure, more: int) -> None:
        diverted, most = self._diverted[way], self._backups[way]
        before = diverted.pop(failure, 0)
        if before + more:
            diverted[failure] = before + more
        if before + more >= most:
            self._backups[way] = before + more
        elif before == most:
            self._backups[way] = max(diverted.values(), default=0)

    def _weigh(self, way: Way) -> None:
        self._changes[way] += 1
        if way not in self._left:
            return
        left = self._left[way] = self.network.capacities[way] - self._loads[way] - self._backups[way]
        if left < 0:
            self.overfull.add(way)
        else:
            self.overfull.discard(way)

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """As if a grant were not there, if it is."""
        held = self.take(name) if name in self.held else None
        try:
            yield
        finally:
            if held is not None:
                self.put_back(held)

    # What can be read

    @property
    def grants(self) -> dict[str, Grant]:
        """All that is granted."""
        return {name: held.grant for name, held in self.held.items()}

    @property
    def exposed(self) -> frozenset[str]:
        """Protected reservations without protection: there was not enough for it."""
        return frozenset(name for name, held in self.held.items() if held.demand.protected and not held.guarded)

    def load(self, way: Way) -> int:
        """What is granted over a way."""
        return self._loads.get(way, 0)

    def backup(self, way: Way) -> int:
        """The most that one failure diverts onto a way."""
        return self._backups.get(way, 0)

    def left(self, way: Way) -> int:
        """What a way can carry beside what is granted and what may be diverted; negative where that is too much."""
        return self._left.get(way, UNLIMITED)

    def spare(self, way: Way, failure: Failure) -> int:
        """What could be diverted onto a way beside what one failure diverts onto it already."""
        return self.network.capacity(way) - self.load(way) - self.diverted(way).get(failure, 0)

    def has(self, way: Way, rate_bps: int) -> bool:
        """See `Remainder`; as fast as can be, for every search asks it of many ways."""
        return self._left.get(way, UNLIMITED) >= rate_bps

    def has_spare(self, way: Way, failure: Failure, rate_bps: int) -> bool:
        """See `Remainder`; as fast as can be."""
        return self._left.get(way, UNLIMITED) >= rate_bps or self.spare(way, failure) >= rate_bps

    # Way by way

    def holders(self, way: Way) -> tuple[str, ...]:
        """Who holds something on a way, the biggest first."""
        shares = self.shares(way)
        return tuple(sorted(shares, key=lambda name: (-shares[name], name)))

    def shares(self, way: Way) -> dict[str, int]:
        """How much of a way's load each holder has."""
        return {held.demand.name: times * held.rate_bps for held, times in self.loading(way)}

    def loading(self, way: Way) -> Iterator[tuple[Held, int]]:
        """Who loads a way, and how many times his rate."""
        return ((self.held[name], times) for name, times in self._loading.get(way, {}).items())

    def diverting(self, way: Way) -> Iterator[tuple[Held, Failure, int]]:
        """Who is diverted onto a way, by which failure, and how many times his rate."""
        found = self._diverting.get(way, {}).items()
        return ((self.held[name], failure, times) for (name, failure), times in found)

    def concerned(self, way: Way) -> Iterator[Held]:
        """Who loads a way, or might; more than once where he does so more than once."""
        yield from (held for held, _ in self.loading(way))
        yield from (held for held, _, _ in self.diverting(way))

    def diverted(self, way: Way) -> dict[Failure, int]:
        """What each failure diverts onto a way."""
        return self._diverted.get(way, {})

    def changes(self, way: Way) -> int:
        """A number that is another when anything on a way has changed."""
        return self._changes.get(way, 0)

    def by_priority(self, way: Way) -> Shares:
        """Who has how much of a way: added up when it is first asked for, kept up to date from then on."""
        if way not in self._shares:
            self._shares[way] = self._add_up(way)
        return self._shares[way]

    def _add_up(self, way: Way) -> Shares:
        shares = Shares()
        for held, times in self.loading(way):
            shares.load(Change(held.demand.priority, held.rate_bps, held.slack_bps), times)
        for held, failure, times in self.diverting(way):
            shares.divert(failure, Change(held.demand.priority, held.rate_bps, held.slack_bps), times)
        return shares
