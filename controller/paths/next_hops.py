"""All equal-cost next hops from every platform to every other.

A link is on a shortest way to D where its cost is just what the distance to D shrinks by. The distances are
computed by rustworkx, the test is one row of numbers a direction of a link.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import rustworkx as rx
from numpy.typing import NDArray

from controller.model.topology import Link
from controller.paths.graph import Graph

Pair: TypeAlias = tuple[str, str]
"""From which platform to which."""
_Edge: TypeAlias = tuple[str, int]
"""A link's direction: the platform that it leaves and the port."""


class NextHops:
    """The next hops in one state of the links; it does not follow later changes."""

    def __init__(self, graph: Graph) -> None:
        self.platforms = tuple(sorted(graph.nodes))
        self._index = {name: number for number, name in enumerate(self.platforms)}
        links = sorted((data["link"] for _, _, data in graph.edges(data=True)), key=lambda link: link.name)
        self._edges = sorted((*end, *link.other(end[0]), link.cost) for link in links for end in link.ends)
        self._distances = self._measure(links)
        self._onward = self._find_onward()
        self._of = self._edges_of()

    def ports(self, src: str, dst: str) -> tuple[int, ...]:
        """The trunk ports of `src` that lead to `dst` by a shortest way, sorted; none where there is no way."""
        column = self._index[dst]
        return tuple(self._edges[row][1] for row in self._of.get(src, ()) if self._onward[row, column])

    def distance(self, src: str, dst: str) -> float:
        """The cost of a shortest way; infinite where there is none."""
        return float(self._distances[self._index[src], self._index[dst]])

    def pairs_changed(self, before: NextHops) -> Iterator[Pair]:
        """From which platform to which the next hops are others than before (on the same platforms)."""
        rows, old = self._rows(), before._rows()
        nothing = np.zeros(len(self.platforms), dtype=bool)
        found: set[tuple[str, int]] = set()
        for edge in rows.keys() | old.keys():
            differs = rows.get(edge, nothing) != old.get(edge, nothing)
            found.update((edge[0], int(column)) for column in np.nonzero(differs)[0])
        for src, column in found:
            yield src, self.platforms[column]

    def _rows(self) -> dict[_Edge, NDArray[np.bool_]]:
        return {(edge[0], edge[1]): self._onward[row] for row, edge in enumerate(self._edges)}

    def _measure(self, links: list[Link]) -> NDArray[np.float64]:
        graph: rx.PyGraph[str, float] = rx.PyGraph(multigraph=True)
        graph.add_nodes_from(self.platforms)
        graph.add_edges_from(
            [(self._index[link.ends[0][0]], self._index[link.ends[1][0]], float(link.cost)) for link in links]
        )
        if len({link.cost for link in links}) > 1:
            return rx.graph_floyd_warshall_numpy(graph, weight_fn=float)
        cost = links[0].cost if links else 1
        return rx.graph_distance_matrix(graph, null_value=float("inf")) * cost

    def _find_onward(self) -> NDArray[np.bool_]:
        if not self._edges:
            return np.zeros((0, len(self.platforms)), dtype=bool)
        near = self._distances[[self._index[edge[0]] for edge in self._edges]]
        far = self._distances[[self._index[edge[2]] for edge in self._edges]]
        costs: NDArray[Any] = np.array([[edge[4]] for edge in self._edges], dtype=float)
        onward: NDArray[np.bool_] = np.isfinite(near) & (near == far + costs)
        return onward

    def _edges_of(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for row, edge in enumerate(self._edges):
            found.setdefault(edge[0], []).append(row)
        return found
