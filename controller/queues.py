"""The queues of trunks and server ports: what is reserved is shaped to its grant where it enters the fabric, and goes
first wherever it shares a port with best effort.

A port's queues are classes of a hierarchical token bucket (Open vSwitch's ``linux-htb``). A kernel datapath puts a
frame into the queue that its flow entry names. A userspace datapath does not: there the device itself is told which
frames belong where, by their labels on trunks and by their addresses on server ports (`Frames`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from controller.compile.reservations import Chosen, DirectionInput
from controller.model.fabric import Fabric
from controller.model.topology import End
from controller.pinning import Granted
from controller.rates.network import Way
from controller.routing import Routing
from controller.rules.tables import QueueKind, path_queue

Mechanism: TypeAlias = Literal["queue", "mark", "police"]
"""How reserved traffic is kept under congestion: by queues that flow entries name, by queues that the device finds by
label and address, or not at all: it is metered where it enters, and no more."""
QUEUED_WITHIN_S: Final = 2.0
"""So long traffic waits for the queue of its new path at most, seconds."""
MOST_BPS: Final = 32_000_000_000
"""Open vSwitch 3.1 keeps a class' rate as 32 bits of bytes/s."""
_LEAST_BPS: Final = 12_000
_SHAPED_PRIORITY, _BEST_EFFORT_PRIORITY = 0, 7


