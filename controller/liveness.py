"""Where BFD watches a link (RFC 5880), so that one that fails without losing its carrier is noticed in milliseconds.

BFD needs both ends: with one end alone a port would never count as live. So it is set where both bridges' databases
can be written, and what it says counts from the moment when it has heard the other end. Where it never does, though
probes pass both ways, it is given up; where no probes come either, it is right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from controller.model.alarms import Alarms
from controller.model.fabric import Fabric
from controller.model.links import LinkState
from controller.model.topology import End, Link
from controller.routing import Routing

GIVE_UP_S: Final = 10.0
"""How long BFD may take to hear the other end of a link over which probes pass, seconds."""
_PROBES: Final = 3
"""So many probes each way prove, in that time, that the link works."""


@dataclass(slots=True)
class _Trial:
    """A link where BFD has begun: since when, and how many probes came in at each end meanwhile."""

    since: float
    probes: Counter[End] = field(default_factory=Counter)


class Liveness:
    """Decides where BFD is wanted; takes in what it says."""

    def __init__(self, fabric: Fabric, routing: Routing, alarms: Alarms) -> None:
        self._fabric, self._routing, self._alarms = fabric, routing, alarms
        self._written: dict[str, bool] = {}
        """Whether a platform's database was ever reached, for those where it was tried."""
        self._trials: dict[str, _Trial] = {}
        self._given_up: set[str] = set()

    def interval_ms(self, end: End) -> int | None:
        """How often BFD is to tell at a port that it lives, ms; 0: not at all; None: it stays as it is."""
        link = self._routing.known_at(end)
        if link is None or self._routing.admin(link) == "down" or link.name in self._given_up:
            return 0
        interval = self._asked_ms(link)
        others = self._written.get(link.other(end[0])[0])
        if interval and (others is None or not self._routing.takes_labels(link.name)):
            return None
        return interval if others else 0

    def _asked_ms(self, link: Link) -> int:
        return self._fabric.declared.bfd_ms if link.bfd_ms is None else link.bfd_ms

    def bridge_seen(self, platform: str, heard: Collection[int] | None, now: float) -> None:
        """A bridge was looked at: the ports where BFD hears the other end; None: its database cannot be reached."""
        before = self._written.get(platform)
        written = bool(before) or heard is not None
        if written != before:
            self._written[platform] = written
            self._fabric.version += 1
        for link in self._routing.links_of(platform) if heard is not None else ():
            self._look(link, (platform, link.port_on(platform)), link.port_on(platform) in (heard or ()), now)
        self._tell()

    def _look(self, link: Link, end: End, heard: bool, now: float) -> None:
        if heard:
            self._fabric.wiring.watch(end, True)
            self._trials.pop(link.name, None)
        elif end not in self._fabric.wiring.watched and self.interval_ms(end):
            trial = self._trials.setdefault(link.name, _Trial(now))
            if now - trial.since > GIVE_UP_S:
                self._judge(link, [trial.probes[each] for each in link.ends])

    def _judge(self, link: Link, probes: list[int]) -> None:
        """BFD has heard nothing for long: either it does not pass, or nothing does."""
        if min(probes) >= _PROBES:
            self._give_up(link)
        elif min(probes) == 0:
            del self._trials[link.name]
            for end in link.ends:
                self._fabric.wiring.watch(end, True)

    def _give_up(self, link: Link) -> None:
        del self._trials[link.name]
        self._given_up.add(link.name)
        self._fabric.version += 1

    def probe_heard(self, at: End) -> None:
        """A probe came in at a port."""
        link = self._routing.known_at(at) if self._trials else None
        if link and link.name in self._trials:
            self._trials[link.name].probes[at] += 1

    def follow(self, links: Collection[str]) -> None:
        """Some links have changed: where BFD is off, a port's `live` says nothing of its wire.

        What was given up is tried again once its link has been down, or BFD was asked for anew.
        """
        known, states, watched = self._routing.known, self._routing.states, self._fabric.wiring.watched
        self._given_up = {n for n in self._given_up if states.get(n) is LinkState.UP and self._asked_ms(known[n])}
        gone = [name for name in links if name not in known]
        for name in gone:
            self._trials.pop(name, None)
        concerned = watched if gone else {end for name in links for end in known[name].ends} & watched
        for end in [end for end in concerned if self.interval_ms(end) == 0]:
            self._fabric.wiring.watch(end, False)
        self._tell()

    def _tell(self) -> None:
        """Links that BFD should watch and does not, and why."""
        found = {
            name: f"{name}: BFD does not hear its ends though probes pass, so it is off there: expected that BFD "
            f"(UDP port 3784) passes; a failure that keeps the carrier goes unnoticed"
            for name in self._given_up
        }
        for platform in sorted(name for name, written in self._written.items() if not written):
            for link in self._routing.links_of(platform):
                if self._asked_ms(link):
                    found[link.name] = (
                        f"{link.name}: BFD is off there, since the database of {platform} cannot be reached: "
                        "a failure that keeps the carrier goes unnoticed"
                    )
        self._alarms.keep("bfd", found)
