"""All equal-cost next hops from every platform to every other.

A link is on a shortest way to D where its cost is just what the distance to D shrinks by. The distances are
computed by rustworkx; after a change only those rows of next hops are looked at again that may have changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TypeAlias

import numpy as np
import rustworkx as rx
from numpy.typing import NDArray

from controller.model.topology import Link

Pair: TypeAlias = tuple[str, str]
"""From which platform to which."""
Ports: TypeAlias = tuple[int, ...]


class NextHops:
    """The next hops over some links between platforms; `follow` takes in links that went and came."""

    def __init__(self, platforms: Iterable[str] = (), links: Iterable[Link] = ()) -> None:
        self.platforms = tuple(sorted(platforms))
        self._index = {name: number for number, name in enumerate(self.platforms)}
        self._graph: rx.PyGraph[str, float] = rx.PyGraph(multigraph=True)
        self._graph.add_nodes_from(self.platforms)
        self._edges: dict[str, int] = {}
        self._links_at: dict[str, dict[str, Link]] = {name: {} for name in self.platforms}
        for link in links:
            self._add(link)
        self._distances = self._measure()
        everywhere = np.arange(len(self.platforms))
        self._rows = {src: self._onward(src, everywhere) for src in self.platforms}

    def ports(self, src: str, dst: str) -> Ports:
        """The trunk ports of `src` that lead to `dst` by a shortest way, sorted; none where there is no way."""
        return self._rows[src][self._index[dst]]

    def links_at(self, platform: str) -> Collection[Link]:
        """A platform's links."""
        return self._links_at[platform].values()

    def distance(self, src: str, dst: str) -> float:
        """The cost of a shortest way; infinite where there is none."""
        return float(self._distances[self._index[src], self._index[dst]])

    def within(self, reach: float, of: str) -> list[str]:
        """The platforms that are not farther than `reach` from one."""
        return [self.platforms[at] for at in np.nonzero(self._distances[self._index[of]] <= reach)[0]]

    def follow(self, gone: Collection[Link], came: Collection[Link]) -> set[Pair]:
        """Take links out and others in; answers from which platform to which the next hops are others now."""
        for link in gone:
            self._remove(link)
        for link in came:
            self._add(link)
        before, self._distances = self._distances, self._measure()
        moved = before != self._distances
        rows, columns = np.flatnonzero(moved.any(axis=1)), np.flatnonzero(moved.any(axis=0))
        ends = {platform for link in (*gone, *came) for platform, _ in link.ends}
        everywhere = np.arange(len(self.platforms))
        changed = {pair for src in ends for pair in self._renew(src, everywhere)}
        for src in self._beside({self.platforms[row] for row in rows}) - ends:
            changed.update(self._renew(src, columns))
        return changed

    # One link

    def _add(self, link: Link) -> None:
        one, other = (platform for platform, _ in link.ends)
        self._edges[link.name] = self._graph.add_edge(self._index[one], self._index[other], float(link.cost))
        self._links_at[one][link.name] = self._links_at[other][link.name] = link

    def _remove(self, link: Link) -> None:
        self._graph.remove_edge_from_index(self._edges.pop(link.name))
        for platform, _ in link.ends:
            del self._links_at[platform][link.name]

    # Rows

    def _measure(self) -> NDArray[np.float64]:
        costs = set(self._graph.edges())
        if len(costs) > 1:
            return rx.graph_floyd_warshall_numpy(self._graph, weight_fn=float)
        return rx.graph_distance_matrix(self._graph, null_value=float("inf")) * (costs.pop() if costs else 1)

    def _beside(self, platforms: set[str]) -> set[str]:
        """These platforms and their neighbours: whose next hops follow from their distances."""
        near = {link.other(platform)[0] for platform in platforms for link in self._links_at[platform].values()}
        return platforms | near

    def _renew(self, src: str, columns: NDArray[np.intp]) -> Iterator[Pair]:
        row = self._rows[src]
        for column, ports in zip(columns.tolist(), self._onward(src, columns), strict=True):
            if row[column] != ports:
                row[column] = ports
                yield src, self.platforms[column]

    def _onward(self, src: str, columns: NDArray[np.intp]) -> list[Ports]:
        """The ports that lead on to each of some platforms; platforms behind the same ports share a tuple."""
        hops = sorted((link.port_on(src), self._index[link.other(src)[0]], link.cost) for link in self.links_at(src))
        if not hops:
            return [()] * len(columns)
        ports, beyond, costs = zip(*hops, strict=True)
        near = self._distances[self._index[src], columns]
        far = self._distances[np.ix_(beyond, columns)] + np.array(costs, dtype=float)[:, None]
        onward = (far == near) & np.isfinite(near)
        patterns = [column.tobytes() for column in np.ascontiguousarray(onward.T)]
        known = {one: tuple(port for port, on in zip(ports, one, strict=True) if on) for one in set(patterns)}
        return [known[one] for one in patterns]
