"""What every switch holds, whoever is plugged in: how a claim is read, an answer built, a miss handled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from controller.rules.fields import VLAN_PRESENT
from controller.rules.placed import Placed, Turn
from controller.rules.rules import (
    IN_PORT,
    Action,
    Actions,
    Bucket,
    FlowEntry,
    Group,
    GroupType,
    Match,
    Move,
    Output,
    PopVlan,
    PushVlan,
    Resubmit,
    RuleKey,
    SetField,
    SetQueue,
    match,
)
from controller.rules.tables import ALIVE_GROUP, V4_MARK, Passed, Priority, QueueKind, Reason, Reg, Table

ARP: Final = 0x0806
IPV4: Final = 0x0800
IPV6: Final = 0x86DD
UDP: Final = 17
ICMPV6: Final = 58
SOLICITATION: Final = 135
ADVERTISEMENT: Final = 136
GROUP_BIT: Final = (1 << 40, 1 << 40)
BROADCAST: Final = (1 << 48) - 1
_LINK_PROTOCOLS: Final = (0x0180C2000000, 0xFFFFFFFFFFF0)
_TAGGED: Final = (VLAN_PRESENT, VLAN_PRESENT)
_ALL_NODES: Final = 0xFF02 << 112 | 1
_ALL_NODES_MAC: Final = 0x333300000001


def compile_base(platform: str) -> Iterator[Placed]:
    """What needs to know nothing of ports, servers or links."""
    yield Placed(platform, Group(ALIVE_GROUP, GroupType.INDIRECT, (Bucket(()),)), Turn.METER)
    for entry in (*_port(), *_trunk(), *_claim(), *_address(), *_admit(), *_admitted(), *_flooded(), *_reply()):
        yield Placed(platform, entry, Turn.ENTRY)


def drop_keys() -> dict[str, RuleKey]:
    """The entries that drop what nobody wants, by what their counters tell."""
    return {
        "link_protocol": _entry(Table.PORT, Priority.OVERRIDE, match(eth_dst=_LINK_PROTOCOLS)).key,
        "no_label": _entry(Table.LABEL, Priority.MISS, ()).key,
        "unknown_destination": _entry(Table.FORWARD, Priority.MISS, ()).key,
        "closed_port": _entry(Table.VIOLATION, Priority.MISS, ()).key,
    }


def _entry(table: Table, priority: int, wanted: Match, *actions: Action, goto: Table | None = None) -> FlowEntry:
    return FlowEntry(table, priority, wanted, actions, goto)


def _port() -> Iterator[FlowEntry]:
    yield _entry(Table.PORT, Priority.OVERRIDE, match(eth_dst=_LINK_PROTOCOLS))
    yield _entry(Table.PORT, Priority.MISS, (), goto=Table.VIOLATION)
    yield _entry(Table.VIOLATION, Priority.MISS, ())


def _trunk() -> Iterator[FlowEntry]:
    yield _entry(Table.BYPASS, Priority.MISS, (), goto=Table.LABEL)
    yield _entry(Table.LABEL, Priority.MISS, ())


def _state(value: int) -> SetField:
    return SetField(Reg.PASS, value, Passed.STEPS)


def _at(value: int) -> tuple[int, int]:
    return (value, Passed.STEPS)


def _claim() -> Iterator[FlowEntry]:
    """Move what the sender claims into the registers.

    A MAC inside the payload is checked by the table that checks the frame's own: it takes its place, and
    the packet is looked up again. The same for an EUI-64 link-local address (RFC 4291, appendix A).
    """
    yield _entry(
        Table.CLAIM,
        Priority.GUARD,
        match(**{Reg.PASS: (Passed.LINK_LOCAL, Passed.LINK_LOCAL)}),
        SetField(Reg.PASS, 0, Passed.LINK_LOCAL),
        goto=Table.ADMIT,
    )
    yield from _claim_arp()
    yield from _claim_ipv4()
    yield from _claim_ipv6()
    yield _entry(Table.CLAIM, Priority.MISS, (), goto=Table.ADMIT)


def _claim_arp() -> Iterator[FlowEntry]:
    yield _entry(
        Table.CLAIM,
        Priority.OVERRIDE,
        match(eth_type=ARP, **{Reg.PASS: _at(Passed.NOTHING)}),
        Move("arp_sha", 0, "eth_src", 0, 48),
        _state(Passed.PAYLOAD_MAC),
        Resubmit(Table.PORT),
    )
    yield _entry(Table.CLAIM, Priority.SPECIFIC, match(eth_type=ARP, arp_spa=0), goto=Table.ADMIT)
    yield _entry(
        Table.CLAIM,
        Priority.NORMAL,
        match(eth_type=ARP),
        Move("arp_spa", 0, Reg.ADDRESS_V4, 0, 32),
        SetField(Reg.ADDRESS_MARK, V4_MARK),
        goto=Table.ADDRESS,
    )


def _claim_ipv4() -> Iterator[FlowEntry]:
    dhcp = match(eth_type=IPV4, ipv4_src=0, ip_proto=UDP, udp_src=68, udp_dst=67)
    yield _entry(Table.CLAIM, Priority.SPECIFIC, dhcp, goto=Table.ADMIT)
    yield _entry(
        Table.CLAIM,
        Priority.NORMAL,
        match(eth_type=IPV4),
        Move("ipv4_src", 0, Reg.ADDRESS_V4, 0, 32),
        SetField(Reg.ADDRESS_MARK, V4_MARK),
        goto=Table.ADDRESS,
    )


def _nd(kind: int, **fields: int | tuple[int, int]) -> Match:
    return match(eth_type=IPV6, ip_proto=ICMPV6, icmpv6_type=kind, **fields)


def _claim_ipv6() -> Iterator[FlowEntry]:
    source = Move("ipv6_src", 0, Reg.ADDRESS, 0, 128)
    target = Move("ipv6_nd_target", 0, Reg.ADDRESS, 0, 128)
    first = {Reg.PASS: _at(Passed.NOTHING)}
    for kind, option in ((SOLICITATION, "ipv6_nd_sll"), (ADVERTISEMENT, "ipv6_nd_tll")):
        yield _entry(
            Table.CLAIM,
            Priority.SPECIFIC,
            _nd(kind, **first),
            Move(option, 0, "eth_src", 0, 48),
            _state(Passed.PAYLOAD_MAC),
            Resubmit(Table.PORT),
        )
        yield _entry(
            Table.CLAIM,
            Priority.OVERRIDE,
            _nd(kind, **first, **{option: 0}),
            _state(Passed.PAYLOAD_MAC),
            Resubmit(Table.CLAIM),
        )
    yield _entry(
        Table.CLAIM,
        Priority.DEFAULT + 1,
        _nd(ADVERTISEMENT),
        target,
        _state(Passed.TARGET),
        goto=Table.ADDRESS,
    )
    for kind in (SOLICITATION, 133, 143):
        nobody = _nd(kind, ipv6_src=0, **({Reg.PASS: _at(Passed.PAYLOAD_MAC)} if kind == SOLICITATION else {}))
        yield _entry(Table.CLAIM, Priority.NORMAL, nobody, goto=Table.ADMIT)
    yield _entry(
        Table.CLAIM,
        Priority.OVERRIDE + 1,
        match(eth_type=IPV6, ipv6_src=(0xFF << 120, 0xFF << 120)),
        SetField(Reg.REASON, Reason.ADDRESS),
        goto=Table.VIOLATION,
    )
    yield _entry(Table.CLAIM, Priority.DEFAULT, match(eth_type=IPV6), source, goto=Table.ADDRESS)


def _address() -> Iterator[FlowEntry]:
    """A link-local address that is made of a MAC belongs to that MAC, on ports too that may use any address."""
    universal = 1 << 57
    shape = 0xFE80 << 112 | 0xFFFE << 24
    mask = 0xFFFFFFFFFFFFFFFF << 64 | 0xFFFF << 24
    for flag, flipped in ((0, 1 << 41), (universal, 0)):
        yield _entry(
            Table.ADDRESS,
            Priority.DEFAULT + 2,
            match(**{Reg.ADDRESS: (shape | flag, mask | universal)}),
            Move(Reg.ADDRESS, 0, "eth_src", 0, 24),
            Move(Reg.ADDRESS, 40, "eth_src", 24, 24),
            SetField("eth_src", flipped, 1 << 41),
            SetField(Reg.PASS, Passed.LINK_LOCAL, Passed.LINK_LOCAL),
            Resubmit(Table.PORT),
        )
    yield _entry(
        Table.ADDRESS,
        Priority.MISS,
        (),
        SetField(Reg.REASON, Reason.ADDRESS),
        goto=Table.VIOLATION,
    )


def _admit() -> Iterator[FlowEntry]:
    yield _entry(
        Table.ADMIT,
        Priority.GUARD,
        _nd(ADVERTISEMENT, **{Reg.PASS: _at(Passed.TARGET)}),
        Move("ipv6_src", 0, Reg.ADDRESS, 0, 128),
        _state(Passed.SOURCE),
        Resubmit(Table.ADDRESS),
    )
    yield _entry(
        Table.ADMIT,
        Priority.OVERRIDE,
        match(vlan_vid=_TAGGED, **{Reg.PASS: (Passed.UNTAGGED, Passed.UNTAGGED)}),
        SetField(Reg.REASON, Reason.TAGGED),
        goto=Table.VIOLATION,
    )
    yield _entry(
        Table.ADMIT,
        Priority.SPECIFIC,
        match(vlan_vid=_TAGGED),
        PopVlan(),
        SetField(Reg.PASS, Passed.UNTAGGED, Passed.UNTAGGED),
        Resubmit(Table.ADMIT),
    )
    queue = SetQueue(QueueKind.BEST_EFFORT)
    yield _entry(Table.ADMIT, Priority.NORMAL, match(eth_dst=GROUP_BIT), queue, goto=Table.STORM)
    yield _entry(Table.ADMIT, Priority.MISS, (), queue, goto=Table.BEYOND)


def _admitted() -> Iterator[FlowEntry]:
    """Whose traffic nobody has a rate for goes on as it is."""
    yield _entry(Table.BEYOND, Priority.MISS, (), goto=Table.STEER)
    yield _entry(Table.STEER, Priority.MISS, (), goto=Table.PORT_SHARE)
    yield _entry(Table.PORT_SHARE, Priority.MISS, (), goto=Table.SHARE)
    yield _entry(Table.SHARE, Priority.MISS, (), goto=Table.FORWARD)


def _flooded() -> Iterator[FlowEntry]:
    yield _entry(Table.FORWARD, Priority.FALLBACK, match(**{Reg.ENTRY: 0}), goto=Table.STORM)
    yield _entry(Table.FORWARD, Priority.MISS, ())
    yield _entry(Table.STORM, Priority.MISS, ())
    yield _entry(Table.ANSWER, Priority.MISS, (), goto=Table.FLOOD)
    yield _entry(Table.FLOOD, Priority.MISS, ())


def _with_tag(table: Table, priority: int, wanted: dict[str, int], actions: Actions) -> Iterator[FlowEntry]:
    """Two entries: back out of the port of entry as it came, without or with the server's tag."""
    yield _entry(table, priority, match(**wanted, **{Reg.TAG: 0}), *actions, Output(IN_PORT))
    tag = (PushVlan(), Move(Reg.TAG, 0, "vlan_vid", 0, 12))
    yield _entry(table, priority - 1, match(**wanted), *actions, *tag, Output(IN_PORT))


