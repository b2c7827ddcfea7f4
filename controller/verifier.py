"""Follow a packet over the whole fabric: where it is delivered, where it ends, and whether it goes round."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from controller.model.topology import End
from controller.rules.packet import Frame
from controller.rules.simulator import Conditions, Copy, Outcome, Step, SwitchTables, simulate

MAX_VISITS: Final = 10_000
"""A packet that visits switches more often than this multiplies without end."""
Visit: TypeAlias = tuple[End, tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Network:
    """Switches and their wires.

    `links` leads from each end of a wire to the other (both directions are named); a port that is in it is a
    trunk, all others are where packets are delivered. `down`: ports without carrier. `dead`: ports that their switch
    holds for dead (BFD, or a carrier that one end alone has lost), whatever the wire does. `lost`: ports whose wire
    loses what is sent there, whatever their switch knows of it.
    """

    tables: Mapping[str, SwitchTables]
    links: Mapping[End, End]
    down: frozenset[End] = frozenset()
    dead: frozenset[End] = frozenset()
    lost: frozenset[End] = frozenset()

    def is_live(self, end: End) -> bool:
        """Whether a port is live for its own switch."""
        return end not in self.dead and self.is_up(end)

    def carries(self, end: End) -> bool:
        """Whether what leaves by a port arrives."""
        return end not in self.lost and self.is_up(end)

    def is_up(self, end: End) -> bool:
        """Whether a port has carrier: a wire needs both its ends."""
        return end not in self.down and self.links.get(end) not in self.down


@dataclass(frozen=True, slots=True)
class Delivery:
    """A frame that left the fabric by a port."""

    platform: str
    port: int
    frame: Frame


@dataclass(frozen=True, slots=True)
class Drop:
    """Where a packet, or one of its copies, ended: the platform, its last step there, and why."""

    platform: str
    step: Step | None
    reason: str


@dataclass(slots=True)
class Journey:
    """All that became of a packet. `loops`: where it came by again, the same as before."""

    deliveries: list[Delivery] = field(default_factory=list)
    drops: list[Drop] = field(default_factory=list)
    loops: list[End] = field(default_factory=list)
    copies: list[tuple[str, Copy]] = field(default_factory=list)
    visits: list[tuple[End, Outcome]] = field(default_factory=list)

    @property
    def reached(self) -> set[End]:
        """The ports that the packet was delivered to."""
        return {(found.platform, found.port) for found in self.deliveries}

    @property
    def duplicates(self) -> list[End]:
        """The ports that the same frame was delivered to more than once."""
        counts = Counter((found.platform, found.port, found.frame.key) for found in self.deliveries)
        return [(platform, port) for (platform, port, _), count in counts.items() if count > 1]


def follow(
    network: Network,
    start: End,
    frame: Frame,
    spread: Callable[[Frame], int] | None = None,
    exceeded: frozenset[int] = frozenset(),
) -> Journey:
    """Send a frame in by a port and follow all its copies to their ends.

    `spread` is the number by which select groups choose; `exceeded` names meters that drop, on all platforms.
    """
    journey = Journey()
    waiting: deque[tuple[End, Frame, frozenset[Visit]]] = deque([(start, frame, frozenset())])
    while waiting:
        at, arrived, behind = waiting.popleft()
        visit = (at, arrived.key)
        if visit in behind or len(journey.visits) >= MAX_VISITS:
            journey.loops.append(at)
            continue
        outcome = _visit(network, at, arrived, spread, exceeded)
        for end, left in _settle(network, journey, at, outcome):
            waiting.append((end, left, behind | {visit}))
    return journey


def _visit(
    network: Network, at: End, frame: Frame, spread: Callable[[Frame], int] | None, exceeded: frozenset[int]
) -> Outcome:
    platform, in_port = at
    tables = network.tables.get(platform)
    if tables is None:
        return Outcome((), (), (), (f"{platform}: no such platform",))

    def is_up(port: int) -> bool:
        return network.is_live((platform, port))

    if spread is None:
        return simulate(tables, in_port, frame, Conditions(is_up, exceeded=exceeded))
    return simulate(tables, in_port, frame, Conditions(is_up, spread, exceeded))


def _settle(network: Network, journey: Journey, at: End, outcome: Outcome) -> list[tuple[End, Frame]]:
    """Note what became of a packet on one platform, and return what goes on over links."""
    platform = at[0]
    journey.visits.append((at, outcome))
    journey.copies += [(platform, copy) for copy in outcome.copies]
    last = outcome.steps[-1] if outcome.steps else None
    if not outcome.outputs:
        reason = "; ".join(outcome.notes) or "no rule sends it on"
        journey.drops.append(Drop(platform, last, reason))
    onward: list[tuple[End, Frame]] = []
    for out in outcome.outputs:
        end = (platform, out.port)
        if not network.carries(end):
            why = "is down" if end not in network.lost else "leads nowhere"
            journey.drops.append(Drop(platform, last, f"port {out.port} {why}"))
        elif end in network.links:
            onward.append((network.links[end], out.frame))
        else:
            journey.deliveries.append(Delivery(platform, out.port, out.frame))
    return onward
