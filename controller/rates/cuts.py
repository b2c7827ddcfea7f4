"""What is left between two platforms, by one path and by all together, and the cut that limits it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import networkx as nx

from controller.rates.book import Book
from controller.rates.network import UNLIMITED, Demand, Way, whole
from controller.rates.offers import limits_of
from controller.rates.search import Widths, widest_bps

_Graph: TypeAlias = "nx.DiGraph[str]"


@dataclass(frozen=True, slots=True)
class Room:
    """What is left, one way; None where nothing limits it.

    `limits` are the ways that hold one path to what it can have, `cut` those that hold all paths together.
    """

    one_path_bps: int | None
    limits: tuple[Way, ...]
    all_paths_bps: int | None
    cut: tuple[Way, ...]


def capacity_between(book: Book, source: str, target: str, ports: Sequence[Way] = ()) -> Room:
    """What is left from one platform to another, past what is granted and what is kept for failures."""
    demand = Demand("", source, target, UNLIMITED, 0, ports=tuple(ports))
    one_path = widest_bps(Widths(book, demand, False), source, target)
    at_ports = min((max(book.left(port), 0) for port in ports), default=UNLIMITED)
    one_path = whole(min(one_path, at_ports))
    limits = () if _is_unlimited(one_path) else limits_of(book, demand, one_path)
    flow, cut = _flow(book, source, target)
    if at_ports <= flow:
        narrow = tuple(port for port in dict.fromkeys(ports) if max(book.left(port), 0) == at_ports != UNLIMITED)
        flow, cut = at_ports, narrow + (cut if at_ports == flow else ())
    return Room(_limited(one_path), limits, _limited(whole(flow)), cut)


def _is_unlimited(rate_bps: int) -> bool:
    return rate_bps >= whole(UNLIMITED)


def _limited(rate_bps: int) -> int | None:
    return None if _is_unlimited(rate_bps) else rate_bps


def _flow(book: Book, source: str, target: str) -> tuple[int, tuple[Way, ...]]:
    """The maximum flow over what is left, and its minimum cut (Ford and Fulkerson, 1956)."""
    if source == target:
        return UNLIMITED, ()
    graph = _graph_of_what_is_left(book, source, target)
    flow, (near, _) = nx.minimum_cut(graph, source, target)
    return int(flow), tuple(_leaving(book, near))


def _graph_of_what_is_left(book: Book, source: str, target: str) -> _Graph:
    graph: _Graph = nx.DiGraph()
    graph.add_nodes_from((source, target))
    for line in book.network.lines.values():
        for one, other in (line.ends, line.ends[::-1]):
            before = graph.edges[one, other]["capacity"] if graph.has_edge(one, other) else 0
            graph.add_edge(one, other, capacity=before + max(book.left((line.name, one)), 0))
    return graph


def _leaving(book: Book, near: set[str]) -> Iterator[Way]:
    for platform in sorted(near):
        for hop in book.network.hops(platform):
            if hop.beyond not in near:
                yield hop.way
