"""Trunks: one link group each, with the bypass that the switch itself takes when the link fails.

Where there is no way round, or that does not work either, packets are sent over the link all the same: liveness is
what BFD says, and BFD takes a second or two to find that a link works.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.rules.fields import VLAN_PRESENT
from controller.rules.placed import Placed, Turn
from controller.rules.rules import (
    Actions,
    Bucket,
    ClearInPort,
    FlowEntry,
    Group,
    GroupType,
    Output,
    PopVlan,
    PushVlan,
    Resubmit,
    SetField,
    SetQueue,
    match,
)
from controller.rules.tables import ALIVE_GROUP, Class, Priority, QueueKind, Reg, Table, link_group


@dataclass(frozen=True, slots=True)
class Hop:
    """One platform of a bypass: in by one trunk, out by another."""

    platform: str
    in_port: int
    out_port: int


@dataclass(frozen=True, slots=True)
class Bypass:
    """A way round one link in one direction, under a label of its own.

    `first_port` leaves the near platform; `hops` are those between; `last_port` enters the far one.
    """

    label: int
    first_port: int
    hops: tuple[Hop, ...]
    last_port: int


@dataclass(frozen=True, slots=True)
class TrunkInput:
    """One end of a link: `port` here, `far` and `far_port` there, and the way round if there is one."""

    platform: str
    port: int
    far: str
    far_port: int
    bypass: Bypass | None = None


def compile_link(ends: tuple[TrunkInput, ...]) -> Iterator[Placed]:
    """The link groups of both ends and the entries of both bypasses."""
    for end in ends:
        yield Placed(end.platform, _group(end), Turn.LINK)
        if end.bypass:
            for entry in _diversion(end, end.bypass):
                yield Placed(end.platform, entry, Turn.LINK)
            yield from _way_round(end, end.bypass)


def _group(end: TrunkInput) -> Group:
    over = (Output(end.port),)
    if end.bypass is None:
        return Group(link_group(end.port), GroupType.INDIRECT, (Bucket(over),))
    ways = (
        Bucket(over, watch_port=end.port),
        Bucket((SetField(Reg.ENTRY, end.port), Resubmit(Table.DIVERT)), watch_port=end.bypass.first_port),
        Bucket(over, watch_group=ALIVE_GROUP),
    )
    return Group(link_group(end.port), GroupType.FAST_FAILOVER, ways)


def _diversion(end: TrunkInput, bypass: Bypass) -> Iterator[FlowEntry]:
    """Only what is protected has room on a bypass; all else is best effort there."""
    label, out = SetField("vlan_vid", VLAN_PRESENT | bypass.label), (ClearInPort(), Output(bypass.first_port))
    anything = match(**{Reg.ENTRY: end.port})
    yield FlowEntry(Table.DIVERT, Priority.NORMAL, anything, (SetQueue(QueueKind.BEST_EFFORT), PushVlan(), label, *out))
    protected = match(**{Reg.ENTRY: end.port, Reg.CLASS: Class.PROTECTED})
    mark = SetField("vlan_pcp", Class.DIVERTED)
    reserved: Actions = (SetQueue(QueueKind.RESERVED), PushVlan(), label, mark, *out)
    yield FlowEntry(Table.DIVERT, Priority.SPECIFIC, protected, reserved)


def _way_round(end: TrunkInput, bypass: Bypass) -> Iterator[Placed]:
    """Transit is plain output, never a link group: two failures drop, and never loop."""
    labelled = VLAN_PRESENT | bypass.label
    for hop in bypass.hops:
        transit: dict[str, int | tuple[int, int]] = {"in_port": hop.in_port, "vlan_vid": labelled}
        out = Output(hop.out_port)
        best_effort = (SetQueue(QueueKind.BEST_EFFORT), out)
        entry = FlowEntry(Table.BYPASS, Priority.NORMAL, match(**transit), best_effort)
        yield Placed(hop.platform, entry, Turn.TRANSIT)
        protected, queue = match(**transit, vlan_pcp=Class.DIVERTED), SetQueue(QueueKind.RESERVED)
        reserved = FlowEntry(Table.BYPASS, Priority.SPECIFIC, protected, (queue, out))
        yield Placed(hop.platform, reserved, Turn.TRANSIT)
    arrived = match(in_port=bypass.last_port, vlan_vid=labelled)
    resume = (PopVlan(), SetField(Reg.ENTRY, end.far_port), ClearInPort())
    last = FlowEntry(Table.BYPASS, Priority.NORMAL, arrived, resume, Table.LABEL)
    yield Placed(end.far, last, Turn.TRANSIT)
