"""The state of the links as paths: next hops, bypasses and forests, brought up to date by what changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from controller.model.fabric import AdminState, Fabric
from controller.model.links import LinkState, is_wired, known_links, link_state
from controller.model.topology import End, Link
from controller.paths.bypasses import WayRound, find_way_round
from controller.paths.graph import build_graph
from controller.paths.next_hops import NextHops, Pair
from controller.paths.trees import VARIANTS, spanning_forest

_STRICTNESS: Final[tuple[AdminState, ...]] = ("up", "drain", "down")
DRAINED_COST: Final = 10_000
"""What a drained link costs beyond its own cost: more than any detour."""


@dataclass(slots=True)
class Rerouted:
    """What a change of the links has touched."""

    links: set[str] = field(default_factory=set)
    ends: set[End] = field(default_factory=set)
    pairs: set[Pair] = field(default_factory=set)
    forests: bool = False


class Routing:
    """Paths over the links that are up; `known` links have rules too while they are down."""

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self.known: dict[str, Link] = {}
        self.live: dict[str, Link] = {}
        self.trunk_ends: frozenset[End] = frozenset()
        """Ports that take labelled frames: wired as they should be, be the link up or down."""
        self._ways_round: dict[tuple[str, str], WayRound | None] = {}
        self._forests: tuple[tuple[Link, ...], ...] = ((),) * VARIANTS
        self._platforms: tuple[str, ...] = ()
        self._graph = build_graph((), ())
        self._next_hops = NextHops(self._graph)

    # Questions

    def next_hops(self, src: str, dst: str) -> tuple[End, ...]:
        """The trunks of `src` that lead to `dst` by a shortest way."""
        return tuple((src, port) for port in self._next_hops.ports(src, dst))

    def ports(self, src: str, dst: str) -> tuple[int, ...]:
        """Their port numbers."""
        return self._next_hops.ports(src, dst)

    def distance(self, src: str, dst: str) -> float:
        """The cost of the way; infinite where there is none."""
        return self._next_hops.distance(src, dst)

    def shortest_paths(self, src: str, dst: str, limit: int) -> tuple[tuple[str, ...], ...]:
        """Equal-cost paths as names of links in order, `limit` at most."""
        found: list[tuple[str, ...]] = []
        for path in self._paths_from(src, dst, {end: link.name for link in self.live.values() for end in link.ends}):
            if len(found) == limit:
                break
            found.append(path)
        return tuple(found)

    def _paths_from(self, src: str, dst: str, names: dict[End, str]) -> Iterator[tuple[str, ...]]:
        if src == dst:
            yield ()
            return
        for end in self.next_hops(src, dst):
            beyond = self.live[names[end]].other(src)[0]
            for rest in self._paths_from(beyond, dst, names):
                yield (names[end], *rest)

    def way_round(self, link: str, near: str) -> WayRound | None:
        """The bypass of a link from its end on `near`."""
        return self._ways_round.get((link, near))

    @property
    def unprotected(self) -> tuple[str, ...]:
        """Live links without a possible bypass."""
        return tuple(name for name, link in self.live.items() if self.way_round(name, link.ends[0][0]) is None)

    def forest(self, variant: int) -> tuple[Link, ...]:
        """A spanning forest of the live links."""
        return self._forests[variant]

    # Changes

    def update(self) -> Rerouted:
        """Follow the fabric's wires; answers what that has touched."""
        platforms = tuple(sorted(self._fabric.platforms))
        known = {name: link for name, link in known_links(self._fabric).items() if self._has_ends(link)}
        states = {name: link_state(self._fabric.wiring, link) for name, link in known.items()}
        live = {name: self._as_used(known[name]) for name in sorted(known) if self._is_live(known[name], states[name])}
        touched = Rerouted(links=_differing(known, self.known))
        wired = [link for name, link in known.items() if self._takes_labels(link, states[name])]
        trunks = frozenset(end for link in wired for end in link.ends)
        touched.ends = set(trunks ^ self.trunk_ends)
        self.trunk_ends = trunks
        changed = _differing(live, self.live)
        self.known, self.live = known, live
        if changed or platforms != self._platforms:
            self._platforms = platforms
            self._follow(changed, touched)
        for name in touched.links:
            self._find_ways_round(name)
        return touched

    def _has_ends(self, link: Link) -> bool:
        return all(platform in self._fabric.platforms for platform, _ in link.ends)

    def admin(self, link: Link) -> AdminState:
        """How a link is to be used, by its own override and those of its platforms: the strictest."""
        keys = (("links", link.name), *(("platforms", platform) for platform, _ in link.ends))
        return max((self._fabric.admin_of(key) for key in keys), key=_STRICTNESS.index)

    def _is_live(self, link: Link, state: LinkState) -> bool:
        return state is LinkState.UP and self.admin(link) != "down"

    def _as_used(self, link: Link) -> Link:
        """A drained link is the last resort: it carries what has no other way."""
        return replace(link, cost=link.cost + DRAINED_COST) if self.admin(link) == "drain" else link

    def _takes_labels(self, link: Link, state: LinkState) -> bool:
        if self.admin(link) == "down":
            return False
        return state is LinkState.UP or (state is not LinkState.MISWIRED and is_wired(self._fabric.wiring, link))

    def _follow(self, changed: set[str], touched: Rerouted) -> None:
        old = self._next_hops
        self._graph = build_graph(self._platforms, self.live.values())
        self._next_hops = NextHops(self._graph)
        if old.platforms == self._platforms:
            touched.pairs.update(self._next_hops.pairs_changed(old))
        else:
            touched.pairs.update((src, dst) for src in self._platforms for dst in self._platforms if src != dst)
        forests = tuple(spanning_forest(self.live.values(), variant) for variant in range(VARIANTS))
        touched.forests, self._forests = forests != self._forests, forests
        touched.links |= self._bypasses_touched(changed)

    def _bypasses_touched(self, changed: set[str]) -> set[str]:
        """Links whose way round used a link that changed, or might use it now."""
        came = [self.live[name] for name in changed if name in self.live]
        found = set()
        for (name, near), way in self._ways_round.items():
            link = self.known.get(name)
            lost = name in changed or (way is not None and any(used.name in changed for used in way.links))
            if link and (lost or any(self._might_serve(new, link, near, way) for new in came)):
                found.add(name)
        return found

    def _might_serve(self, new: Link, link: Link, near: str, way: WayRound | None) -> bool:
        """Whether a way round over a new link could be as short as the one in use."""
        if way is None:
            return True
        far = link.other(near)[0]
        (one, _), (other, _) = new.ends
        least = min(
            self.distance(near, one) + self.distance(other, far), self.distance(near, other) + self.distance(one, far)
        )
        return least + new.cost <= sum(used.cost for used in way.links)

    def _find_ways_round(self, name: str) -> None:
        link = self.known.get(name)
        for near in {key[1] for key in self._ways_round if key[0] == name} if link is None else ():
            del self._ways_round[name, near]
        for near, _ in link.ends if link else ():
            self._ways_round[name, near] = find_way_round(self._graph, link, near) if link else None


def _differing(one: dict[str, Link], other: dict[str, Link]) -> set[str]:
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}
