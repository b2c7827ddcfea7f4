"""Small networks and demands to read at a glance: ``line("a-b")`` holds 100 Mbit/s each way; rates are in Mbit/s."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from heapq import heappop, heappush

from controller.model.grants import Grant
from controller.rates.book import Book
from controller.rates.network import Demand, Line, Network, Way

MBIT = 10**6


def line(name: str, mbit: int = 100, cost: int = 1, risks: Iterable[str] = ()) -> Line:
    """A line named by its ends; ``a-b.2`` is another between the same."""
    one, other = name.split(".")[0].split("-")
    return Line(name, (one, other), cost, mbit * MBIT, frozenset(risks))


def network(*lines: Line, down: Collection[str] = (), ports: Mapping[Way, int] | None = None) -> Network:
    """These lines but those that are down; each has the cheapest way round that is up, if there is one."""
    known = {one.name: one for one in lines}
    live = {name: one for name, one in known.items() if name not in down}
    rates = {way: mbit * MBIT for way, mbit in (ports or {}).items()}

    def bypass(link: str, near: str) -> tuple[Way, ...] | None:
        ends = known[link].ends
        return _way_round(live, link, near, ends[1] if ends[0] == near else ends[0])

    return Network(live, rates, bypass)


def _way_round(lines: Mapping[str, Line], without: str, near: str, far: str) -> tuple[Way, ...] | None:
    frontier: list[tuple[int, tuple[Way, ...], str]] = [(0, (), near)]
    seen = set()
    while frontier:
        cost, ways, at = heappop(frontier)
        if at == far:
            return ways
        if at in seen:
            continue
        seen.add(at)
        for one in lines.values():
            if at in one.ends and one.name != without:
                beyond = one.ends[1] if one.ends[0] == at else one.ends[0]
                heappush(frontier, (cost + one.cost, (*ways, (one.name, at)), beyond))
    return None


def demand(
    name: str,
    ends: str,
    asked: float,
    floor: float | None = None,
    priority: int = 0,
    *,
    both: bool = False,
    protected: bool = False,
    ports: tuple[Way, ...] = (),
) -> Demand:
    """From one platform to another (``a>d``), rates in Mbit/s; no floor: all or nothing."""
    source, target = ends.split(">")
    least = asked if floor is None else floor
    return Demand(name, source, target, int(asked * MBIT), int(least * MBIT), priority, both, protected, ports)


def grant(mbit: float, *links: str) -> Grant:
    """A rate and its links."""
    return Grant(int(mbit * MBIT), links)


def book(of: Network, *held: tuple[Demand, Grant]) -> Book:
    """A book with some grants."""
    written = Book(of)
    for one, its in held:
        written.put(one, its)
    return written


def has(grants: Mapping[str, Grant]) -> dict[str, tuple[float, str]]:
    """Who has what: Mbit/s and the links."""
    return {name: (one.rate_bps / MBIT, " ".join(one.links)) for name, one in grants.items()}
