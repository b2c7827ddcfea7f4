"""A switch whose connection is lost goes on forwarding by its rules: ways are not changed behind its back.

A way over several switches changes turn by turn. One that is away cannot take its turn: it would send by a way that
the others have given up, or into a new one that leads back. So what exists of ways stays until it is back, or until
its neighbours see that it has failed; for `PATIENCE_S` at most, since links may fail meanwhile. What is new goes in.
The way to a server that has moved beyond one that is away stays for as long as that is away: it leads nowhere else.
So does what carries a pinned path that is not wanted any more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from math import isfinite
from typing import Final

from controller.compile.ports import trunk_port_of
from controller.routing import Routing
from controller.rules.placed import PATH_RANKS, Turn, Wanted
from controller.rules.reconciler import Content, Kept, content_of, leads_onto_a_path
from controller.rules.rules import Bucket, Group, RuleKey, ToGroup
from controller.rules.tables import Table, kind_of_owner

PATIENCE_S: Final = 20.0
"""How long a switch that is away is waited for: it tries again every 8 s at least, seconds."""
_TO_A_SERVER: Final = (Turn.ELSEWHERE, Turn.LEAVING)
_OF_WAYS: Final = ("segment", "link", "path", "tree")


class Patience:
    """Who is away, and since when. `home_of` tells on which platform a server is."""

    def __init__(self, routing: Routing, home_of: Callable[[str], str | None]) -> None:
        self._routing, self._home_of = routing, home_of
        self._since: dict[str, float] = {}

    def kept(self, away: Iterable[str], now: float, unqueued: Collection[tuple[str, str]] = ()) -> Kept | None:
        """What has to wait for those that are away; None: nothing.

        `unqueued`: platforms and reservations of theirs that are not to be led onto another path yet, since the queue
        that it begins with is not there.
        """
        waits = self._waits(away, now)
        if not unqueued:
            return waits

        def is_kept(platform: str, key: RuleKey, before: Content, after: Wanted | None) -> bool:
            if after is not None and leads_onto_a_path(key) and (platform, after.owner.name) in unqueued:
                return True
            return waits is not None and waits(platform, key, before, after)

        return is_kept

    def _waits(self, away: Iterable[str], now: float) -> Kept | None:
        self._since = {name: self._since.get(name, now) for name in away}
        silent = sorted(self._since.keys() & self._working()) if self._since else []
        if not silent:
            return None
        is_recent = any(now < self._since[name] + PATIENCE_S for name in silent)

        def is_kept(platform: str, key: RuleKey, before: Content, after: Wanted | None) -> bool:
            if after is None and carries_a_reservation(key, before):
                return True
            if is_recent and is_of_a_way(key, before, content_of(after) if after else None):
                return True
            return after is not None and self._leads_beyond(platform, after, silent)

        return is_kept

    def _leads_beyond(self, platform: str, after: Wanted, silent: Iterable[str]) -> bool:
        """Whether a server that has moved would be sent to by one that is away: it knows the old home alone, and
        would send that back here, round and round."""
        home = self._home_of(after.owner.name) if after.order // PATH_RANKS in _TO_A_SERVER else None
        if home is None:
            return False
        distance = self._routing.distance
        whole = distance(platform, home)
        between = (name for name in silent if name not in (platform, home))
        return isfinite(whole) and any(distance(platform, name) + distance(name, home) == whole for name in between)

    def _working(self) -> set[str]:
        """Platforms with a link that is up: not seen to have failed."""
        return {platform for link in self._routing.live.values() for platform, _ in link.ends}


def carries_a_reservation(key: RuleKey, before: Content) -> bool:
    """Whether a rule is part of a pinned path: one that is away may still send packets there, however long."""
    return isinstance(before, int) and kind_of_owner(before) == "reservation" and key[1] != Table.STEER


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
