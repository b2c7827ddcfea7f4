"""Paths through ways that hold a rate: the cheapest, the cheapest few, and how wide the widest is.

Of equal ones the shortest, then the first by name: the same question has the same answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from heapq import heappop, heappush
from typing import TypeAlias

from controller.rates.network import UNLIMITED, Demand, Hop, Way
from controller.rates.remainder import Remainder

Path: TypeAlias = tuple[Hop, ...]


class Widths:
    """What hops can hold of what is left, for a demand.

    Guarded, with the ways round: as if the hop were the only one of its path. A whole path may hold less, for its
    diversions may meet each other and its own load; `Remainder.most` tells.
    """

    def __init__(self, now: Remainder, demand: Demand, guarded: bool) -> None:
        self.network = now.network
        self._now, self._demand, self._guarded = now, demand, guarded
        self._known: dict[tuple[Way, int], bool] = {}

    def holds(self, hop: Hop, rate_bps: int) -> bool:
        """Whether a hop holds a rate, each way that it needs."""
        if not self._guarded:
            now = self._now
            return now.has(hop.way, rate_bps) and (not self._demand.both or now.has(hop.back, rate_bps))
        if (hop.way, rate_bps) not in self._known:
            self._known[hop.way, rate_bps] = self._holds_guarded(hop, rate_bps)
        return self._known[hop.way, rate_bps]

    def _holds_guarded(self, hop: Hop, rate_bps: int) -> bool:
        now, diverted = self._now, self.network.diverted(hop, self._demand.both)
        if diverted is None or not all(now.has(step.way, rate_bps) for step in self._steps(hop)):
            return False
        return all(
            now.has_spare(way, failure, times * rate_bps) for way, times in diverted.items() for failure in hop.failures
        )

    def bps(self, hop: Hop) -> int:
        """The rate that a hop holds; 0 where it should have a way round and has none."""
        left = min(self._now.left(step.way) for step in self._steps(hop))
        if not self._guarded:
            return left
        diverted = self.network.diverted(hop, self._demand.both)
        if diverted is None:
            return 0
        spare = (self._now.spare(way, failure) // diverted[way] for way in diverted for failure in hop.failures)
        return min(left, *spare)

    def _steps(self, hop: Hop) -> tuple[Hop, ...]:
        return self.network.directions(hop, self._demand)


def find_cheapest(
    widths: Widths,
    source: str,
    target: str,
    rate_bps: int,
    without: Collection[str] = (),
    around: Collection[str] = (),
) -> Path | None:
    """The cheapest path that holds a rate, `without` some lines and `around` some platforms.

    A*: what lies towards the target, as the lines go whatever they hold, is looked at first.
    """
    network, still = widths.network, widths.network.costs_to(target)
    if source not in still or not _is_reached(widths, source, target, rate_bps):
        return None
    arrived: dict[str, Hop | None] = {}
    frontier: list[tuple[int, int, str, str, int, Hop | None]] = [(still[source], 0, "", source, 0, None)]
    while frontier:
        _, length, _, at, cost, by = heappop(frontier)
        if at in arrived:
            continue
        arrived[at] = by
        if at == target:
            return _walk_back(arrived, target)
        for hop in network.hops(at):
            beyond, line = hop.beyond, hop.line
            if beyond in arrived or beyond in around or line.name in without or not widths.holds(hop, rate_bps):
                continue
            further = cost + line.cost
            heappush(frontier, (further + still[beyond], length + 1, line.name, beyond, further, hop))
    return None


def _is_reached(widths: Widths, source: str, target: str, rate_bps: int) -> bool:
    """Whether any last hop holds a rate: many a search ends here."""
    network = widths.network
    return source == target or any(widths.holds(network.reverse(hop), rate_bps) for hop in network.hops(target))


def _walk_back(arrived: dict[str, Hop | None], target: str) -> Path:
    path, hop = list[Hop](), arrived[target]
    while hop is not None:
        path.append(hop)
        hop = arrived[hop.way[1]]
    return tuple(reversed(path))


def widest_bps(widths: Widths, source: str, target: str, most: int = UNLIMITED) -> int:
    """What the narrowest hop of the widest path holds, `most` at most; 0 where there is no path."""
    still, arrived = widths.network.costs_to(target), set[str]()
    frontier = [(-most, still[source], source)] if source in still else []
    while frontier:
        negative, _, at = heappop(frontier)
        if at == target:
            return -negative
        if at in arrived:
            continue
        arrived.add(at)
        for hop in widths.network.hops(at):
            if hop.beyond not in arrived:
                bottleneck = max(negative, -widths.bps(hop))
                if bottleneck < 0:
                    heappush(frontier, (bottleneck, still[hop.beyond], hop.beyond))
    return 0


def cheapest_few(widths: Widths, source: str, target: str, rate_bps: int, most: int) -> Iterator[Path]:
    """So many paths that hold a rate at most, the cheapest first, none with a loop (Yen, 1971)."""
    path = find_cheapest(widths, source, target, rate_bps)
    found: list[Path] = []
    waiting: list[tuple[int, int, tuple[str, ...], Path]] = []
    seen: set[tuple[str, ...]] = set()
    while path is not None:
        yield path
        found.append(path)
        if len(found) == most:
            return
        for other in _deviations(widths, target, rate_bps, path, found):
            names = tuple(hop.line.name for hop in other)
            if names not in seen:
                seen.add(names)
                heappush(waiting, (sum(hop.line.cost for hop in other), len(other), names, other))
        path = heappop(waiting)[-1] if waiting else None


def _deviations(widths: Widths, target: str, rate_bps: int, path: Path, found: list[Path]) -> Iterator[Path]:
    """For each hop of a path, the cheapest path that is the same up to there, and goes on as none before."""
    for number, hop in enumerate(path):
        root = path[:number]
        used = {other[number].line.name for other in found if other[:number] == root and len(other) > number}
        rest = find_cheapest(widths, hop.way[1], target, rate_bps, used, {step.way[1] for step in root})
        if rest is not None:
            yield root + rest
