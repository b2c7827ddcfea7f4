"""The way round one link: a shortest path between its ends that does without it.

A bypass is a function of the links alone: of equal ways one is taken by a hash of names, so that the bypasses
around a platform are spread over its links, and a link that fails or comes back concerns few of them.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TypeAlias
from zlib import crc32

from controller.model.topology import Link

Direction: TypeAlias = tuple[str, str]
"""A link's name and the platform that it leaves."""


@dataclass(frozen=True, slots=True)
class WayRound:
    """From the `near` end of a link to its other end by other links, in order."""

    near: str
    links: tuple[Link, ...]

    @property
    def cost(self) -> int:
        """What the whole way costs."""
        return sum(link.cost for link in self.links)


class WaysRound:
    """The way round each link from either end, and which links the ways use."""

    def __init__(self) -> None:
        self._ways: dict[Direction, WayRound] = {}
        self._of_link: defaultdict[str, set[str]] = defaultdict(set)
        self._leaving: defaultdict[str, set[Direction]] = defaultdict(set)
        self._using: defaultdict[str, set[str]] = defaultdict(set)
        self._without: set[str] = set()

    def get(self, link: str, near: str) -> WayRound | None:
        """The way round a link from its end on `near`."""
        return self._ways.get((link, near))

    def using(self, link: str) -> set[str]:
        """The links whose ways round use a link."""
        return self._using.get(link, set())

    def leaving(self, platforms: Collection[str]) -> Iterator[tuple[str, WayRound]]:
        """The ways round that begin on some platforms, each with the link that it is for."""
        for platform in platforms:
            for link, near in self._leaving.get(platform, ()):
                yield link, self._ways[link, near]

    @property
    def without(self) -> set[str]:
        """Links without a way round."""
        return self._without

    @property
    def longest(self) -> int:
        """What the longest of all ways costs."""
        return max((way.cost for way in self._ways.values()), default=0)

    def forget(self, link: str) -> None:
        """Take out the ways round a link."""
        self._without.discard(link)
        for near in self._of_link.pop(link, ()):
            way = self._ways.pop((link, near))
            self._leaving[near].discard((link, near))
            for used in way.links:
                self._using[used.name].discard(link)

    def put(self, link: str, ways: Collection[WayRound]) -> None:
        """Replace the ways round a link; none where its ends have no other way to each other."""
        self.forget(link)
        if not ways:
            self._without.add(link)
        for way in ways:
            self._ways[link, way.near] = way
            self._of_link[link].add(way.near)
            self._leaving[way.near].add((link, way.near))
            for used in way.links:
                self._using[used.name].add(link)


LinksAt: TypeAlias = Callable[[str], Collection[Link]]
"""A platform's links."""


def find_way_round(links_at: LinksAt, link: Link, near: str, distance: Callable[[str, str], float]) -> WayRound | None:
    """The way round a link from its end on `near`; None where the link is a bridge of the graph.

    `distance` tells what a shortest way costs when the link may be used.
    """
    far = link.other(near)[0]
    costs = _costs_to(links_at, link, near, lambda platform: distance(platform, near))
    if near not in costs:
        return None
    return WayRound(near, tuple(_walk(links_at, link, near, far, costs)))


def _costs_to(links_at: LinksAt, without: Link, near: str, still: Callable[[str], float]) -> dict[str, float]:
    """Costs to the far end of a link, of all platforms on shortest ways from `near` (A*: `still` never overrates)."""
    far = without.other(near)[0]
    costs: dict[str, float] = {}
    frontier: list[tuple[float, float, str]] = [(still(far), 0, far)]
    while frontier and frontier[0][0] <= costs.get(near, float("inf")):
        _, cost, at = heapq.heappop(frontier)
        if at in costs:
            continue
        costs[at] = cost
        for link in links_at(at):
            beyond = link.other(at)[0]
            if link.name != without.name and beyond not in costs:
                further = cost + link.cost
                heapq.heappush(frontier, (further + still(beyond), further, beyond))
    return costs


def _walk(links_at: LinksAt, without: Link, near: str, far: str, costs: dict[str, float]) -> Iterator[Link]:
    at = near
    while at != far:
        onward = [
            link
            for link in links_at(at)
            if link.name != without.name and costs.get(link.other(at)[0], float("inf")) + link.cost == costs[at]
        ]
        step = min(onward, key=lambda link: (crc32(f"{without.name}>{near}>{link.name}".encode()), link.name))
        yield step
        at = step.other(at)[0]
