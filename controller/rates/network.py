"""What admission looks at: lines, their capacities and bypasses, and what is asked of them.

All rates are layer-2 bit/s without FCS and labels. Grants are whole kbit/s, as meters are (OpenFlow 1.3, 5.7.1).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import heappop, heappush
from typing import Final, TypeAlias

Way: TypeAlias = tuple[str, str]
"""One direction of a line: its name and the platform that it leaves; or one rate of a port or server and its use."""
Failure: TypeAlias = tuple[str, str]
"""What fails at once: ``("link", name)`` alone, or all lines of a shared risk, ``("risk", name)`` (RFC 4202, 2.3)."""
Bypass: TypeAlias = Callable[[str, str], Sequence[Way] | None]
"""The ways, in order, that a switch itself uses when a line fails, from its end on a platform; None: no way round."""

KBIT: Final = 1_000
_TARGETS: Final = 256
"""Of so many platforms is remembered what paths to them cost."""
UNLIMITED: Final = 1 << 62
"""The capacity of what has no rate of its own."""


def whole(rate_bps: int) -> int:
    """A rate without what is less than a kbit/s."""
    return rate_bps // KBIT * KBIT


@dataclass(frozen=True, slots=True)
class Line:
    """A link as admission sees it: `capacity_bps` each way; lines that share one of `risks` may fail together."""

    name: str
    ends: tuple[str, str]
    cost: int
    capacity_bps: int
    risks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Hop:
    """A line taken from one of its ends: the way there, the way back, the platform that it leads to.

    `failures` is what may take it away; that of a shared risk is never less than the line's alone.
    """

    line: Line
    way: Way
    back: Way
    beyond: str
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class Demand:
    """What a reservation asks for, from one platform to another.

    `both`: the way back too, over the same lines. `protected`: what fails is made up for by bypasses, with its whole
    rate. `ports`: all that is loaded beside the lines, once for each time.
    """

    name: str
    source: str
    target: str
    rate_bps: int
    floor_bps: int
    priority: int = 0
    both: bool = False
    protected: bool = False
    ports: tuple[Way, ...] = ()

    @property
    def asked_bps(self) -> int:
        """What it asks for, in whole kbit/s."""
        return whole(self.rate_bps)

    @property
    def least_bps(self) -> int:
        """Its floor in whole kbit/s; there is no grant of less than one."""
        return max(whole(self.floor_bps), KBIT)


@dataclass(frozen=True, slots=True)
class Offer:
    """The best that one path can hold now, where that is less than the floor.

    `limits` are the ways that stand in the way, `holders` the reservations on these, the biggest first.
    """

    rate_bps: int
    limits: tuple[Way, ...]
    holders: tuple[str, ...]
    message: str


class Network:
    """The live `lines` by name, the capacities of `ports` (absent: unlimited) and the bypasses."""

    def __init__(self, lines: Mapping[str, Line], ports: Mapping[Way, int], bypass: Bypass) -> None:
        self.lines, self.ports, self.bypass = lines, ports, bypass
        self._hops: defaultdict[str, list[Hop]] = defaultdict(list)
        self.capacities: dict[Way, int] = dict(ports)
        self._by_way: dict[Way, Hop] = {}
        self._rounds: dict[Way, tuple[Way, ...] | None] = {}
        self.costs_to = lru_cache(_TARGETS)(self._find_costs_to)
        """What the cheapest path from each platform to one costs, whatever it can hold; only those that have one."""
        self._diverted: dict[tuple[Way, bool], Mapping[Way, int] | None] = {}
        for name in sorted(lines):
            self._add(lines[name])

    def _add(self, line: Line) -> None:
        one, other = line.ends
        if one == other:
            return
        failures = tuple(("risk", risk) for risk in sorted(line.risks)) or (("link", line.name),)
        for near, far in ((one, other), (other, one)):
            hop = Hop(line, (line.name, near), (line.name, far), far, failures)
            self._hops[near].append(hop)
            self._by_way[hop.way] = hop
            self.capacities[hop.way] = line.capacity_bps

    def hops(self, platform: str) -> Sequence[Hop]:
        """The hops from a platform, by the names of their lines."""
        return self._hops.get(platform, ())

    def directions(self, hop: Hop, demand: Demand) -> tuple[Hop, ...]:
        """A hop, and the same back where the demand needs that too."""
        return (hop, self.reverse(hop)) if demand.both else (hop,)

    def reverse(self, hop: Hop) -> Hop:
        """The same line, taken from its other end."""
        return self._by_way[hop.back]

    def capacity(self, way: Way) -> int:
        """What a way can carry."""
        return self.capacities.get(way, UNLIMITED)

    def _find_costs_to(self, target: str) -> Mapping[str, int]:
        costs: dict[str, int] = {}
        frontier = [(0, target)]
        while frontier:
            cost, at = heappop(frontier)
            if at not in costs:
                costs[at] = cost
                for hop in self.hops(at):
                    heappush(frontier, (cost + hop.line.cost, hop.beyond))
        return costs

    # Ways round

    def diverted(self, hop: Hop, both: bool) -> Mapping[Way, int] | None:
        """How many times each way is loaded when a hop's line fails; None where a way round is missing.

        With `both`, what the switches do (the ways round from either end may differ), or the way round from this end
        taken both ways, whichever is more: so that a path over the same links both ways can be made of it.
        """
        if (hop.way, both) not in self._diverted:
            self._diverted[hop.way, both] = self._find_diverted(hop, both)
        return self._diverted[hop.way, both]

    def _find_diverted(self, hop: Hop, both: bool) -> Mapping[Way, int] | None:
        there, back = self.way_round(hop), self.way_round(self.reverse(hop)) if both else ()
        if there is None or back is None:
            return None
        same_back = (self._by_way[way].back for way in there) if both else ()
        return Counter((*there, *back)) | Counter((*there, *same_back))

    def way_round(self, hop: Hop) -> tuple[Way, ...] | None:
        """The ways that make up for a hop's line; None where there is none, or it may fail together with the line."""
        if hop.way not in self._rounds:
            self._rounds[hop.way] = self._find_way_round(hop)
        return self._rounds[hop.way]

    def _find_way_round(self, hop: Hop) -> tuple[Way, ...] | None:
        ways = tuple(self.bypass(*hop.way) or ())
        hops = self.walk(hop.way[1], tuple(name for name, _ in ways))
        if not hops or hops[-1].beyond != hop.beyond:
            return None
        lines = [step.line for step in hops]
        if any(line is hop.line or not line.risks.isdisjoint(hop.line.risks) for line in lines):
            return None
        return ways

    # Paths

    def walk(self, start: str, links: Sequence[str]) -> tuple[Hop, ...] | None:
        """The hops over some lines in order; None where one is not there."""
        hops, at = [], start
        for link in links:
            hop = self._by_way.get((link, at))
            if hop is None:
                return None
            hops.append(hop)
            at = hop.beyond
        return tuple(hops)

    def path(self, demand: Demand, links: Sequence[str]) -> tuple[Hop, ...] | None:
        """The hops over some lines; None where these do not lead from the demand's source to its target (any more)."""
        hops = self.walk(demand.source, links)
        at_end = hops[-1].beyond if hops else demand.source
        return hops if hops is not None and at_end == demand.target else None

    def detour(self, demand: Demand, links: Sequence[str]) -> tuple[Hop, ...] | None:
        """The path that traffic takes when lines of it have failed: bypasses in their place, without loops."""
        hops, at = list[Hop](), demand.source
        for link in links:
            hop = self._by_way.get((link, at))
            steps = (hop,) if hop else self.walk(at, [name for name, _ in self.bypass(link, at) or ()])
            if not steps:
                return None
            hops += steps
            at = hops[-1].beyond
        return tuple(_without_loops(hops, demand.source)) if at == demand.target else None


def _without_loops(hops: Sequence[Hop], start: str) -> Iterator[Hop]:
    last = {hop.way[1]: number for number, hop in enumerate(hops)}
    at, target = start, hops[-1].beyond if hops else start
    while at != target:
        hop = hops[last[at]]
        yield hop
        at = hop.beyond