def _owner_mac_to(field: str) -> Actions:
    return (Move(Reg.OWNER_MAC_LOW, 0, field, 0, 32), Move(Reg.OWNER_MAC_HIGH, 0, field, 32, 16))


def _reply() -> Iterator[FlowEntry]:
    """An ARP reply (RFC 826) and a neighbour advertisement (RFC 4861, 7.2.4), made of the question."""
    swapped = (
        Move("arp_tpa", 0, Reg.SCRATCH_V4, 0, 32),
        Move("arp_spa", 0, "arp_tpa", 0, 32),
        Move(Reg.SCRATCH_V4, 0, "arp_spa", 0, 32),
    )
    arp = (
        SetField("arp_op", 2),
        Move("eth_src", 0, "eth_dst", 0, 48),
        Move("arp_sha", 0, "arp_tha", 0, 48),
        *_owner_mac_to("eth_src"),
        *_owner_mac_to("arp_sha"),
        *swapped,
    )
    yield from _with_tag(Table.REPLY, Priority.NORMAL, {"eth_type": ARP}, arp)
    yield _entry(
        Table.REPLY,
        Priority.NORMAL,
        _nd(SOLICITATION),
        SetField("icmpv6_type", ADVERTISEMENT),
        goto=Table.REPLY_OPTIONS,
    )
    nd = {"eth_type": IPV6, "ip_proto": ICMPV6, "icmpv6_type": ADVERTISEMENT}
    common = (SetField("nd_options_type", 2), *_owner_mac_to("ipv6_nd_tll"))
    solicited: Actions = (
        *common,
        SetField("nd_reserved", 0x60000000),
        Move("eth_src", 0, "eth_dst", 0, 48),
        Move("ipv6_src", 0, "ipv6_dst", 0, 128),
    )
    defended: Actions = (
        *common,
        SetField("nd_reserved", 0x20000000),
        SetField("eth_dst", _ALL_NODES_MAC),
        SetField("ipv6_dst", _ALL_NODES),
    )
    sender: Actions = (*_owner_mac_to("eth_src"), Move("ipv6_nd_target", 0, "ipv6_src", 0, 128))
    table = Table.REPLY_OPTIONS
    yield from _with_tag(table, Priority.SPECIFIC, {**nd, "ipv6_src": 0}, (*defended, *sender))
    yield from _with_tag(table, Priority.NORMAL, nd, (*solicited, *sender))
