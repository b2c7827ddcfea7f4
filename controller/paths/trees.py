"""Flood trees: a spanning forest of the links, and a segment's part of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final
from zlib import crc32

from controller.model.topology import Link

VARIANTS: Final = 4
"""So many forests differ by how ties are broken; segments are spread over them."""


def variant_of(segment: str) -> int:
    """Which forest a segment floods along."""
    return crc32(segment.encode()) % VARIANTS


def spanning_forest(links: Iterable[Link], variant: int) -> tuple[Link, ...]:
    """The minimum spanning forest (Kruskal) by cost; a link's loss or return swaps one link at most."""
    root: dict[str, str] = {}

    def find(platform: str) -> str:
        while (above := root.setdefault(platform, platform)) != platform:
            root[platform] = platform = root[above]
        return platform

    chosen = []
    for link in sorted(links, key=lambda link: (link.cost, _tie(link.name, variant), link.name)):
        one, other = (find(end[0]) for end in link.ends)
        if one != other:
            root[one] = other
            chosen.append(link)
    return tuple(chosen)


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
