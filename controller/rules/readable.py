"""Rules and frames for people: what a rule asks, what it does, what a frame says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from controller.rules.fields import VLAN_PRESENT, WIDTH
from controller.rules.packet import Frame
from controller.rules.rules import (
    CONTROLLER_PORT,
    EXACT,
    IN_PORT,
    Action,
    Actions,
    ClearInPort,
    DecTtl,
    FlowEntry,
    Match,
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
from controller.rules.tables import PORT_METERS, GroupKind, MeterKind, Reg, Table, claimed_in, metered, unclaimed

_TYPES: Final = {0x0800: "ipv4", 0x0806: "arp", 0x86DD: "ipv6", 0x88CC: "lldp"}
_PROTOCOLS: Final = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
_HEADERS: Final = (
    *(name for name in WIDTH if not name.startswith(("vlan_", "reg", "xxreg")) and name != "in_port"),
    "nw_ttl",
)
_REGISTERS: Final = {register: name.lower() for name, register in vars(Reg).items() if not name.startswith("_")}
"""What the registers hold, by register."""
_CLAIM: Final = ("reg4", "reg5", "reg6", "reg7")
"""The registers that together hold the claimed address."""


def _mac(value: int) -> str:
    return ":".join(f"{byte:02x}" for byte in (value & (1 << 48) - 1).to_bytes(6, "big"))


def address_text(number: int, version: int) -> str:
    """An IP address in its notation."""
    return str(IPv4Address(number) if version == 4 else IPv6Address(number))


def _vlan(value: int) -> str:
    return str(value & 0xFFF) if value & VLAN_PRESENT else "none"


_SHOWN: Final[Mapping[str, Callable[[int], str]]] = {
    **dict.fromkeys(("eth_src", "eth_dst", "arp_sha", "arp_tha", "ipv6_nd_sll", "ipv6_nd_tll"), _mac),
    **dict.fromkeys(("ipv4_src", "ipv4_dst", "arp_spa", "arp_tpa"), lambda value: str(IPv4Address(value))),
    **dict.fromkeys(("ipv6_src", "ipv6_dst", "ipv6_nd_target"), lambda value: str(IPv6Address(value))),
    "vlan_vid": _vlan,
    "eth_type": lambda value: _TYPES.get(value, f"{value:#06x}"),
    "ip_proto": lambda value: _PROTOCOLS.get(value, str(value)),
    Reg.ADDRESS: lambda value: address_text(*unclaimed(value)),
    Reg.ADDRESS_MARK: lambda value: f"{value:#x}",
    Reg.ADDRESS_V4: lambda value: str(IPv4Address(value)),
}


def field_name(name: str) -> str:
    """A field as people call it: registers by what they hold."""
    return _REGISTERS.get(name, name)


def field_value(name: str, value: int) -> str:
    """A value of a field: addresses in their notation, tags by number."""
    return _SHOWN.get(name, str)(value)


def match_text(tests: Match) -> str:
    """``in_port=1 eth_src=02:00:00:00:01:01``; ``any packet`` where nothing is tested."""
    return " ".join(_test(*test) for test in tests) or "any packet"


def _test(name: str, value: int, mask: int) -> str:
    if name == "vlan_vid" and mask == VLAN_PRESENT:
        return "vlan_vid=any" if value else "vlan_vid=none"
    shown = field_value(name, value) if mask in (EXACT, (1 << WIDTH[name]) - 1) else f"{value:#x}/{mask:#x}"
    return f"{field_name(name)}={shown}"


def table_name(table: int) -> str:
    """A table by name: ``forward``."""
    return Table(table).name.lower() if table in tuple(Table) else str(table)


def group_name(number: int) -> str:
    """A group by what it is for: ``link group of port 21``."""
    kind, rest = number >> 28, number & (1 << 28) - 1
    if kind == GroupKind.LINK:
        return f"link group of port {rest}"
    if kind == GroupKind.PLATFORM:
        return f"platform group {rest}"
    if kind == GroupKind.FLOOD:
        entry = f"trunk port {rest & 0xFFFF}" if rest & 0xFFFF else "local ports"
        return f"flood group of tree {rest >> 16} from {entry}"
    if kind == GroupKind.ALIVE:
        return "group that always works"
    return f"group {number:#x}"


def meter_name(number: int) -> str:
    """A meter by what it is for: ``storm meter of port 1``, ``reservation meter 2048``."""
    kind, which = metered(number)
    if kind not in tuple(MeterKind):
        return f"meter {number}"
    name = MeterKind(kind).name.lower().replace("_", " ")
    return f"{name} meter of port {which}" if kind in PORT_METERS else f"{name} meter {which}"


def entry_text(entry: FlowEntry) -> str:
    """What a flow entry does; ``drop`` where that is nothing."""
    meter = [f"through {meter_name(entry.meter)}"] if entry.meter is not None else []
    onward = [f"go to {table_name(entry.goto)}"] if entry.goto is not None else []
    return ", ".join((*meter, *map(_action, entry.actions), *onward)) or "drop"


def actions_text(actions: Actions) -> str:
    """A list of actions; ``drop`` where there are none."""
    return ", ".join(map(_action, actions)) or "drop"


def _action(action: Action) -> str:
    match action:
        case Output():
            return f"output {_port(action.port)}"
        case ToGroup():
            return group_name(action.group)
        case SetField():
            return f"set {_test(action.field, action.value, action.mask)}"
        case Move():
            bits = action.bits
            return f"copy {_bits(action.src, action.src_start, bits)} to {_bits(action.dst, action.dst_start, bits)}"
        case Resubmit():
            return f"look up again in {table_name(action.table)}"
        case ToController():
            return f"copy to the controller through {meter_name(action.meter)}"
        case SetQueue():
            return f"queue {action.queue}"
        case PushVlan() | PopVlan() | ClearInPort() | DecTtl():
            return _PLAIN[type(action)]


_PLAIN: Final[Mapping[type, str]] = {
    PushVlan: "push a tag",
    PopVlan: "pop a tag",
    ClearInPort: "forget the port of entry",
    DecTtl: "decrement the TTL",
}


def _port(number: int) -> str:
    return {IN_PORT: "back where it came from", CONTROLLER_PORT: "to the controller"}.get(number, f"port {number}")


def _bits(name: str, start: int, bits: int) -> str:
    return field_name(name) if bits == WIDTH[name] else f"{field_name(name)}[{start}..{start + bits - 1}]"


def registers_text(registers: Mapping[str, int]) -> dict[str, str]:
    """Registers that are not 0, by what they hold."""
    claimed = claimed_in(registers)
    rest = {name: value for name, value in registers.items() if claimed is None or name not in _CLAIM}
    address = {} if claimed is None else {field_name(Reg.ADDRESS): address_text(*claimed)}
    return {**{field_name(name): field_value(name, value) for name, value in rest.items()}, **address}


def frame_text(frame: Frame) -> str:
    """A frame in one line: ``02:…:01 > 02:…:02 ipv4 10.1.0.11 > 10.1.0.12 tcp 49152 > 80``."""
    get = frame.fields.get
    tags = "".join(f" vlan {tag & 0xFFF}" for tag in frame.vlans)
    head = f"{_mac(get('eth_src', 0))} > {_mac(get('eth_dst', 0))}{tags}"
    kind = _TYPES.get(get("eth_type", 0), f"type {get('eth_type', 0):#06x}")
    return " ".join(part for part in (head, kind, _inside(frame.fields, kind)) if part)


def _inside(fields: Mapping[str, int], kind: str) -> str:
    if kind == "arp":
        return _arp(fields)
    if kind not in ("ipv4", "ipv6") or f"{kind}_src" not in fields:
        return ""
    source, target = (field_value(f"{kind}_{end}", fields[f"{kind}_{end}"]) for end in ("src", "dst"))
    return f"{source} > {target} {_above(fields)}"


def _arp(fields: Mapping[str, int]) -> str:
    sender, target = (field_value(name, fields.get(name, 0)) for name in ("arp_spa", "arp_tpa"))
    if fields.get("arp_op") == 1:
        return f"who has {target}? tell {sender}"
    return f"{sender} is at {_mac(fields.get('arp_sha', 0))}" if fields.get("arp_op") == 2 else ""


def _above(fields: Mapping[str, int]) -> str:
    name = field_value("ip_proto", fields.get("ip_proto", 0))
    if f"{name}_src" in fields:
        return f"{name} {fields[f'{name}_src']} > {fields[f'{name}_dst']}"
    if "ipv6_nd_target" in fields:
        asked = field_value("ipv6_nd_target", fields["ipv6_nd_target"])
        return f"neighbour {'solicitation' if fields.get('icmpv6_type') == 135 else 'advertisement'} of {asked}"
    return name if name != "0" else "protocol 0"


def frame_changes(before: Frame, after: Frame) -> tuple[str, ...]:
    """What differs, field by field: ``eth_dst 02:… becomes 02:…``, ``tags none become 100``."""
    found = ((name, before.fields.get(name, 0), after.fields.get(name, 0)) for name in _HEADERS)
    differing = ((name, field_value(name, was), field_value(name, now)) for name, was, now in found if was != now)
    changed = [f"{name} {was} becomes {now}" for name, was, now in differing]
    tags = [] if before.vlans == after.vlans else [f"tags {_tags(before)} become {_tags(after)}"]
    return (*tags, *changed)


def _tags(frame: Frame) -> str:
    return ", ".join(str(tag & 0xFFF) for tag in frame.vlans) or "none"
