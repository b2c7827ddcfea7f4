"""Platform groups: from a platform to another, over all equal-cost next hops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from controller.rules.placed import Placed, Turn, path_rank
from controller.rules.rules import Bucket, Group, GroupType, ToGroup
from controller.rules.tables import link_group, platform_group


@dataclass(frozen=True, slots=True)
class PathInput:
    """From a platform to the one with the allotted `index`: by these trunks, at this cost."""

    platform: str
    index: int
    ports: tuple[int, ...]
    distance: float


def compile_path(path: PathInput) -> Iterator[Placed]:
    """One group; where there is no way, a group without a bucket drops."""
    kind = GroupType.INDIRECT if len(path.ports) == 1 else GroupType.SELECT
    group = Group(platform_group(path.index), kind, _buckets(path.ports))
    yield Placed(path.platform, group, Turn.PATH, path_rank(path.distance))


@lru_cache(maxsize=1 << 14)
def _buckets(ports: tuple[int, ...]) -> tuple[Bucket, ...]:
    weight = 0 if len(ports) == 1 else 1
    return tuple(Bucket((ToGroup(link_group(port)),), weight=weight) for port in ports)
