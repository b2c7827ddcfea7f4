"""Our rules in the words of ``ovs-ofctl`` (its manual page, and ``ovs-actions(7)``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

from controller.rules.fields import WIDTH
from controller.rules.rules import (
    CONTROLLER_PORT,
    EXACT,
    IN_PORT,
    Action,
    Bucket,
    ClearInPort,
    DecTtl,
    FlowEntry,
    Group,
    GroupType,
    Match,
    Meter,
    Move,
    Output,
    PopVlan,
    PushVlan,
    Resubmit,
    SetField,
    SetQueue,
    ToController,
    ToGroup,
)

_NAMES = {
    "ipv6_nd_target": "nd_target",
    "ipv6_nd_sll": "nd_sll",
    "ipv6_nd_tll": "nd_tll",
    "ip_proto": "nw_proto",
    "ip_ecn": "nw_ecn",
    "icmpv4_type": "icmp_type",
    "icmpv4_code": "icmp_code",
    "ipv4_src": "nw_src",
    "ipv4_dst": "nw_dst",
}
_MACS = ("eth_src", "eth_dst", "arp_sha", "arp_tha", "ipv6_nd_sll", "ipv6_nd_tll")
_IPV4 = ("ipv4_src", "ipv4_dst", "arp_spa", "arp_tpa")
_IPV6 = ("ipv6_src", "ipv6_dst", "ipv6_nd_target")
_TYPES = {GroupType.ALL: "all", GroupType.SELECT: "select", GroupType.INDIRECT: "indirect"}


def field_name(name: str) -> str:
    """What ``ovs-ofctl`` calls a field."""
    return _NAMES.get(name, name)


def value_text(name: str, value: int) -> str:
    """A value as ``ovs-ofctl`` wants it for a field."""
    if name in _MACS:
        return value.to_bytes(6, "big").hex(":")
    if name in _IPV4:
        return str(IPv4Address(value))
    if name == "in_port":
        return str(value)
    return str(IPv6Address(value)) if name in _IPV6 else hex(value)


def _masked(name: str, value: int, mask: int) -> str:
    if mask == EXACT:
        return value_text(name, value)
    return f"{value_text(name, value)}/{value_text(name, mask & (1 << WIDTH[name]) - 1)}"


def match_text(wanted: Match) -> str:
    """The tests of a match; prerequisites first, as ``ovs-ofctl`` asks."""
    order = ("eth_type", "ip_proto", "icmpv6_type")
    tests = sorted(wanted, key=lambda test: order.index(test[0]) if test[0] in order else len(order))
    return ",".join(f"{field_name(name)}={_masked(name, value, mask)}" for name, value, mask in tests)


def _part(field: str, start: int, bits: int) -> str:
    return f"{field_name(field)}[{start}..{start + bits - 1}]"


def action_text(action: Action) -> str:
    """One action."""
    match action:
        case SetField(field=field, value=value, mask=mask):
            return f"set_field:{_masked(field, value, mask)}->{field_name(field)}"
        case Move():
            source = _part(action.src, action.src_start, action.bits)
            return f"move:{source}->{_part(action.dst, action.dst_start, action.bits)}"
        case SetQueue(queue=queue):
            return f"set_queue:{queue}"
        case Output() | ToGroup() | Resubmit() | ToController():
            return _sending_text(action)
        case _:
            return _PLAIN[type(action)]


_PLAIN: dict[type[Action], str] = {
    PushVlan: "push_vlan:0x8100",
    PopVlan: "pop_vlan",
    ClearInPort: "load:0->NXM_OF_IN_PORT[]",
    DecTtl: "dec_ttl",
}


def _sending_text(action: Output | ToGroup | Resubmit | ToController) -> str:
    match action:
        case Output(port=port):
            return {IN_PORT: "in_port", CONTROLLER_PORT: "controller"}.get(port, f"output:{port}")
        case ToGroup(group=number):
            return f"group:{number}"
        case Resubmit(table=table):
            return f"resubmit(,{table})"
        case ToController(meter=meter, max_len=max_len):
            return f"controller(max_len={max_len},meter_id={meter})"


def flow_text(entry: FlowEntry) -> str:
    """A flow entry, for ``add-flows``."""
    instructions = [f"meter:{entry.meter}"] if entry.meter is not None else []
    instructions += [action_text(action) for action in entry.actions]
    if entry.goto is not None:
        instructions.append(f"goto_table:{entry.goto}")
    tests = f",{match_text(entry.match)}" if entry.match else ""
    head = f"table={int(entry.table)},priority={int(entry.priority)}{tests}"
    return f"{head},actions={','.join(instructions) or 'drop'}"


def group_text(group: Group) -> str:
    """A group, for ``add-groups``."""
    kind = "ff" if group.type is GroupType.FAST_FAILOVER else _TYPES[group.type]
    buckets = (_bucket_text(group, bucket) for bucket in group.buckets)
    return ",".join((f"group_id={group.number},type={kind}", *buckets))


def _bucket_text(group: Group, bucket: Bucket) -> str:
    weight = f"weight:{bucket.weight}," if group.type is GroupType.SELECT else ""
    watch = "" if bucket.watch_port is None else f"watch_port:{bucket.watch_port},"
    watch += "" if bucket.watch_group is None else f"watch_group:{bucket.watch_group},"
    return f"bucket={weight}{watch}actions={','.join(action_text(action) for action in bucket.actions)}"


def meter_text(meter: Meter) -> str:
    """A meter, for ``add-meter``."""
    unit = "pktps" if meter.packets else "kbps"
    return f"meter={meter.number} {unit} burst bands=type=drop rate={meter.rate} burst_size={meter.burst}"


def pinned(groups: Iterable[Group], number: int) -> Iterator[Group]:
    """Groups as they act for packets whose hash is `number`: a select group leads to the bucket so chosen."""
    for group in groups:
        wheel = [bucket for bucket in group.buckets for _ in range(bucket.weight)]
        if group.type is GroupType.SELECT and wheel:
            yield Group(group.number, GroupType.INDIRECT, (Bucket(wheel[number % len(wheel)].actions),))
        else:
            yield group
