"""The way round each link, for its bypass: brought up to date by the links that went and came."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass

from controller.model.topology import Link
from controller.paths.bypasses import WayRound, WaysRound, find_way_round
from controller.paths.next_hops import NextHops


@dataclass(frozen=True, slots=True)
class Reserve:
    """Links in between: `waiting` work and are not led over yet, `doubted` are called failed by BFD alone, `tried` are
    those of them that are led over all the same."""

    waiting: Set[str]
    doubted: Set[str]
    tried: Set[str]


class Detours:
    """The way round each of the `known` links from either end, where there is one."""

    def __init__(self, known: Mapping[str, Link]) -> None:
        self._known = known
        self._ways = WaysRound()
        self._spared: set[str] = set()
        """Links whose way round may use links that work and are not led over yet."""
        self._at_risk: set[str] = set()
        """Links whose way round may fail together with them."""

    def get(self, link: str, near: str) -> WayRound | None:
        """The way round a link from its end on `near`."""
        return self._ways.get(link, near)

    def follow(self, hops: NextHops, gone: Iterable[Link], came: Collection[Link]) -> set[str]:
        """Links whose way round used one that went or came, or might use it now."""
        names = {link.name for link in (*gone, *came)}
        found = names.union(*(self._ways.using(name) for name in names))
        if came:
            found |= self._ways.without
        longest = self._ways.longest if came else 0
        for new in came:
            around = {near for end, _ in new.ends for near in hops.within(longest - new.cost, end)}
            found.update(name for name, way in self._ways.leaving(around) if self._might_serve(hops, new, name, way))
        return (found | self._spared | (self._at_risk if came else set())) & self._known.keys()

    def wanting(self) -> set[str]:
        """Links for which others that wait make a difference."""
        return (self._spared | self._ways.without) & self._known.keys()

    def renew(self, name: str, hops: NextHops, reserve: Reserve) -> None:
        """Find the way round a link, or forget it.

        Over links that are led over and share no risk with it; where there is no such way, over those that do; and
        over those that wait too. Round one that works, no way leads over one that BFD calls failed: if BFD is wrong
        about the first too, that is better tried itself.
        """
        link = self._known.get(name)
        self._spared.discard(name)
        self._at_risk.discard(name)
        if link is None:
            self._ways.forget(name)
            return

        def sound_at(platform: str) -> Collection[Link]:
            return [other for other in hops.links_at(platform) if other.name not in reserve.doubted]

        def usable_at(platform: str) -> Collection[Link]:
            waiting = (self._known[other] for other in reserve.waiting)
            return [*sound_at(platform), *(other for other in waiting if platform in dict(other.ends))]

        links_at = hops.links_at if name in reserve.doubted or not reserve.tried else sound_at
        ways: list[WayRound | None] = [None]
        if link.risks:
            ways = [
                find_way_round(lambda at: _apart(links_at(at), link), link, near, hops.distance)
                for near, _ in link.ends
            ]
        if None in ways:
            ways = [find_way_round(links_at, link, near, hops.distance) for near, _ in link.ends]
            if link.risks:
                self._at_risk.add(name)
        if None in ways and reserve.waiting:
            self._spared.add(name)
            ways = [find_way_round(usable_at, link, near, lambda *_: 0.0) for near, _ in link.ends]
        self._ways.put(name, [way for way in ways if way])

    def _might_serve(self, hops: NextHops, new: Link, name: str, way: WayRound) -> bool:
        """Whether a way round over a new link could be as short as the one in use."""
        link = self._known.get(name)
        if link is None:
            return False
        near, (far, _) = way.near, link.other(way.near)
        (one, _), (other, _) = new.ends
        there, back = (hops.distance(near, a) + hops.distance(b, far) for a, b in ((one, other), (other, one)))
        return min(there, back) + new.cost <= way.cost


def _apart(links: Iterable[Link], link: Link) -> list[Link]:
    """Those of some links that share no risk with one."""
    return [other for other in links if link.risks.isdisjoint(other.risks)]
