"""The way round one link: a shortest path between its ends that does without it.

A bypass is a function of the links alone: of equal ways the one is taken whose links come first by name.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from controller.model.topology import Link
from controller.paths.graph import Graph, links_of


@dataclass(frozen=True, slots=True)
class WayRound:
    """From the `near` end of a link to its other end by other links, in order."""

    near: str
    links: tuple[Link, ...]


def find_way_round(graph: Graph, link: Link, near: str) -> WayRound | None:
    """The way round a link from its end on `near`; None where the link is a bridge of the graph."""
    far = link.other(near)[0]
    distances = _distances(graph, link, far, near)
    if near not in distances:
        return None
    return WayRound(near, tuple(_walk(graph, link, near, far, distances)))


def _distances(graph: Graph, without: Link, start: str, until: str) -> dict[str, int]:
    """Costs from `start` outward, as far as `until`."""
    settled: dict[str, int] = {}
    frontier = [(0, start)]
    while frontier and until not in settled:
        cost, at = heapq.heappop(frontier)
        if at in settled:
            continue
        settled[at] = cost
        for link in links_of(graph, at):
            beyond = link.other(at)[0]
            if link.name != without.name and beyond not in settled:
                heapq.heappush(frontier, (cost + link.cost, beyond))
    return settled


def _walk(graph: Graph, without: Link, near: str, far: str, distances: dict[str, int]) -> Iterator[Link]:
    at = near
    while at != far:
        for link in links_of(graph, at):
            beyond = link.other(at)[0]
            nearer = beyond in distances and distances[beyond] + link.cost == distances[at]
            if nearer and link.name != without.name:
                yield link
                at = beyond
                break
