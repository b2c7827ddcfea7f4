"""Flood trees: a spanning forest of the links, and a segment's part of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Final
from zlib import crc32

from controller.model.topology import Link
from controller.paths.graph import Graph, links_of

VARIANTS: Final = 4
"""So many forests differ by how ties are broken; segments are spread over them."""


def variant_of(segment: str) -> int:
    """Which forest a segment floods along."""
    return crc32(segment.encode()) % VARIANTS


def spanning_forest(links: Iterable[Link], variant: int) -> tuple[Link, ...]:
    """The minimum spanning forest (Kruskal) by cost; a link's loss or return swaps one link at most."""
    parts = Parts()
    ordered = sorted(links, key=lambda link: (link.cost, _tie(link.name, variant), link.name))
    return tuple(link for link in ordered if parts.join(link))


def regrown(
    forest: tuple[Link, ...], graph: Graph, gone: Collection[str], came: Collection[Link], variant: int
) -> tuple[Link, ...]:
    """The spanning forest of a graph, made of the one before some links of it went and came.

    What it had stays in it, but for a link that a better one that came replaces; a gap is closed by one of the
    links across it. So only those are compared.
    """
    kept = [link for link in forest if link.name not in gone]
    if len(kept) == len(forest):
        return spanning_forest((*kept, *came), variant) if came else forest
    parts = Parts()
    for link in kept:
        parts.join(link)
    lost = [link for link in forest if link.name in gone]
    across = {link.name: link for link in _across(parts, lost, graph)}
    return spanning_forest({**across, **{link.name: link for link in (*kept, *came)}}.values(), variant)


def _across(parts: Parts, lost: Iterable[Link], graph: Graph) -> Iterator[Link]:
    """The links between parts that lost links had joined: of these parts all but the largest are looked at."""
    torn = {parts.root(platform) for link in lost for platform, _ in link.ends}
    members: defaultdict[str, list[str]] = defaultdict(list)
    for platform in graph:
        if (root := parts.root(platform)) in torn:
            members[root].append(platform)
    for root in sorted(members, key=lambda root: len(members[root]))[:-1]:
        for platform in members[root]:
            yield from (link for link in links_of(graph, platform) if parts.are_apart(link))


class Parts:
    """Platforms that are joined already (union-find)."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def join(self, link: Link) -> bool:
        """Join a link's ends; false when they were."""
        one, other = (self.root(platform) for platform, _ in link.ends)
        self._above[one] = other
        return one != other

    def are_apart(self, link: Link) -> bool:
        """Whether nothing joins a link's ends."""
        (one, _), (other, _) = link.ends
        return self.root(one) != self.root(other)

    def root(self, platform: str) -> str:
        """The one that stands for all that a platform is joined with."""
        above = self._above
        while (parent := above.setdefault(platform, platform)) != platform:
            above[platform] = platform = above[parent]
        return platform


def pruned(forest: Iterable[Link], members: Iterable[str]) -> tuple[Link, ...]:
    """The links of a forest that have members on both sides."""
    links_at: defaultdict[str, set[Link]] = defaultdict(set)
    for link in forest:
        for platform, _ in link.ends:
            links_at[platform].add(link)
    leaves = [platform for platform in links_at if len(links_at[platform]) == 1]
    members = frozenset(members)
    while leaves:
        _cut(leaves.pop(), members, links_at, leaves)
    kept = {link for links in links_at.values() for link in links}
    return tuple(sorted(kept, key=lambda link: link.name))


def _cut(leaf: str, members: frozenset[str], links_at: dict[str, set[Link]], leaves: list[str]) -> None:
    if leaf in members or not links_at[leaf]:
        return
    link = links_at[leaf].pop()
    beyond = link.other(leaf)[0]
    links_at[beyond].discard(link)
    if len(links_at[beyond]) == 1:
        leaves.append(beyond)


def _tie(name: str, variant: int) -> int:
    return crc32(name.encode(), variant) if variant else 0
