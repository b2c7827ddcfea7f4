"""Random networks and reservations, and a checker that adds up every way and every failure from scratch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from random import Random

from controller.model.grants import Grant
from controller.rates.network import Demand, Line, Network, Way

MBIT = 10**6
Ports = dict[Way, int]


@dataclass(frozen=True)
class Site:
    """All lines that there could be, by name, and the ports' rates."""

    lines: Mapping[str, Line]
    ports: Ports

    def network(self, down: Iterable[str] = ()) -> Network:
        """What is left when some lines are down; ways round are found on that."""
        live = {name: line for name, line in self.lines.items() if name not in set(down)}
        return Network(live, self.ports, self.bypass(live))

    def bypass(self, live: Mapping[str, Line]) -> Callable[[str, str], tuple[Way, ...] | None]:
        """The cheapest way round, of lines that share no risk with what it is round."""
        known: dict[Way, tuple[Way, ...] | None] = {}
        at: dict[str, list[Line]] = {}
        for line in live.values():
            for end in line.ends:
                at.setdefault(end, []).append(line)

        def find(link: str, near: str) -> tuple[Way, ...] | None:
            if (link, near) not in known:
                known[link, near] = _way_round(at, self.lines[link], near)
            return known[link, near]

        return find


def _way_round(lines_at: Mapping[str, list[Line]], without: Line, near: str) -> tuple[Way, ...] | None:
    far = other_end(without, near)
    frontier: list[tuple[int, tuple[Way, ...], str]] = [(0, (), near)]
    seen = set()
    while frontier:
        cost, ways, at = heappop(frontier)
        if at == far:
            return ways
        if at in seen:
            continue
        seen.add(at)
        for line in lines_at.get(at, ()):
            if line.name != without.name and not line.risks & without.risks:
                heappush(frontier, (cost + line.cost, (*ways, (line.name, at)), other_end(line, at)))
    return None


def other_end(line: Line, end: str) -> str:
    return line.ends[1] if line.ends[0] == end else line.ends[0]


# Random ones


def random_site(random: Random, platforms: int, lines: int, ring: bool) -> Site:
    """A ring or a chain of platforms, and chords; some lines share risks, some ports have rates."""
    pairs = [(at, (at + 1) % platforms) for at in range(platforms if ring else platforms - 1)]
    while len(pairs) < lines:
        one, other = random.sample(range(platforms), 2)
        pairs.append((one, other))
    found = {f"l{at}": _random_line(random, f"l{at}", pair, platforms) for at, pair in enumerate(pairs)}
    ports = [(f"port p{at}", way) for at in range(platforms) for way in ("in", "out") if random.random() < 0.3]
    return Site(found, {port: random.choice((50, 100, 300)) * MBIT for port in ports})


def _random_line(random: Random, name: str, pair: tuple[int, int], platforms: int) -> Line:
    risks = frozenset({f"duct{random.randrange(platforms)}"} if random.random() < 0.3 else ())
    ends = (f"p{pair[0]}", f"p{pair[1]}")
    return Line(name, ends, random.randint(1, 3), random.choice((0, 50, 100, 100, 200)) * MBIT, risks)


def random_demand(random: Random, name: str, site: Site, most_mbit: int = 60) -> Demand:
    """Any; sometimes on one platform, sometimes with a floor of nothing."""
    platforms = sorted({end for line in site.lines.values() for end in line.ends})
    source, target = random.choice(platforms), random.choice(platforms)
    asked = random.randint(1, most_mbit * 1000) * 1000
    floor = random.choice((0, asked // 3, asked))
    both, protected = random.random() < 0.3, random.random() < 0.4
    ports = ((f"port {source}", "in"), (f"port {target}", "out"))
    back = ((f"port {target}", "in"), (f"port {source}", "out")) if both else ()
    return Demand(name, source, target, asked, floor, random.randrange(4), both, protected, (*ports, *back))


def changed(random: Random, demand: Demand) -> Demand:
    """The same reservation, asked for otherwise."""
    asked = random.randint(1, 60_000) * 1000
    floor = random.choice((0, asked // 2, asked))
    protected, priority = random.random() < 0.5, random.randrange(4)
    return replace(demand, rate_bps=asked, floor_bps=floor, protected=protected, priority=priority)


# The checker


def complaints(
    network: Network, demands: Mapping[str, Demand], grants: Mapping[str, Grant], exposed: Iterable[str] = ()
) -> list[str]:
    """All that is wrong with some grants; `exposed` ones have no protection."""
    found: list[str] = []
    primary: Counter[Way] = Counter()
    paths: dict[str, list[Way]] = {}
    for name, grant in grants.items():
        demand = demands[name]
        if grant.rate_bps < 1000 or grant.rate_bps % 1000 or grant.rate_bps > demand.rate_bps:
            found.append(f"{name} asked for {demand.rate_bps} and has {grant.rate_bps}")
        paths[name] = _ways(network, demand, grant.links, found)
        for way in (*paths[name], *demand.ports):
            primary[way] += grant.rate_bps
    protected = [name for name in grants if demands[name].protected and name not in set(exposed)]
    for failure in _failures(network):
        concerned = [(name, paths[name], grants[name].rate_bps) for name in protected]
        diverted = _diverted(network, failure, concerned, found)
        for way in primary.keys() | diverted.keys():
            capacity = network.ports.get(way) if way[0] not in network.lines else network.lines[way[0]].capacity_bps
            if capacity is not None and primary[way] + diverted[way] > capacity:
                found.append(f"{way} holds {capacity}, not {primary[way]} and {diverted[way]} when {failure} fails")
    return found


def _ways(network: Network, demand: Demand, links: Iterable[str], found: list[str]) -> list[Way]:
    """Each way that a path takes, there and, if need be, back."""
    at, ways, seen = demand.source, list[Way](), {demand.source}
    for link in links:
        line = network.lines.get(link)
        if line is None or at not in line.ends:
            found.append(f"{demand.name} goes over {link}, which is not at {at}")
            return ways
        ways.append((link, at))
        at = other_end(line, at)
        if at in seen:
            found.append(f"{demand.name} comes to {at} twice")
        seen.add(at)
        if demand.both:
            ways.append((link, at))
    if at != demand.target:
        found.append(f"{demand.name} ends at {at}")
    return ways


def _failures(network: Network) -> list[frozenset[str]]:
    risks = {risk for line in network.lines.values() for risk in line.risks}
    together = [frozenset(name for name, line in network.lines.items() if risk in line.risks) for risk in sorted(risks)]
    return [frozenset(), *(frozenset({name}) for name in network.lines), *together]


def _diverted(
    network: Network, failed: frozenset[str], protected: list[tuple[str, list[Way], int]], found: list[str]
) -> Counter[Way]:
    load: Counter[Way] = Counter()
    for name, ways, rate_bps in protected:
        for link, near in ways:
            if link not in failed:
                continue
            around = network.bypass(link, near)
            if around is None or any(used in failed for used, _ in around):
                found.append(f"{name} has no way round {link} when {sorted(failed)} fail")
            for way in around or ():
                load[way] += rate_bps
    return load
