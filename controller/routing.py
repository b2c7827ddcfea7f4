"""The state of the links as paths: next hops, bypasses and forests, brought up to date by what changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Set
from dataclasses import dataclass, field, replace
from typing import Final

from controller.detours import Detours, Reserve
from controller.model.fabric import AdminState, Fabric
from controller.model.links import LinkState, is_wired, known_links, link_state
from controller.model.topology import End, Link
from controller.paths.bypasses import WayRound
from controller.paths.graph import add_link, build_graph, remove_link
from controller.paths.next_hops import NextHops, Pair
from controller.paths.trees import VARIANTS, Parts, regrown
from controller.returning import Returning

_NONE: Final[frozenset[str]] = frozenset()
_STRICTNESS: Final[tuple[AdminState, ...]] = ("up", "drain", "down")
DRAINED_COST: Final = 10_000
"""What a drained link costs beyond its own cost: more than any detour."""
DOUBTED_COSTS: Final = 100_000_000
"""By how much a link is dearer that BFD calls failed: more than any detour, over drained links too. A factor: where
all are called failed the same ways stay the shortest."""


@dataclass(slots=True)
class Rerouted:
    """What a change of the links has touched."""

    links: set[str] = field(default_factory=set)
    ends: set[End] = field(default_factory=set)
    pairs: set[Pair] = field(default_factory=set)
    forests: set[int] = field(default_factory=set)
    """Variants of the spanning forest."""
    looked_at: set[str] = field(default_factory=set)
    """Links whose state may be another."""


@dataclass(slots=True)
class _Moved:
    """Live links that went or came, and ports that ceased or began to take labels."""

    gone: list[Link] = field(default_factory=list)
    came: list[Link] = field(default_factory=list)
    closed: set[End] = field(default_factory=set)
    opened: set[End] = field(default_factory=set)


class Routing:
    """Paths over the links that are up; `known` links have rules too while they are down."""

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self.known: dict[str, Link] = {}
        self.live: dict[str, Link] = {}
        self.states: dict[str, LinkState] = {}
        self.trunk_ends: set[End] = set()
        """Ports that take labelled frames: wired as they should be, be the link up or down."""
        self.graph = build_graph((), ())
        """The live links, to be looked at."""
        self._at: defaultdict[End, set[str]] = defaultdict(set)
        self._on: defaultdict[str, set[str]] = defaultdict(set)
        self._labelled: set[str] = set()
        self._returning = Returning(fabric)
        self._tried: set[str] = set()
        """Links that are led over though BFD calls them failed."""
        self._strange: set[End] = set()
        self.faulty: set[str] = set()
        """Known links that are not up."""
        self._doubted: set[str] = set()
        """Links that have failed by what BFD says alone."""
        self._detours = Detours(self.known)
        self._forests: list[tuple[Link, ...]] = [()] * VARIANTS
        self._next_hops = NextHops()

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

    def strange_wires(self) -> Iterator[tuple[End, End]]:
        """Wires that no known link stands for."""
        wired = self._fabric.wiring.wired
        for one in sorted(self._strange):
            other = wired[one]
            if one < other and self._at.get(one, _NONE).isdisjoint(self._at.get(other, _NONE)):
                yield one, other

    def _look_at_wires(self, ends: Iterable[End]) -> None:
        """Wired ports that take no labels."""
        wired = self._fabric.wiring.wired
        for end in ends:
            is_strange = end in wired and end not in self.trunk_ends
            (self._strange.add if is_strange else self._strange.discard)(end)

    def known_at(self, end: End) -> Link | None:
        """The link that a port belongs to, be it wired or not."""
        return next((self.known[name] for name in self._at.get(end, ())), None)

    def takes_labels(self, link: str) -> bool:
        """Whether a link is wired as it should be, be it up or down, and may be used."""
        return link in self._labelled

    def links_of(self, platform: str) -> list[Link]:
        """The known links of a platform."""
        return [self.known[name] for name in self._on.get(platform, ())]

    def way_round(self, link: str, near: str) -> WayRound | None:
        """The bypass of a link from its end on `near`."""
        return self._detours.get(link, near)

    @property
    def unprotected(self) -> tuple[str, ...]:
        """Live links without a possible bypass."""
        return tuple(name for name, link in self.live.items() if self.way_round(name, link.ends[0][0]) is None)

    def forest(self, variant: int) -> tuple[Link, ...]:
        """A spanning forest of the live links."""
        return self._forests[variant]

    # Changes

    def update(self, ends: Collection[End] | None = None) -> Rerouted:
        """Follow the fabric's wires, all or those at some ports; answers what that has touched."""
        found = {name: link for name, link in known_links(self._fabric, ends).items() if self._has_ends(link)}
        before = self.known if ends is None else {name for end in ends for name in self._at.get(end, ())}
        declared = self._fabric.declared.links
        names = sorted(found.keys() | before)
        if ends is not None:
            found |= {name: declared[name] for name in names if name in declared}
        touched, moved, spare = Rerouted(), _Moved(), set(self._returning.waiting)
        for name in names:
            self._look_at(name, found.get(name), touched, moved)
        self.trunk_ends.difference_update(moved.closed - moved.opened)
        self.trunk_ends.update(moved.opened)
        everywhere = self._strange.union(self._fabric.wiring.wired if ends is None else ())
        self._look_at_wires(everywhere if ends is None else moved.closed.union(ends, moved.opened))
        touched.ends = moved.closed ^ moved.opened
        self._follow(moved, touched)
        needed = self._use_what_is_needed()
        if needed.gone or needed.came:
            self._follow(needed, touched)
        if spare != self._returning.waiting:
            touched.links |= self._detours.wanting()
        reserve = Reserve(self._returning.waiting, self._doubted, self._tried)
        for name in touched.links:
            self._detours.renew(name, self._next_hops, reserve)
        return touched

    def _look_at(self, name: str, link: Link | None, touched: Rerouted, moved: _Moved) -> None:
        before, carried = self.known.pop(name, None), self.live.pop(name, None)
        self.states.pop(name, None)
        if before and name in self._labelled:
            moved.closed.update(before.ends)
        if before != link:
            touched.links.add(name)
            self._index(name, before, link)
        self._labelled.discard(name)
        self._doubted.discard(name)
        self.faulty.discard(name)
        touched.looked_at.add(name)
        if link:
            self._take(link, carried is not None, moved)
        else:
            self._returning.release(name)
        carries = self.live.get(name)
        if carried != carries:
            moved.gone.extend([carried] if carried else [])
            moved.came.extend([carries] if carries else [])

    def _use_what_is_needed(self) -> _Moved:
        """What nothing else joins is joined by a link that waits, and by all that BFD alone calls failed.

        BFD may be wrong (a switch that is held up for a moment loses all its neighbours at once), and where there is
        no other way nothing is lost by trying.
        """
        moved, tried = _Moved(), self._tried & self._doubted
        self._tried = tried
        if not self._doubted and not any(self._are_apart(self.known[name]) for name in self._returning.waiting):
            return moved
        parts = Parts()
        for name in self.live.keys() - tried:
            parts.join(self.live[name])
        for link in [self.known[name] for name in sorted(self._returning.waiting)]:
            if self._is_live(link, self.states[link.name]) and parts.join(link):
                self._returning.release(link.name)
                self._lead_over(link, moved)
        self._tried = {name for name in self._doubted if parts.are_apart(self.known[name])}
        moved.gone.extend(self.live.pop(name) for name in sorted(tried - self._tried))
        for name in sorted(self._tried - self.live.keys()):
            self._lead_over(self.known[name], moved)
        return moved

    def _are_apart(self, link: Link) -> bool:
        """Whether no way leads from one end of a link to the other."""
        (one, _), (other, _) = link.ends
        return self.distance(one, other) == float("inf")

    def _lead_over(self, link: Link, moved: _Moved) -> None:
        self.live[link.name] = self._as_used(link)
        moved.came.append(self.live[link.name])

    def _is_doubted(self, link: Link, state: LinkState) -> bool:
        """Whether a link has failed by what BFD says alone."""
        wired = state is LinkState.DOWN and self._fabric.wiring.proved(*link.ends)
        return wired and self.admin(link) != "down"

    def due(self, now: float) -> list[Link]:
        """The links that had failed and have worked long enough since: they are to be looked at again."""
        return [self.known[name] for name in self._returning.due(now) if name in self.known]

    @property
    def waiting(self) -> Set[str]:
        """Links that had failed and work again, and are not used yet."""
        return self._returning.waiting

    def _index(self, name: str, before: Link | None, link: Link | None) -> None:
        for end in before.ends if before else ():
            self._at[end].discard(name)
            self._on[end[0]].discard(name)
        for end in link.ends if link else ():
            self._at[end].add(name)
            self._on[end[0]].add(name)

    def _take(self, link: Link, carried: bool, moved: _Moved) -> None:
        state = link_state(self._fabric.wiring, link)
        self.known[link.name], self.states[link.name] = link, state
        waits = self._returning.note(link.name, state, carried)
        if state is not LinkState.UP:
            self.faulty.add(link.name)
        doubted = self._is_doubted(link, state)
        if doubted:
            self._doubted.add(link.name)
        if (doubted and link.name in self._tried) or (self._is_live(link, state) and not waits):
            self.live[link.name] = self._as_used(link)
        if self._takes_labels(link, state):
            self._labelled.add(link.name)
            moved.opened.update(link.ends)

    def _has_ends(self, link: Link) -> bool:
        return all(platform in self._fabric.platforms for platform, _ in link.ends)

    def admin(self, link: Link) -> AdminState:
        """How a link is to be used, by its own override and those of its platforms: the strictest."""
        keys = (("links", link.name), *(("platforms", platform) for platform, _ in link.ends))
        return max((self._fabric.admin_of(key) for key in keys), key=_STRICTNESS.index)

    def _is_live(self, link: Link, state: LinkState) -> bool:
        return state is LinkState.UP and self.admin(link) != "down"

    def _as_used(self, link: Link) -> Link:
        """A drained link carries what has no other way, and one that BFD calls failed what has no other even so."""
        cost = link.cost + (DRAINED_COST if self.admin(link) == "drain" else 0)
        cost *= DOUBTED_COSTS if link.name in self._doubted else 1
        return replace(link, cost=cost) if cost != link.cost else link

    def _takes_labels(self, link: Link, state: LinkState) -> bool:
        if self.admin(link) == "down":
            return False
        return state is LinkState.UP or (state is not LinkState.MISWIRED and is_wired(self._fabric.wiring, link))

    def _follow(self, moved: _Moved, touched: Rerouted) -> None:
        platforms = tuple(sorted(self._fabric.platforms))
        if platforms != self._next_hops.platforms:
            self._next_hops = NextHops(platforms, self.live.values())
            self.graph = build_graph(platforms, self.live.values())
            touched.pairs.update((src, dst) for src in platforms for dst in platforms if src != dst)
        elif moved.gone or moved.came:
            self._change_graph(moved)
            touched.pairs.update(self._next_hops.follow(moved.gone, moved.came))
        gone = {link.name for link in moved.gone}
        for variant, forest in enumerate(self._forests):
            self._forests[variant] = regrown(forest, self.graph, gone, moved.came, variant)
            if self._forests[variant] != forest:
                touched.forests.add(variant)
        touched.links |= self._detours.follow(self._next_hops, moved.gone, moved.came)

    def _change_graph(self, moved: _Moved) -> None:
        for link in moved.gone:
            remove_link(self.graph, link)
        for link in moved.came:
            add_link(self.graph, link)
