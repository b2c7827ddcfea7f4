"""Reservations: what is of one is metered to its grant where it enters, and goes by a path of its own.

A path is pinned by its label: each platform on it knows where that label goes next, by the link group of the trunk,
so that a bypass serves it too. The label's PCP is its class: what servers have marked themselves never gets onto a
trunk. Within one platform there is no path, only the meter and the queue.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from controller.compile.base import IPV4, IPV6
from controller.rules.fields import VLAN_PRESENT
from controller.rules.placed import Placed, Turn
from controller.rules.rules import (
    Actions,
    FlowEntry,
    Match,
    Meter,
    PopVlan,
    PushVlan,
    RuleKey,
    SetField,
    SetQueue,
    ToGroup,
    match,
)
from controller.rules.tables import (
    Class,
    MeterKind,
    Priority,
    QueueKind,
    Reg,
    Table,
    link_group,
    meter_number,
    path_queue,
)

Fields = dict[str, int | tuple[int, int]]
_WEIGHTS: Final = {"ip_dscp": 1, "ip_proto": 2, "tcp_dst": 4, "udp_dst": 4, "tcp_src": 8, "udp_src": 8}
HEAVIEST: Final = 15
"""One that says all that can be said."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is of a reservation, in one direction.

    From a server by its `source` MAC, else from all that come in by `in_port`; to a server by its `target` MAC, else
    to what is beyond the `uplink` of that number. `fields`: further tests of the headers, all of IP.
    """

    segment: int
    source: int | None
    in_port: int | None
    target: int | None
    uplink: int | None
    fields: tuple[tuple[str, int], ...] = ()

    @property
    def weight(self) -> int:
        """Of two reservations that choose the same packet the weightier one has it: ports go before the protocol."""
        return sum(_WEIGHTS[name] for name, _ in self.fields)


@dataclass(frozen=True, slots=True)
class Stage:
    """One platform of a pinned path behind the first: in by a trunk, out by another; None: it ends here."""

    platform: str
    in_port: int
    out_port: int | None


@dataclass(frozen=True, slots=True)
class DirectionInput:
    """One direction of a reservation that was granted something.

    `label` is its path's; `out_port` the trunk by which it leaves `platform`, None where it stays there. `kbps` is
    the grant, `burst_kbit` what may come at once.
    """

    chosen: Chosen
    platform: str
    label: int
    out_port: int | None
    stages: tuple[Stage, ...]
    kbps: int
    burst_kbit: int
    protected: bool


@dataclass(frozen=True, slots=True)
class ReservationInput:
    """One direction, or both."""

    directions: tuple[DirectionInput, ...]


def compile_reservation(wanted: ReservationInput) -> Iterator[Placed]:
    """The path first, from its end to its beginning; then what leads onto it."""
    for direction in wanted.directions:
        meter = Meter(reservation_meter(direction.label), direction.kbps, direction.burst_kbit, packets=False)
        yield Placed(direction.platform, meter, Turn.METER)
        carrying = [Placed(stage.platform, _stage(direction, stage), Turn.LABEL) for stage in direction.stages]
        if direction.out_port is not None:
            carrying.append(Placed(direction.platform, _depart(direction, direction.out_port), Turn.LABEL))
        yield from carrying
        needs = ((direction.platform, meter.key), *((placed.platform, placed.rule.key) for placed in carrying))
        for entry in _steer(direction, meter.number):
            yield Placed(direction.platform, entry, Turn.ENTRY, needs=needs)


def reservation_meter(label: int) -> int:
    """The number of the meter that holds a direction to its grant, by its path's label."""
    return meter_number(MeterKind.RESERVATION, label)


def steer_keys(direction: DirectionInput) -> tuple[RuleKey, ...]:
    """The entries that count what enters, before it is metered."""
    return tuple(FlowEntry(Table.STEER, *wanted).key for wanted in _choices(direction.chosen))


def end_key(direction: DirectionInput) -> RuleKey | None:
    """The entry that counts, with its label, what arrives at the last platform; None where it never leaves one."""
    return _stage(direction, direction.stages[-1]).key if direction.stages else None


def _class(direction: DirectionInput) -> int:
    return Class.PROTECTED if direction.protected else Class.RESERVED


def _stage(direction: DirectionInput, stage: Stage) -> FlowEntry:
    arrives = match(**{Reg.ENTRY: stage.in_port}, vlan_vid=VLAN_PRESENT | direction.label)
    queue = SetQueue(QueueKind.RESERVED)
    if stage.out_port is None:
        end: Actions = (PopVlan(), SetField(Reg.SEGMENT, direction.chosen.segment), queue)
        return FlowEntry(Table.LABEL, Priority.NORMAL, arrives, end, Table.FORWARD)
    of = _class(direction)
    onward: Actions = (
        SetField("vlan_pcp", of),
        SetField(Reg.CLASS, of),
        queue,
        ToGroup(link_group(stage.out_port)),
    )
    return FlowEntry(Table.LABEL, Priority.NORMAL, arrives, onward)


def _depart(direction: DirectionInput, trunk: int) -> FlowEntry:
    of = _class(direction)
    actions: Actions = (
        PushVlan(),
        SetField("vlan_vid", VLAN_PRESENT | direction.label),
        SetField("vlan_pcp", of),
        SetField(Reg.CLASS, of),
        ToGroup(link_group(trunk)),
    )
    return FlowEntry(Table.FORWARD, Priority.SPECIFIC, match(**{Reg.PATH: direction.label}), actions)


def _steer(direction: DirectionInput, meter: int) -> Iterator[FlowEntry]:
    actions: Actions = (SetQueue(path_queue(direction.label)),)
    if direction.out_port is not None:
        actions = (SetField(Reg.PATH, direction.label), *actions)
    for priority, wanted in _choices(direction.chosen):
        yield FlowEntry(Table.STEER, priority, wanted, actions, Table.FORWARD, meter)


def _choices(chosen: Chosen) -> Iterator[tuple[int, Match]]:
    """Priority and tests: one entry where only addresses are asked, else one for each version of IP."""
    tests: Fields = {Reg.SEGMENT: chosen.segment}
    ends: Fields = {
        name: value
        for name, value in (
            ("eth_src", chosen.source),
            ("in_port", chosen.in_port),
            ("eth_dst", chosen.target),
            (Reg.UPLINK, chosen.uplink),
        )
        if value is not None
    }
    priority = Priority.NORMAL + chosen.weight
    for version in (IPV4, IPV6) if chosen.fields else (None,):
        layer3: Fields = {} if version is None else {"eth_type": version}
        yield priority, match(**tests, **ends, **layer3, **dict(chosen.fields))
