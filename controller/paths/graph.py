"""The fabric as a graph: a `networkx.MultiGraph` that can be looked at and extended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import networkx as nx

from controller.model.topology import Link

Graph: TypeAlias = "nx.MultiGraph[str]"


def build_graph(platforms: Iterable[str], links: Iterable[Link]) -> Graph:
    """Platforms as nodes; each link an edge under its name, with `link` and `cost`.

    Example: ``networkx.minimum_edge_cut(nx.Graph(build_graph(platforms, links)))``.
    """
    graph: Graph = nx.MultiGraph()
    graph.add_nodes_from(platforms)
    for link in links:
        add_link(graph, link)
    return graph


def add_link(graph: Graph, link: Link) -> None:
    """Add one link."""
    (one, _), (other, _) = link.ends
    graph.add_edge(one, other, key=link.name, link=link, cost=link.cost)


def remove_link(graph: Graph, link: Link) -> None:
    """Take one link out."""
    (one, _), (other, _) = link.ends
    graph.remove_edge(one, other, key=link.name)


def links_of(graph: Graph, platform: str) -> list[Link]:
    """A platform's links."""
    return [data["link"] for between in graph.adj[platform].values() for data in between.values()]
