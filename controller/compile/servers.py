"""Servers: who may send at home, who is answered for, and which way leads there from everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.compile.base import ARP, BROADCAST, GROUP_BIT, ICMPV6, IPV6, SOLICITATION
from controller.compile.ports import STRANGER, copy_of
from controller.model.identity import Server
from controller.rules.fields import VLAN_NONE, VLAN_PRESENT
from controller.rules.placed import Placed, Turn
from controller.rules.rules import (
    Actions,
    FlowEntry,
    Match,
    Output,
    PushVlan,
    RuleKey,
    SetField,
    ToGroup,
    match,
)
from controller.rules.tables import (
    MeterKind,
    Passed,
    Priority,
    Reason,
    Reg,
    Table,
    claimed,
    meter_number,
    platform_group,
    unclaimed,
)


@dataclass(frozen=True, slots=True)
class ServerInput:
    """All that a server's rules depend on.

    `segment` is its label; `home` the allotted index of its platform; `elsewhere` all other platforms;
    `left` the platform that it has just left; `guarded` those platforms where identities are determined; `uplink` the
    number of the uplink that it is beyond, if it is.
    """

    server: Server
    segment: int
    home: int
    elsewhere: tuple[str, ...]
    left: str | None = None
    guarded: frozenset[str] = frozenset()
    uplink: int | None = None


def compile_server(wanted: ServerInput) -> Iterator[Placed]:
    """At home the guard, the way out and the answers; elsewhere the way there and the answers."""
    server = wanted.server
    for rule in (*_sender(wanted), *_own_questions(wanted)):
        yield Placed(server.platform, rule, Turn.ENTRY)
    for platform in wanted.guarded:
        for rule in _not_elsewhere(wanted):
            yield Placed(platform, rule, Turn.ENTRY)
    if server.mac is None:
        return
    yield Placed(server.platform, _forward(wanted, _deliver(server)), Turn.HOME)
    away = _forward(wanted, _carry(wanted))
    for platform in wanted.elsewhere:
        turn = Turn.LEAVING if platform == wanted.left else Turn.ELSEWHERE
        yield Placed(platform, away, turn)
    if wanted.uplink is not None:
        beyond = _beyond(wanted, wanted.uplink)
        yield from (Placed(platform, beyond, Turn.ENTRY) for platform in (server.platform, *wanted.elsewhere))
    answers = tuple(_answers(wanted))
    for platform in (server.platform, *wanted.elsewhere):
        for answer in answers:
            yield Placed(platform, answer, Turn.ENTRY)


def sender_of(key: RuleKey) -> tuple[int, int] | None:
    """The port and the MAC of a server whose frames a rule lets in; None for the key of any other rule."""
    if len(key) != 4 or key[:3] != ("flow", Table.PORT, Priority.NORMAL):
        return None
    fields = {name: value for name, value, _ in key[3]}
    if fields.keys() != {"in_port", "vlan_vid", "eth_src"}:
        return None
    return (fields["in_port"], fields["eth_src"])


def address_of(key: RuleKey) -> tuple[int, int, tuple[int, int]] | None:
    """The port, MAC and address of a learned server that a rule lets claim it; None for the key of any other."""
    if len(key) != 4 or key[:3] != ("flow", Table.ADDRESS, Priority.NORMAL):
        return None
    fields = {name: value for name, value, _ in key[3]}
    if fields.keys() != {"in_port", "eth_src", Reg.SEGMENT, Reg.ADDRESS}:
        return None
    return (fields["in_port"], fields["eth_src"], unclaimed(fields[Reg.ADDRESS]))


def _sender_match(server: Server) -> Match:
    return match(in_port=server.port, vlan_vid=_tag(server), eth_src=server.mac or 0)


def _tag(server: Server) -> int:
    return VLAN_NONE if server.vlan is None else VLAN_PRESENT | server.vlan


def _sender(wanted: ServerInput) -> Iterator[FlowEntry]:
    server, here = wanted.server, {"in_port": wanted.server.port, "vlan_vid": _tag(wanted.server)}
    enter: Actions = (SetField(Reg.SEGMENT, wanted.segment),)
    if server.vlan is not None:
        enter += (SetField(Reg.TAG, _tag(server)),)
    meter = meter_number(MeterKind.LEARN, server.port)
    if server.mac is None:
        learn = (*enter, STRANGER, *copy_of(Reason.LEARN_MAC, meter))
        yield FlowEntry(Table.PORT, Priority.DEFAULT, match(**here), learn, Table.CLAIM)
    else:
        yield FlowEntry(Table.PORT, Priority.NORMAL, _sender_match(server), enter, Table.CLAIM)
    yield from _sender_addresses(wanted, meter)


def _sender_addresses(wanted: ServerInput, meter: int) -> Iterator[FlowEntry]:
    server = wanted.server
    for address, version in server.addresses:
        yield FlowEntry(Table.ADDRESS, Priority.NORMAL, _claims(wanted, claimed(address, version)), (), Table.ADMIT)
    if server.open_addresses:
        copy = copy_of(Reason.LEARN_ADDRESS, meter)
        yield FlowEntry(Table.ADDRESS, Priority.DEFAULT, _speaks(wanted), copy, Table.ADMIT)


def _sender_fields(wanted: ServerInput) -> dict[str, int | tuple[int, int]]:
    fields: dict[str, int | tuple[int, int]] = {"in_port": wanted.server.port, Reg.SEGMENT: wanted.segment}
    if wanted.server.mac is not None and not wanted.server.declared:
        fields["eth_src"] = wanted.server.mac
    return fields


def _speaks(wanted: ServerInput) -> Match:
    return match(**_sender_fields(wanted))


def _claims(wanted: ServerInput, address: int) -> Match:
    return match(**_sender_fields(wanted), **{Reg.ADDRESS: address})


def _questions(wanted: ServerInput) -> Iterator[dict[str, int | tuple[int, int]]]:
    for address, version in wanted.server.addresses:
        if version == 4:
            yield {"eth_type": ARP, "arp_op": 1, "arp_tpa": address, "eth_dst": BROADCAST}
        else:
            yield {
                "eth_type": IPV6,
                "ip_proto": ICMPV6,
                "icmpv6_type": SOLICITATION,
                "ipv6_nd_target": address,
                "eth_dst": GROUP_BIT,
            }


def _own_questions(wanted: ServerInput) -> Iterator[FlowEntry]:
    """A server that asks for its own address announces itself or looks for a double: all shall hear it."""
    for question in _questions(wanted):
        own = match(in_port=wanted.server.port, **{Reg.SEGMENT: wanted.segment}, **question)
        yield FlowEntry(Table.ANSWER, Priority.SPECIFIC, own, (), Table.FLOOD)


def _answers(wanted: ServerInput) -> Iterator[FlowEntry]:
    mac = wanted.server.mac or 0
    load = (SetField(Reg.OWNER_MAC_HIGH, mac >> 32), SetField(Reg.OWNER_MAC_LOW, mac & 0xFFFFFFFF))
    for question in _questions(wanted):
        asks = match(**{Reg.SEGMENT: wanted.segment}, **question)
        yield FlowEntry(Table.ANSWER, Priority.NORMAL, asks, load, Table.REPLY)


def _forward(wanted: ServerInput, actions: Actions) -> FlowEntry:
    to = match(eth_dst=wanted.server.mac or 0, **{Reg.SEGMENT: wanted.segment})
    return FlowEntry(Table.FORWARD, Priority.NORMAL, to, actions)


def _beyond(wanted: ServerInput, uplink: int) -> FlowEntry:
    to = match(eth_dst=wanted.server.mac or 0, **{Reg.SEGMENT: wanted.segment})
    return FlowEntry(Table.BEYOND, Priority.NORMAL, to, (SetField(Reg.UPLINK, uplink),), Table.STEER)


def _deliver(server: Server) -> Actions:
    return deliver(server.port, server.vlan)


def deliver(port: int, vlan: int | None) -> Actions:
    """Out of a server port, with the server's tag if it has one."""
    if vlan is None:
        return (Output(port),)
    return (PushVlan(), SetField("vlan_vid", VLAN_PRESENT | vlan), Output(port))


def _carry(wanted: ServerInput) -> Actions:
    label = SetField("vlan_vid", VLAN_PRESENT | wanted.segment)
    return (PushVlan(), label, ToGroup(platform_group(wanted.home)))


def _not_elsewhere(wanted: ServerInput) -> Iterator[FlowEntry]:
    """Where identities are determined: a declared one is nobody else's, on whatever port it is heard."""
    server, priority = wanted.server, Priority.DEFAULT + 1
    if server.mac is not None:
        stranger: dict[str, int | tuple[int, int]] = {Reg.SEGMENT: wanted.segment}
        stranger[Reg.PASS] = (Passed.STRANGER, Passed.STRANGER)
        reason = SetField(Reg.REASON, Reason.MAC)
        stolen = match(eth_src=server.mac, **stranger)
        yield FlowEntry(Table.CLAIM, Priority.GUARD + 1, stolen, (reason,), Table.VIOLATION)
    for address, version in server.addresses:
        taken = match(**{Reg.SEGMENT: wanted.segment, Reg.ADDRESS: claimed(address, version)})
        refuse = (SetField(Reg.REASON, Reason.ADDRESS),)
        yield FlowEntry(Table.ADDRESS, priority, taken, refuse, Table.VIOLATION)
