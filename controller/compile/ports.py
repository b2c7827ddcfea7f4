"""Ports: what each kind of port lets in, how it is metered, and how its violations are counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from controller.rules.fields import VLAN_NONE
from controller.rules.placed import Placed, Turn
from controller.rules.rules import (
    CONTROLLER_PORT,
    Action,
    FlowEntry,
    Meter,
    Output,
    SetField,
    ToController,
    match,
)
from controller.rules.tables import MeterKind, Priority, Reason, Reg, Table, meter_number

DISCOVERY_DST: Final = 0x0180C200000E
DISCOVERY_TYPE: Final = 0x88CC
_COPIES_PER_SECOND: Final = 20
_PROBES_PER_SECOND: Final = 50
_LEARNED_PER_SECOND: Final = 100


class PortKind(Enum):
    """What a port is for."""

    CLOSED = "closed"
    """Not classified, or nobody named it: nothing passes."""
    SERVER = "server"
    LEARN = "learn"
    """A server port on which identities are learned."""
    TRUNK = "trunk"
    """Carries labelled frames of a link that is up."""


@dataclass(frozen=True, slots=True)
class PortInput:
    """All that a port's rules depend on; `segment` is a label, `storm` in packets/s.

    `discovers`: probes are taken from it; `learns`: something of a server behind it is still to be heard.
    """

    platform: str
    number: int
    kind: PortKind
    discovers: bool = False
    learns: bool = False
    segment: int = 0
    storm: int = 0


def compile_port(port: PortInput) -> Iterator[Placed]:
    """The rules of a port itself, without those of the servers behind it."""
    for rule in _rules(port):
        turn = Turn.METER if isinstance(rule, Meter) else Turn.ENTRY
        yield Placed(port.platform, rule, turn)


def _rules(port: PortInput) -> Iterator[FlowEntry | Meter]:
    if port.discovers:
        yield from _discovery(port)
    if port.kind is PortKind.TRUNK:
        yield _trunk(port)
    if port.kind in (PortKind.SERVER, PortKind.LEARN):
        yield from _server_port(port)
    if port.learns:
        yield _meter(MeterKind.LEARN, port, _LEARNED_PER_SECOND)
    if port.kind is PortKind.LEARN:
        yield from _learning(port)


def _meter(kind: MeterKind, port: PortInput, rate: int) -> Meter:
    return Meter(meter_number(kind, port.number), rate, max(rate // 2, 10), packets=True)


def _discovery(port: PortInput) -> Iterator[FlowEntry | Meter]:
    meter = _meter(MeterKind.DISCOVERY, port, _PROBES_PER_SECOND)
    yield meter
    wanted = match(in_port=port.number, eth_dst=DISCOVERY_DST, eth_type=DISCOVERY_TYPE, vlan_vid=VLAN_NONE)
    send = (SetField(Reg.REASON, Reason.DISCOVERY), Output(CONTROLLER_PORT))
    yield FlowEntry(Table.PORT, Priority.GUARD, wanted, send, meter=meter.number)


def _trunk(port: PortInput) -> FlowEntry:
    note: tuple[Action, ...] = (SetField(Reg.ENTRY, port.number),)
    return FlowEntry(Table.PORT, Priority.NORMAL, match(in_port=port.number), note, Table.BYPASS)


def _server_port(port: PortInput) -> Iterator[FlowEntry | Meter]:
    storm = _meter(MeterKind.STORM, port, port.storm)
    copies = _meter(MeterKind.VIOLATION, port, _COPIES_PER_SECOND)
    here = match(in_port=port.number)
    yield from (storm, copies)
    yield FlowEntry(Table.STORM, Priority.NORMAL, here, (), Table.ANSWER, storm.number)
    yield FlowEntry(Table.VIOLATION, Priority.NORMAL, here, (ToController(copies.number),))


def _learning(port: PortInput) -> Iterator[FlowEntry]:
    meter = meter_number(MeterKind.LEARN, port.number)
    admit = SetField(Reg.SEGMENT, port.segment)
    yield FlowEntry(
        Table.PORT,
        Priority.DEFAULT,
        match(in_port=port.number, vlan_vid=VLAN_NONE),
        (admit, *copy_of(Reason.LEARN_MAC, meter)),
        Table.CLAIM,
    )
    yield FlowEntry(
        Table.ADDRESS,
        Priority.DEFAULT,
        match(in_port=port.number),
        copy_of(Reason.LEARN_ADDRESS, meter),
        Table.ADMIT,
    )


def copy_of(reason: Reason, meter: int) -> tuple[Action, ...]:
    """A metered copy to the controller that says why; the packet goes on."""
    return (SetField(Reg.REASON, reason), ToController(meter), SetField(Reg.REASON, 0))