@dataclass(frozen=True, slots=True)
class Queue:
    """A class: what it is sure of and what it may have at most, bit/s; the lower `priority` has what is left first."""

    number: int
    min_bps: int
    max_bps: int
    priority: int

    @property
    def burst_bits(self) -> int:
        """Two milliseconds, and two full-size frames at least: timers are no finer."""
        return max(self.max_bps // 500, 24_000)


@dataclass(frozen=True, slots=True)
class Frames:
    """Which untagged, or once tagged, frames on a server port are of a reservation, and their queue."""

    chosen: Chosen
    tagged: bool
    queue: int


@dataclass(frozen=True, slots=True)
class PortQueues:
    """The queues of one port: its rate, bit/s; on a trunk the queues of labels, on a server port those of `frames`."""

    number: int
    name: str
    rate_bps: int
    queues: tuple[Queue, ...]
    labels: tuple[tuple[int, int], ...] = ()
    frames: tuple[Frames, ...] = ()
    is_trunk: bool = False


Directions: TypeAlias = Collection[tuple[DirectionInput, End]]
"""What is granted, each direction with the port where it ends."""
Placed: TypeAlias = tuple[PortQueues, str]
"""With the platform."""


class Queues:
    """Reads what is granted; `of` are the queues that a platform's ports should have."""

    def __init__(self, fabric: Fabric, routing: Routing) -> None:
        self._fabric, self._routing = fabric, routing
        self._found: dict[str, tuple[PortQueues, ...]] = {}
        self._granted: Granted = {}
        self._loads: Mapping[Way, int] = {}
        self._kept: dict[str, Mapping[int, Mechanism]] = {}
        """How what is reserved is kept at a platform's ports, as its bridge was seen last."""
        self._made: dict[str, frozenset[tuple[int, int]]] = {}
        """The queues that were there then: port and queue."""
        self._awaited: dict[tuple[str, int, int], str] = {}
        """Those that a path begins with and that were not, by platform, port and queue: the reservation."""
        self._since: dict[tuple[str, int, int], float] = {}
        self._leaving: tuple[DirectionInput, ...] = ()
        """Paths that may still be in use, though others are granted instead."""

    def of(self, platform: str) -> tuple[PortQueues, ...]:
        """The queues of a platform's ports, by port number."""
        return self._found.get(platform, ())

    def mechanism(self, platform: str, port: int) -> Mechanism:
        """How what is reserved is kept at a port."""
        return self._kept.get(platform, {}).get(port, "police")

    def kept_by(self, direction: DirectionInput, end: End) -> Mechanism:
        """How a direction of a reservation is kept; the weakest on its way, the port where it ends included if that has
        queues. By addresses a device cannot tell what comes from an uplink."""
        stages = [(stage.platform, stage.out_port) for stage in direction.stages]
        outs = [(direction.platform, direction.out_port), *stages]
        found = {self.mechanism(platform, port) for platform, port in outs if port is not None}
        if not found or any(queues.number == end[1] for queues in self.of(end[0])):
            last = self.mechanism(*end)
            found.add("police" if last == "mark" and direction.chosen.source is None else last)
        weakest: tuple[Mechanism, ...] = ("police", "mark")
        return next((each for each in weakest if each in found), "queue")

    # Make before break: traffic is led onto another path when its queue is there, and then the old one goes

    def seen(self, platform: str, kept: Mapping[PortQueues, Mechanism]) -> None:
        """A bridge was looked at: the queues that were wanted then, and how each port keeps what is reserved."""
        self._kept[platform] = {queues.number: how for queues, how in kept.items()}
        made = [queues for queues, how in kept.items() if how != "police"]
        self._made[platform] = frozenset((queues.number, each.number) for queues in made for each in queues.queues)
        self._await()

    def waits(self, now: float) -> Collection[tuple[str, str]]:
        """Platform and name of the reservations whose traffic is to wait there, on the path that it has: the queue that
        the other begins with is not there yet. None waits longer than `QUEUED_WITHIN_S`."""
        self._since = {place: self._since.get(place, now) for place in self._awaited}
        return {(place[0], name) for place, name in self._awaited.items() if now < self._since[place] + QUEUED_WITHIN_S}

    def settle(self) -> bool:
        """All traffic is on the path that is granted: others need no queue any more. True if any had one."""
        found, self._leaving = bool(self._leaving), ()
        if found:
            self._work_out()
        return found

    def _await(self) -> None:
        self._awaited = {}
        for name, directions in self._granted.items():
            for at, port, label in (_start(direction) for direction, _ in directions):
                queue = path_queue(label)
                if port is None or self.mechanism(at, port) == "police" or (port, queue) in self._made[at]:
                    continue
                self._awaited[at, port, queue] = name

    # What is wanted

    def follow(self, granted: Granted, loads: Mapping[Way, int]) -> None:
        """Work them out anew; `loads` is what each way must hold at most, bypasses included, bit/s."""
        now = {_start(direction) for directions in granted.values() for direction, _ in directions}
        before = (direction for directions in self._granted.values() for direction, _ in directions)
        self._leaving = tuple(each for each in (*self._leaving, *before) if _start(each) not in now)
        self._granted, self._loads = granted, loads
        self._work_out()
        self._await()

    def _work_out(self) -> None:
        ports: defaultdict[str, list[PortQueues]] = defaultdict(list)
        directions = [each for found in self._granted.values() for each in found]
        for queues, platform in (*self._trunks(directions), *self._servers(directions)):
            ports[platform].append(queues)
        self._found = {at: tuple(sorted(found, key=lambda each: each.number)) for at, found in ports.items()}

    # Trunks

    def _trunks(self, directions: Directions) -> Iterator[Placed]:
        """Where there are reservations at all, so that one more or less changes no port from one kind to the other."""
        starting = self._by_first_port(direction for direction, _ in directions)
        leaving = self._by_first_port(self._leaving)
        for link in self._routing.known.values() if self._fabric.declared.reservations else ():
            rate = self._fabric.declared.link_rate(link)
            for end in link.ends if rate is not None and rate <= MOST_BPS else ():
                own = {direction.label: direction for direction in starting[end]}
                old = {direction.label: direction for direction in leaving[end] if direction.label not in own}
                load = self._loads.get((link.name, end[0]), 0)
                yield self._trunk(end, rate or 0, _in_order(own), _in_order(old), load), end[0]

    def _by_first_port(self, directions: Iterable[DirectionInput]) -> defaultdict[End, list[DirectionInput]]:
        found: defaultdict[End, list[DirectionInput]] = defaultdict(list)
        for direction in directions:
            for port in self._first_ports(direction):
                found[direction.platform, port].append(direction)
        return found

    def _first_ports(self, direction: DirectionInput) -> Iterator[int]:
        """The trunk that a path begins with; what is protected keeps its queue where that trunk's bypass begins."""
        if direction.out_port is None:
            return
        yield direction.out_port
        link = self._routing.known_at((direction.platform, direction.out_port))
        way = self._routing.way_round(link.name, direction.platform) if link and direction.protected else None
        if way is not None:
            yield way.links[0].port_on(direction.platform)

    def _trunk(
        self, end: End, rate: int, own: list[DirectionInput], old: list[DirectionInput], load: int
    ) -> PortQueues:
        shaped = [_shaped(direction, rate) for direction in own]
        passing = max(load - sum(queue.min_bps for queue in shaped), _LEAST_BPS)
        reserved = Queue(QueueKind.RESERVED, min(passing, rate), rate, _SHAPED_PRIORITY)
        labels = tuple((direction.label, path_queue(direction.label)) for direction in (*own, *old))
        own_frames = Queue(QueueKind.DEFAULT, max(rate // 100, _LEAST_BPS), rate, _SHAPED_PRIORITY)
        others = (own_frames, reserved, *shaped)
        last = (_shaped(direction, rate) for direction in old)
        queues = (own_frames, reserved, _best_effort(QueueKind.BEST_EFFORT, rate, others), *shaped, *last)
        return PortQueues(end[1], self._fabric.port_name(end), rate, queues, labels=labels, is_trunk=True)

    # Server ports

    def _servers(self, directions: Directions) -> Iterator[Placed]:
        """Ports with a rate, and those where something ends that no trunk has shaped."""
        ending: defaultdict[End, list[DirectionInput]] = defaultdict(list)
        for direction, end in directions:
            ending[end].append(direction)
        declared = self._fabric.declared
        for end in declared.host_ends:
            rate, arriving = declared.port_rate(end), ending[end]
            local = any(direction.out_port is None for direction in arriving)
            if (rate is not None and rate <= MOST_BPS) or (rate is None and local):
                yield self._server(end, rate or MOST_BPS, arriving), end[0]

    def _server(self, end: End, rate: int, arriving: list[DirectionInput]) -> PortQueues:
        local = [direction for direction in arriving if direction.out_port is None]
        passing = sum(direction.kbps * 1000 for direction in arriving) - sum(d.kbps * 1000 for d in local)
        shaped = [_shaped(direction, rate) for direction in sorted(local, key=lambda each: each.label)]
        reserved = [Queue(QueueKind.RESERVED, min(passing, rate), rate, _SHAPED_PRIORITY)] if passing else []
        queues = (_best_effort(QueueKind.DEFAULT, rate, (*reserved, *shaped)), *reserved, *shaped)
        tagged = any(server.vlan is not None for server in self._fabric.directory.at(end))
        frames = tuple(
            Frames(each.chosen, tagged, path_queue(each.label) if each.out_port is None else QueueKind.RESERVED)
            for each in sorted(arriving, key=lambda each: (-each.chosen.weight, each.label))
            if each.chosen.source is not None
        )
        return PortQueues(end[1], self._fabric.port_name(end), rate, queues, frames=frames)


def _start(direction: DirectionInput) -> tuple[str, int | None, int]:
    """Where a path begins: platform, port (None: it leads to no other platform) and label."""
    return (direction.platform, direction.out_port, direction.label)


def _in_order(directions: Mapping[int, DirectionInput]) -> list[DirectionInput]:
    return [directions[label] for label in sorted(directions)]


def _shaped(direction: DirectionInput, rate: int) -> Queue:
    grant = min(direction.kbps * 1000, rate)
    return Queue(path_queue(direction.label), grant, grant, _SHAPED_PRIORITY)


def _best_effort(number: int, rate: int, others: Iterable[Queue]) -> Queue:
    """What the reserved leave is its own; with nothing left it still has what they do not use."""
    left = rate - sum(queue.min_bps for queue in others)
    return Queue(number, max(left, rate // 100, _LEAST_BPS), rate, _BEST_EFFORT_PRIORITY)
