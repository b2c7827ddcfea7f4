"""Ports: what each kind of port lets in, how it is metered, and how its violations are counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from controller.compile.shares import rate_meter
from controller.rules.fields import VLAN_NONE
from controller.rules.placed import Placed, Turn
from controller.rules.protocols import DISCOVERY_DST, DISCOVERY_TYPE
from controller.rules.rules import (
    CONTROLLER_PORT,
    Action,
    Actions,
    FlowEntry,
    Match,
    Meter,
    Output,
    RuleKey,
    SetField,
    ToController,
    match,
)
from controller.rules.tables import MeterKind, Passed, Priority, Reason, Reg, Table, claimed, meter_number

_COPIES_PER_SECOND: Final = 20
_PROBES_PER_SECOND: Final = 50
_LEARNED_PER_SECOND: Final = 100


STRANGER: Final = SetField(Reg.PASS, Passed.STRANGER, Passed.STRANGER)
"""The mark of a sender whose MAC is not known where it speaks."""


class PortKind(Enum):
    """What a port is for."""

    CLOSED = "closed"
    """Not classified, or nobody named it: nothing passes."""
    SERVER = "server"
    LEARN = "learn"
    """A server port on which identities are learned."""
    UPLINK = "uplink"
    """Behind it are hosts of the outside world: MACs are learned, addresses may be any that are nobody's here."""
    TRUNK = "trunk"
    """Carries labelled frames of a link that is up."""


@dataclass(frozen=True, slots=True)
class PortInput:
    """All that a port's rules depend on; `segment` is a label, `storm` in packets/s.

    `discovers`: probes are taken from it; `learns`: something of a server behind it is still to be heard;
    `refused`: addresses, with their versions, that nobody beyond an uplink may use.
    """

    platform: str
    number: int
    kind: PortKind
    discovers: bool = False
    learns: bool = False
    segment: int = 0
    storm: int = 0
    kbps: int | None = None
    """What may come in without a reservation, kbit/s; None: no limit."""
    refused: tuple[tuple[int, int], ...] = ()


def compile_port(port: PortInput) -> Iterator[Placed]:
    """The rules of a port itself, without those of the servers behind it."""
    for rule in _rules(port):
        yield Placed(port.platform, rule, _turn(port, rule))


def _turn(port: PortInput, rule: FlowEntry | Meter) -> Turn:
    """A trunk takes labelled frames before anything sends it some."""
    if isinstance(rule, Meter):
        return Turn.METER
    return Turn.TRANSIT if port.kind is PortKind.TRUNK else Turn.ENTRY


def _rules(port: PortInput) -> Iterator[FlowEntry | Meter]:
    if port.discovers:
        yield from _discovery(port)
    if port.kind is PortKind.TRUNK:
        yield _trunk(port)
    if port.kind in (PortKind.SERVER, PortKind.LEARN, PortKind.UPLINK):
        yield from _server_port(port)
    if port.learns:
        yield _meter(MeterKind.LEARN, port, _LEARNED_PER_SECOND)
    if port.kind in (PortKind.LEARN, PortKind.UPLINK):
        yield _stranger(port)
    if port.kind is PortKind.LEARN:
        yield _any_address(port, copy_of(Reason.LEARN_ADDRESS, meter_number(MeterKind.LEARN, port.number)))
    if port.kind is PortKind.UPLINK:
        yield _any_address(port, ())
        yield from _refused(port)


