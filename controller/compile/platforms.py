"""Platform groups: from each platform to one other, over all equal-cost next hops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.rules.placed import Placed, Turn
from controller.rules.rules import Bucket, Group, GroupType, ToGroup
from controller.rules.tables import link_group, platform_group


@dataclass(frozen=True, slots=True)
class PathInput:
    """The ways to the platform with the allotted `index`: ``(platform, trunk ports, distance)``."""

    index: int
    ways: tuple[tuple[str, tuple[int, ...], int], ...]


def compile_paths(path: PathInput) -> Iterator[Placed]:
    """One group a platform; where there is no way, a group without a bucket drops."""
    for platform, ports, distance in path.ways:
        yield Placed(platform, _group(path.index, ports), Turn.PATH, distance)


def _group(index: int, ports: tuple[int, ...]) -> Group:
    single = len(ports) == 1
    buckets = tuple(Bucket((ToGroup(link_group(port)),), weight=0 if single else 1) for port in ports)
    kind = GroupType.INDIRECT if single else GroupType.SELECT
    return Group(platform_group(index), kind, buckets)
