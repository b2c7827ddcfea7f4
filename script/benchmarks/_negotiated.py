"""A network without switches, and random reservations of it: the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import _bench  # noqa: F401  (the project on the path)

from controller.model.topology import Link
from controller.paths.bypasses import find_way_round
from controller.paths.next_hops import NextHops
from controller.rates.network import Demand, Line, Network, Way

GIGABIT = 10**9
RATES_BPS = tuple(rate * 10**6 for rate in (10, 20, 50, 100, 200))


def random_lines(platforms: int, random: Random) -> dict[str, Line]:
    """A ring of platforms with as many chords; one line in five shares a risk with others."""
    pairs = [(at, (at + 1) % platforms) for at in range(platforms)]
    while len(pairs) < 2 * platforms:
        one, other = random.sample(range(platforms), 2)
        pairs.append((one, other))
    found = {}
    for number, (one, other) in enumerate(pairs):
        risks = frozenset({f"duct{random.randrange(platforms)}"} if random.random() < 0.2 else ())
        capacity = random.choice((10, 10, 25)) * GIGABIT
        name, ends = f"l{number:04}", (f"p{one:03}", f"p{other:03}")
        found[name] = Line(name, ends, random.randint(1, 3), capacity, risks)
    return found


def network_of(lines: dict[str, Line], without: str | None = None) -> Network:
    """These lines but one, with the bypasses that the controller finds, of all (as it does for what has failed)."""
    links = {name: _as_link(line, port) for port, (name, line) in enumerate(lines.items(), start=1)}
    live = {name: line for name, line in lines.items() if name != without}
    hops = NextHops({end for line in lines.values() for end in line.ends}, [links[name] for name in live])
    return Network(live, {}, _bypasses(links, hops))


def _as_link(line: Line, port: int) -> Link:
    one, other = line.ends
    return Link(line.name, ((one, port), (other, port)), line.cost)


def _bypasses(links: dict[str, Link], hops: NextHops) -> Callable[[str, str], tuple[Way, ...] | None]:
    known: dict[Way, tuple[Way, ...] | None] = {}

    def bypass(link: str, near: str) -> tuple[Way, ...] | None:
        if (link, near) not in known:
            found = find_way_round(hops.links_at, links[link], near, hops.distance)
            known[link, near] = tuple(_ways(near, found.links)) if found else None
        return known[link, near]

    return bypass


def _ways(at: str, links: tuple[Link, ...]) -> Iterator[Way]:
    for link in links:
        yield link.name, at
        at = link.other(at)[0]


def random_demands(count: int, platforms: int, random: Random, plain: bool = False) -> list[Demand]:
    """So many; `plain`: one way, of one priority, not protected."""
    return [_random_demand(f"r{number:04}", platforms, random, plain) for number in range(count)]


def _random_demand(name: str, platforms: int, random: Random, plain: bool) -> Demand:
    source, target = (f"p{at:03}" for at in random.sample(range(platforms), 2))
    rate = random.choice(RATES_BPS)
    floor = int(rate * random.choice((0.3, 0.5, 1.0)))
    priority, both, protected = random.randint(0, 7), random.random() < 0.25, random.random() < 0.25
    if plain:
        return Demand(name, source, target, rate, floor)
    return Demand(name, source, target, rate, floor, priority, both, protected)
