"""A switch whose connection is lost goes on forwarding by its rules: ways are not changed behind its back.

A way over several switches changes turn by turn. One that is away cannot take its turn: it would send by a way that
the others have given up, or into a new one that leads back. So what exists of ways stays until it is back, or until
its neighbours see that it has failed; for `PATIENCE_S` at most, since links may fail meanwhile. What is new goes in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from controller.compile.ports import trunk_port_of
from controller.routing import Routing
from controller.rules.reconciler import Content
from controller.rules.rules import Bucket, Group, RuleKey, ToGroup
from controller.rules.tables import kind_of_owner

PATIENCE_S: Final = 20.0
"""How long a switch that is away is waited for: it tries again every 8 s at least, seconds."""
_OF_WAYS: Final = ("segment", "link", "path", "tree")


class Patience:
    """Who is away, and since when."""

    def __init__(self, routing: Routing) -> None:
        self._routing = routing
        self._since: dict[str, float] = {}

    def waits(self, away: Iterable[str], now: float) -> bool:
        """Whether one of those that are away is to be waited for."""
        self._since = {name: self._since.get(name, now) for name in away}
        recent = {name for name, since in self._since.items() if now < since + PATIENCE_S}
        return bool(recent) and not recent.isdisjoint(self._working())

    def _working(self) -> set[str]:
        """Platforms with a link that is up: not seen to have failed."""
        return {platform for link in self._routing.live.values() for platform, _ in link.ends}


def is_of_a_way(key: RuleKey, before: Content, after: Content | None) -> bool:
    """Whether a change of what a switch holds (flow entries by their cookies) changes a way over several switches."""
    if isinstance(before, Group):
        return not isinstance(after, Group) or _local(before) == _local(after)
    if key[0] != "flow" or not isinstance(before, int):
        return False
    return kind_of_owner(before) in _OF_WAYS or trunk_port_of(key) is not None


def _local(group: Group) -> frozenset[Bucket]:
    """A flood group's buckets to ports of the switch itself: servers come and go at once."""
    return frozenset(bucket for bucket in group.buckets if not any(isinstance(a, ToGroup) for a in bucket.actions))
