"""Platforms, their ports and the wires between them, as last seen.

Silence contradicts nothing: what was seen holds until a port goes down or discovery hears something else.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TypeAlias

End: TypeAlias = tuple[str, int]
"""A platform and a port number."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port as its switch reports it: `up` has carrier, `live` may be used by fast failover (BFD has a say in it)."""

    number: int
    name: str
    mac: int
    up: bool
    live: bool = True


@dataclass(frozen=True, slots=True)
class Platform:
    """A bridge under this controller; `declared` in the document, or adopted."""

    name: str
    dpid: int
    declared: bool


@dataclass(frozen=True, slots=True)
class Link:
    """Two trunks joined (`ends` sorted), or expected to be."""

    name: str
    ends: tuple[End, End]
    cost: int = 1
    rate: int | None = None
    declared: bool = True
    bfd_ms: int | None = None
    """How often BFD is to tell at each end that it lives, ms; None: as everywhere."""
    risks: frozenset[str] = frozenset()
    """What it shares with other links, which may fail together with it."""

    def other(self, platform: str) -> End:
        """The end that is not on `platform`."""
        return self.ends[1] if self.ends[0][0] == platform else self.ends[0]

    def port_on(self, platform: str) -> int:
        """The port number of the end on `platform`."""
        return self.ends[0][1] if self.ends[0][0] == platform else self.ends[1][1]


class Wiring:
    """Which port hears which: a wire is proved when both ends hear each other."""

    def __init__(self) -> None:
        self.ports: dict[End, Port] = {}
        self.heard: dict[End, End] = {}
        """Whom a port hears, since it last came up."""
        self._heard_by: defaultdict[End, set[End]] = defaultdict(set)
        self.wired: dict[End, End] = {}
        """The last proved wire of a port; it outlives a loss of carrier."""
        self.silent: set[End] = set()
        """Undeclared ports that were probed and heard nothing: servers may be there."""
        self.watched: set[End] = set()
        """Ports whose `live` tells of their wire: BFD has heard the other end there."""
        self._touched: set[End] = set()

    def take_touched(self) -> set[End]:
        """Ports of whose wires anything has changed since the last call."""
        touched, self._touched = self._touched, set()
        return touched

    def set_port(self, platform: str, port: Port) -> bool:
        """Take over a port's state; true when anything changed. A port that goes down hears nobody."""
        end = (platform, port.number)
        if self.ports.get(end) == port:
            return False
        self.ports[end] = port
        self._touched.add(end)
        if not port.up:
            self._deafen(end)
        return True

    def drop_port(self, end: End) -> bool:
        """A port is no more, nor its wire."""
        self._deafen(end)
        self._cut(end)
        return self.ports.pop(end, None) is not None

    def hear(self, at: End, sender: End) -> bool:
        """`at` heard a probe of `sender`; true when that is news."""
        before = self.heard.get(at)
        if before == sender:
            return False
        self._touched |= {at, sender, before or sender}
        self.set_heard(at, sender)
        self.silent -= {at, sender}
        if self.wired.get(at, sender) != sender:
            self._cut(at)
        if self.proved(at, sender):
            self._wire(at, sender)
        return True

    def set_heard(self, at: End, sender: End | None) -> None:
        """Note whom a port hears, and nothing else."""
        before = self.heard.pop(at, None)
        if before is not None:
            self._heard_by[before].discard(at)
        if sender is not None:
            self.heard[at] = sender
            self._heard_by[sender].add(at)

    def set_silent(self, end: End) -> None:
        """A port that is up was probed and heard nothing: whatever was wired there is not there now."""
        self._cut(end)
        self.silent.add(end)

    def is_up(self, end: End) -> bool:
        """Whether a port is there and has carrier."""
        port = self.ports.get(end)
        return port is not None and port.up

    def works(self, end: End) -> bool:
        """Whether a port has carrier, and BFD, where it watches, hears the other end."""
        port = self.ports.get(end)
        return port is not None and port.up and (port.live or end not in self.watched)

    def watch(self, end: End, watched: bool) -> bool:
        """BFD has heard the other end, or is not asked any more; true when that is news."""
        if watched == (end in self.watched):
            return False
        (self.watched.add if watched else self.watched.discard)(end)
        self._touched.add(end)
        return True

    def proved(self, one: End, other: End) -> bool:
        """Whether two ports are up and hear each other."""
        both_hear = self.heard.get(one) == other and self.heard.get(other) == one
        return both_hear and self.is_up(one) and self.is_up(other)

    def peer(self, end: End) -> End | None:
        """Whom a port hears, or who hears it."""
        if end in self.heard:
            return self.heard[end]
        return min(self._heard_by.get(end, ()), default=None)

    def _wire(self, one: End, other: End) -> None:
        if self.wired.get(one) == other:
            return
        for end in (one, other):
            self._cut(end)
        self.wired[one], self.wired[other] = other, one
        self._touched |= {one, other}

    def _cut(self, end: End) -> None:
        other = self.wired.pop(end, None)
        if other is not None:
            self.wired.pop(other, None)
            self.watched -= {end, other}
            self._touched |= {end, other}

    def _deafen(self, end: End) -> None:
        self.silent.discard(end)
        self._touched |= {end, self.heard.get(end, end)}
        self.set_heard(end, None)
        for at in tuple(self._heard_by.get(end, ())):
            self.set_heard(at, None)
            self._touched.add(at)
