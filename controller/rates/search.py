"""Paths through ways that hold a rate: the cheapest, the cheapest few, and how wide the widest is.

Of equal ones the shortest, then the first by name: the same question has the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from heapq import heappop, heappush
from typing import TypeAlias

from controller.rates.network import UNLIMITED, Demand, Hop, Network
from controller.rates.remainder import Remainder

Width: TypeAlias = Callable[[Hop], int]
"""The rate that a hop can hold for a demand, each way that it needs."""
Path: TypeAlias = tuple[Hop, ...]


def width_for(now: Remainder, demand: Demand, guarded: bool) -> Width:
    """What hops can hold of what is left.

    Guarded, with the ways round: as if the hop were the only one of its path. A whole path may hold less, for its
    diversions may meet each other and its own load; `Remainder.most` tells.
    """

    def one_way(hop: Hop) -> int:
        return now.left(hop.way)

    def both_ways(hop: Hop) -> int:
        return min(now.left(hop.way), now.left(hop.back))

    known: dict[Hop, int] = {}

    def guarded_width(hop: Hop) -> int:
        if hop not in known:
            back = Hop(hop.line, hop.back, hop.way, hop.way[1])
            known[hop] = min(_guarded_bps(now, step) for step in ((hop, back) if demand.both else (hop,)))
        return known[hop]

    if guarded:
        return guarded_width
    return both_ways if demand.both else one_way


def _guarded_bps(now: Remainder, hop: Hop) -> int:
    """What a hop holds, and its way round when it has failed; 0 where there is none."""
    ways = now.network.way_round(hop)
    if ways is None:
        return 0
    return min(now.left(hop.way), *(now.spare(way, failure) for way in ways for failure in hop.line.failures))


def find_cheapest(
    network: Network,
    width: Width,
    source: str,
    target: str,
    rate_bps: int,
    without: Collection[str] = (),
    around: Collection[str] = (),
) -> Path | None:
    """The cheapest path that holds a rate (Dijkstra), `without` some lines and `around` some platforms."""
    arrived: dict[str, Hop | None] = {}
    frontier: list[tuple[int, int, str, str, Hop | None]] = [(0, 0, "", source, None)]
    while frontier:
        cost, length, _, at, by = heappop(frontier)
        if at in arrived:
            continue
        arrived[at] = by
        if at == target:
            return _walk_back(arrived, target)
        for hop in network.hops(at):
            beyond, line = hop.beyond, hop.line
            if beyond in arrived or beyond in around or line.name in without or width(hop) < rate_bps:
                continue
            heappush(frontier, (cost + line.cost, length + 1, line.name, beyond, hop))
    return None


def _walk_back(arrived: dict[str, Hop | None], target: str) -> Path:
    path, hop = list[Hop](), arrived[target]
    while hop is not None:
        path.append(hop)
        hop = arrived[hop.way[1]]
    return tuple(reversed(path))


def widest_bps(network: Network, width: Width, source: str, target: str) -> int:
    """What the narrowest hop of the widest path holds; 0 where there is none, unlimited on one platform."""
    arrived: set[str] = set()
    frontier = [(-UNLIMITED, source)]
    while frontier:
        negative, at = heappop(frontier)
        if at == target:
            return -negative
        if at in arrived:
            continue
        arrived.add(at)
        for hop in network.hops(at):
            bottleneck = max(negative, -width(hop))
            if hop.beyond not in arrived and bottleneck < 0:
                heappush(frontier, (bottleneck, hop.beyond))
    return 0


def cheapest_few(network: Network, width: Width, source: str, target: str, rate_bps: int, most: int) -> Iterator[Path]:
    """So many paths that hold a rate at most, the cheapest first, none with a loop (Yen, 1971)."""
    path = find_cheapest(network, width, source, target, rate_bps)
    found: list[Path] = []
    waiting: list[tuple[int, int, tuple[str, ...], Path]] = []
    seen: set[tuple[str, ...]] = set()
    while path is not None:
        yield path
        found.append(path)
        if len(found) == most:
            return
        for other in _deviations(network, width, target, rate_bps, path, found):
            names = tuple(hop.line.name for hop in other)
            if names not in seen:
                seen.add(names)
                heappush(waiting, (sum(hop.line.cost for hop in other), len(other), names, other))
        path = heappop(waiting)[-1] if waiting else None


def _deviations(
    network: Network, width: Width, target: str, rate_bps: int, path: Path, found: list[Path]
) -> Iterator[Path]:
    """For each hop of a path, the cheapest path that is the same up to there, and goes on as none before."""
    for number, hop in enumerate(path):
        root = path[:number]
        used = {other[number].line.name for other in found if other[:number] == root and len(other) > number}
        rest = find_cheapest(network, width, hop.way[1], target, rate_bps, used, {step.way[1] for step in root})
        if rest is not None:
            yield root + rest
