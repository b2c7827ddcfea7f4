"""A packet inside a switch: its fields, tags and registers, and which of them can be set.

A field that a packet does not have reads as 0 and is not written, as in Open vSwitch (``mf_are_prereqs_ok``).
"""

from __future__ import annotations

from typing import Final

from controller.rules.fields import VLAN_PRESENT, WIDTH
from controller.rules.packet import ARP, IPV4, IPV6, Frame, tagged
from controller.rules.rules import Move, SetField

_TAGS: Final = 2
"""A third tag pushes the innermost out (Open vSwitch's ``FLOW_MAX_VLAN_HEADERS``)."""
_RARP: Final = 0x8035
_ND: Final = (("icmpv6_type", (135, 136)), ("icmpv6_code", (0,)))


def _wants(name: str) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """The fields that must have one of some values for a field to be there (OpenFlow 1.3.5, 7.2.3.8)."""
    if name in ("ipv6_nd_sll", "ipv6_nd_tll"):
        kind = 135 if name == "ipv6_nd_sll" else 136
        return (*_wants("icmpv6_code"), ("icmpv6_type", (kind,)), ("icmpv6_code", (0,)))
    if name == "ipv6_nd_target" or name.startswith("nd_"):
        return (*_wants("icmpv6_code"), *_ND)
    for prefix, wanted in _PREFIXES.items():
        if name.startswith(prefix):
            return wanted
    return ()


_PREFIXES: Final[dict[str, tuple[tuple[str, tuple[int, ...]], ...]]] = {
    "arp_": (("eth_type", (ARP, _RARP)),),
    "ipv4_": (("eth_type", (IPV4,)),),
    "ipv6_": (("eth_type", (IPV6,)),),
    "ip_": (("eth_type", (IPV4, IPV6)),),
    "nw_": (("eth_type", (IPV4, IPV6)),),
    "tcp_": (("eth_type", (IPV4, IPV6)), ("ip_proto", (6,))),
    "udp_": (("eth_type", (IPV4, IPV6)), ("ip_proto", (17,))),
    "icmpv4_": (("eth_type", (IPV4,)), ("ip_proto", (1,))),
    "icmpv6_": (("eth_type", (IPV6,)), ("ip_proto", (58,))),
}
_WANTS: Final = {name: _wants(name) for name in (*WIDTH, "nw_ttl")}
_WIDE: Final = {f"xxreg{wide}": tuple(f"reg{4 * wide + part}" for part in range(4)) for wide in range(4)}

_REGISTERS: Final = tuple(f"reg{number}" for number in range(16))
_NO_HEADER: Final = frozenset((*_REGISTERS, *_WIDE))
_BESIDE: Final = frozenset((*_REGISTERS, "in_port", "vlan_vid", "vlan_pcp"))
"""What is kept with a packet's headers and is none of them."""


class Pipeline:
    """A packet on its way through a switch's tables; registers begin as 0."""

    __slots__ = ("_frame", "_registers", "_values", "vlans")

    def __init__(self, in_port: int, frame: Frame) -> None:
        self._values: dict[str, int] = {**frame.fields, "in_port": in_port}
        self.vlans = frame.vlans
        self._frame: Frame | None = None
        self._registers: dict[str, int] | None = None

    def copy(self) -> Pipeline:
        """The same, to be changed apart."""
        twin = Pipeline.__new__(Pipeline)
        twin._values, twin.vlans = dict(self._values), self.vlans
        twin._frame, twin._registers = self._frame, self._registers
        return twin

    @property
    def frame(self) -> Frame:
        """The frame as it would leave the switch now; made once for all that look before it is changed."""
        if self._frame is None:
            headers = {name: value for name, value in self._values.items() if name not in _BESIDE}
            self._frame = Frame({**headers, **tagged(self.vlans)}, self.vlans)
        return self._frame

    @property
    def registers(self) -> dict[str, int]:
        """The registers that are not 0; not to be changed."""
        if self._registers is None:
            self._registers = {name: self._values[name] for name in _REGISTERS if self._values.get(name)}
        return self._registers

    def get(self, name: str) -> int:
        """A field's value; 0 where the packet does not have it."""
        if name == "vlan_vid":
            return VLAN_PRESENT | self.vlans[0] & 0xFFF if self.vlans else 0
        if name == "vlan_pcp":
            return self.vlans[0] >> 13 if self.vlans else 0
        if name in _WIDE:
            high, upper, lower, low = (self._values.get(part, 0) for part in _WIDE[name])
            return high << 96 | upper << 64 | lower << 32 | low
        return self._values.get(name, 0)

    def has(self, name: str) -> bool:
        """Whether the packet's headers have room for a field."""
        if name.startswith("vlan_"):
            return bool(self.vlans)
        return all(self.get(field) in values for field, values in _WANTS[name])

    def set(self, action: SetField) -> None:
        """Set a field, whole or in part."""
        if self.has(action.field):
            kept = self.get(action.field) & ~action.mask
            self._put(action.field, kept | action.value & action.mask)

    def move(self, action: Move) -> None:
        """Copy bits between fields, if the packet has both."""
        if self.has(action.src) and self.has(action.dst):
            ones = (1 << action.bits) - 1
            bits = self.get(action.src) >> action.src_start & ones
            kept = self.get(action.dst) & ~(ones << action.dst_start)
            self._put(action.dst, kept | bits << action.dst_start)

    def _put(self, name: str, value: int) -> None:
        value &= (1 << WIDTH[name]) - 1
        self._frame, self._registers = (self._frame, None) if name in _NO_HEADER else (None, self._registers)
        if name in _WIDE:
            for part, shift in zip(_WIDE[name], (96, 64, 32, 0), strict=True):
                self._values[part] = value >> shift & 0xFFFFFFFF
        elif name == "vlan_vid":
            self.vlans = (self.vlans[0] & 0xE000 | VLAN_PRESENT | value & 0xFFF, *self.vlans[1:])
        elif name == "vlan_pcp":
            self.vlans = (self.vlans[0] & 0x1FFF | value << 13, *self.vlans[1:])
        else:
            self._values[name] = value

    def push_vlan(self) -> None:
        """Put a tag with number and priority 0 on top."""
        self.vlans, self._frame = (VLAN_PRESENT, *self.vlans)[:_TAGS], None

    def pop_vlan(self) -> None:
        """Take the outer tag off, if there is one."""
        self.vlans, self._frame = self.vlans[1:], None

    def clear_in_port(self) -> None:
        """Forget the port of entry."""
        self._values["in_port"] = 0

    def dec_ttl(self) -> bool:
        """Take one off the TTL of an IP packet; false where it has run out."""
        if not self.has("nw_ttl"):
            return True
        ttl = self.get("nw_ttl")
        if ttl > 1:
            self._values["nw_ttl"], self._frame = ttl - 1, None
        return ttl > 1