def _meter(kind: MeterKind, port: PortInput, rate: int) -> Meter:
    return Meter(meter_number(kind, port.number), rate, max(rate // 2, 10), packets=True)


def _probes(port_no: int) -> Match:
    return match(in_port=port_no, eth_dst=DISCOVERY_DST, eth_type=DISCOVERY_TYPE, vlan_vid=VLAN_NONE)


def discovery_key(port_no: int) -> RuleKey:
    """The key of the entry that takes probes in at a port."""
    return FlowEntry(Table.PORT, Priority.GUARD, _probes(port_no)).key


def _discovery(port: PortInput) -> Iterator[FlowEntry | Meter]:
    meter = _meter(MeterKind.DISCOVERY, port, _PROBES_PER_SECOND)
    yield meter
    wanted = _probes(port.number)
    send = (SetField(Reg.REASON, Reason.DISCOVERY), Output(CONTROLLER_PORT))
    yield FlowEntry(Table.PORT, Priority.GUARD, wanted, send, meter=meter.number)


def _trunk(port: PortInput) -> FlowEntry:
    note: tuple[Action, ...] = (SetField(Reg.ENTRY, port.number),)
    return FlowEntry(Table.PORT, Priority.NORMAL, match(in_port=port.number), note, Table.BYPASS)


def trunk_port_of(key: RuleKey) -> int | None:
    """The port whose labelled frames a rule lets in; None for the key of any other rule."""
    if len(key) != 4 or key[:3] != ("flow", Table.PORT, Priority.NORMAL):
        return None
    fields = {name: value for name, value, _ in key[3]}
    return fields["in_port"] if fields.keys() == {"in_port"} else None


def _server_port(port: PortInput) -> Iterator[FlowEntry | Meter]:
    storm = _meter(MeterKind.STORM, port, port.storm)
    copies = _meter(MeterKind.VIOLATION, port, _COPIES_PER_SECOND)
    here = match(in_port=port.number)
    yield from (storm, copies)
    yield FlowEntry(Table.STORM, Priority.NORMAL, here, (), Table.ANSWER, storm.number)
    yield FlowEntry(Table.VIOLATION, Priority.NORMAL, here, (ToController(copies.number),))
    if port.kbps is not None:
        share = rate_meter(meter_number(MeterKind.PORT_SHARE, port.number), port.kbps)
        yield share
        yield FlowEntry(Table.PORT_SHARE, Priority.NORMAL, here, (), Table.SHARE, share.number)


def violation_key(port_no: int) -> RuleKey:
    """The key of the entry that counts what the guard drops at a port."""
    return FlowEntry(Table.VIOLATION, Priority.NORMAL, match(in_port=port_no)).key


def _stranger(port: PortInput) -> FlowEntry:
    """A sender whose MAC is still to be learned."""
    copy = copy_of(Reason.LEARN_MAC, meter_number(MeterKind.LEARN, port.number))
    admit = (SetField(Reg.SEGMENT, port.segment), STRANGER, *copy)
    return FlowEntry(Table.PORT, Priority.DEFAULT, _learning_match(port.number), admit, Table.CLAIM)


def _any_address(port: PortInput, note: Actions) -> FlowEntry:
    return FlowEntry(Table.ADDRESS, Priority.DEFAULT, match(in_port=port.number), note, Table.ADMIT)


def _refused(port: PortInput) -> Iterator[FlowEntry]:
    for address, version in port.refused:
        used = match(in_port=port.number, **{Reg.ADDRESS: claimed(address, version)})
        refuse = (SetField(Reg.REASON, Reason.ADDRESS),)
        yield FlowEntry(Table.ADDRESS, Priority.SPECIFIC, used, refuse, Table.VIOLATION)


def _learning_match(port_no: int) -> Match:
    return match(in_port=port_no, vlan_vid=VLAN_NONE)


def learning_port_of(key: RuleKey) -> int | None:
    """The port whose unknown senders a rule lets in to be learned; None for the key of any other rule."""
    if len(key) != 4 or key[:3] != ("flow", Table.PORT, Priority.DEFAULT):
        return None
    fields = {name: value for name, value, _ in key[3]}
    port = fields.get("in_port", 0)
    return port if key[3] == _learning_match(port) else None


def copy_of(reason: Reason, meter: int) -> tuple[Action, ...]:
    """A metered copy to the controller that says why; the packet goes on."""
    return (SetField(Reg.REASON, reason), ToController(meter), SetField(Reg.REASON, 0))
