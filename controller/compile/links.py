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
    SetField,
    match,
)
from controller.rules.tables import ALIVE_GROUP, Priority, Reg, Table, link_group


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
            yield from _way_round(end, end.bypass)


def _group(end: TrunkInput) -> Group:
    over = (Output(end.port),)
    if end.bypass is None:
        return Group(link_group(end.port), GroupType.INDIRECT, (Bucket(over),))
    ways = (
        Bucket(over, watch_port=end.port),
        Bucket(_divert(end.bypass), watch_port=end.bypass.first_port),
        Bucket(over, watch_group=ALIVE_GROUP),
    )
    return Group(link_group(end.port), GroupType.FAST_FAILOVER, ways)


def _divert(bypass: Bypass) -> Actions:
    label = SetField("vlan_vid", VLAN_PRESENT | bypass.label)
    return (PushVlan(), label, ClearInPort(), Output(bypass.first_port))


def _way_round(end: TrunkInput, bypass: Bypass) -> Iterator[Placed]:
    """Transit is plain output, never a link group: two failures drop, and never loop."""
    labelled = VLAN_PRESENT | bypass.label
    for hop in bypass.hops:
        transit = match(in_port=hop.in_port, vlan_vid=labelled)
        entry = FlowEntry(Table.BYPASS, Priority.NORMAL, transit, (Output(hop.out_port),))
        yield Placed(hop.platform, entry, Turn.TRANSIT)
    arrived = match(in_port=bypass.last_port, vlan_vid=labelled)
    resume = (PopVlan(), SetField(Reg.ENTRY, end.far_port), ClearInPort())
    last = FlowEntry(Table.BYPASS, Priority.NORMAL, arrived, resume, Table.LABEL)
    yield Placed(end.far, last, Turn.TRANSIT)
