"""Frames as fields, read the way Open vSwitch reads them (``miniflow_extract``), so that rules see the same.

Nothing raises: what is truncated or malformed is absent. At most two tags are taken off (``vlan-limit`` 2),
and a fragment has no fields above IP, since a switch does not look into fragments (``OFPC_FRAG_NORMAL``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from controller.rules.fields import VLAN_NONE, VLAN_PRESENT
from controller.rules.packet_build import build

__all__ = ["Frame", "build", "parse", "tagged"]

ARP: Final = 0x0806
IPV4: Final = 0x0800
IPV6: Final = 0x86DD
_ICMPV6: Final = 58
_TAG_TYPES: Final = (0x8100, 0x88A8)
_TAGS: Final = 2
_SNAP: Final = b"\xaa\xaa\x03\x00\x00\x00"
_SMALLEST_TYPE: Final = 0x600
_NO_TYPE: Final = 0x5FF
"""What Open vSwitch says of an 802.3 frame without a type."""
_FRAGMENT: Final = 44

Fields: TypeAlias = dict[str, int]


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame: header fields by OXM name (and ``nw_ttl``), and its tags, the outer first.

    A tag is its 16 bits with 0x1000 set; `fields` has the outer one as ``vlan_vid`` and ``vlan_pcp``.
    """

    fields: Mapping[str, int]
    vlans: tuple[int, ...] = ()

    @property
    def key(self) -> tuple[tuple[tuple[str, int], ...], tuple[int, ...]]:
        """The same for equal frames, and hashable; a field that is 0 is as good as absent."""
        return (tuple(sorted(item for item in self.fields.items() if item[1])), self.vlans)


def tagged(vlans: tuple[int, ...]) -> Fields:
    """The fields that tell of a frame's tags."""
    if not vlans:
        return {"vlan_vid": VLAN_NONE}
    return {"vlan_vid": VLAN_PRESENT | vlans[0] & 0xFFF, "vlan_pcp": vlans[0] >> 13}


def parse(data: bytes) -> Frame:
    """Read a frame; never raises."""
    if len(data) < 14:
        return Frame({"vlan_vid": VLAN_NONE})
    vlans, rest = _tags(data[12:])
    eth_type, rest = _eth_type(rest)
    fields = {"eth_dst": _int(data[:6]), "eth_src": _int(data[6:12]), "eth_type": eth_type, **tagged(vlans)}
    if eth_type in _LAYER3:
        fields |= _LAYER3[eth_type](rest)
    return Frame(fields, vlans)


def _int(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _tags(rest: bytes) -> tuple[tuple[int, ...], bytes]:
    vlans: tuple[int, ...] = ()
    while len(vlans) < _TAGS and _int(rest[:2]) in _TAG_TYPES and len(rest) >= 6:
        vlans += (_int(rest[2:4]) | VLAN_PRESENT,)
        rest = rest[4:]
    return vlans, rest


def _eth_type(rest: bytes) -> tuple[int, bytes]:
    """The type, or what 802.2 SNAP says where the type is a length."""
    eth_type, rest = _int(rest[:2]), rest[2:]
    if eth_type >= _SMALLEST_TYPE:
        return eth_type, rest
    inner = _int(rest[6:8])
    if rest[:6] == _SNAP and inner >= _SMALLEST_TYPE:
        return inner, rest[8:]
    return _NO_TYPE, rest


def _arp(data: bytes) -> Fields:
    """RFC 826, for Ethernet and IPv4 only."""
    if len(data) < 28 or data[:6] != b"\x00\x01\x08\x00\x06\x04":
        return {}
    operation = _int(data[6:8])
    return {
        "arp_op": operation if operation <= 0xFF else 0,
        "arp_sha": _int(data[8:14]),
        "arp_spa": _int(data[14:18]),
        "arp_tha": _int(data[18:24]),
        "arp_tpa": _int(data[24:28]),
    }


def _ipv4(data: bytes) -> Fields:
    if len(data) < 20:
        return {}
    header, total = (data[0] & 0xF) * 4, _int(data[2:4])
    if not 20 <= header <= total <= len(data):
        return {}
    fields = {"ipv4_src": _int(data[12:16]), "ipv4_dst": _int(data[16:20])}
    fields |= _ip(data[1], data[8], data[9])
    if _int(data[6:8]) & 0x3FFF:
        return fields
    return fields | _layer4(data[9], data[header:total])


def _ip(traffic_class: int, ttl: int, protocol: int) -> Fields:
    return {"ip_dscp": traffic_class >> 2, "ip_ecn": traffic_class & 3, "nw_ttl": ttl, "ip_proto": protocol}


def _ipv6(data: bytes) -> Fields:
    length = _int(data[4:6])
    if len(data) < 40 + length:
        return {}
    fields = {"ipv6_src": _int(data[8:24]), "ipv6_dst": _int(data[24:40])}
    last = _behind_extensions(data[6], data[40 : 40 + length])
    if last is None:
        return fields
    protocol, fragment, rest = last
    fields |= _ip(_int(data[:2]) >> 4 & 0xFF, data[7], protocol)
    return fields if fragment else fields | _layer4(protocol, rest)


def _behind_extensions(protocol: int, data: bytes) -> tuple[int, bool, bytes] | None:
    """Walk extension headers (RFC 8200, 4): the last protocol, whether a fragment, the rest; None if cut off."""
    fragment = False
    while protocol in _EXTENSIONS:
        length = _EXTENSIONS[protocol](data[1]) if len(data) >= 8 else len(data) + 1
        if length > len(data):
            return None
        if protocol == _FRAGMENT:
            offset = _int(data[2:4])
            fragment = fragment or offset != 0
            if offset & 0xFFF8:
                return _FRAGMENT, True, b""
        protocol, data = data[0], data[length:]
    return protocol, fragment, data


def _eights(length: int) -> int:
    return (length + 1) * 8


_EXTENSIONS: Final[dict[int, Callable[[int], int]]] = {
    0: _eights,
    43: _eights,
    60: _eights,
    51: lambda length: (length + 2) * 4,
    _FRAGMENT: lambda _: 8,
}


def _layer4(protocol: int, data: bytes) -> Fields:
    if protocol == 6 and len(data) >= 20:
        flags = _int(data[12:14]) & 0xFFF
        return {"tcp_src": _int(data[:2]), "tcp_dst": _int(data[2:4]), "tcp_flags": flags}
    if protocol == 17 and len(data) >= 8:
        return {"udp_src": _int(data[:2]), "udp_dst": _int(data[2:4])}
    if protocol == 1 and len(data) >= 8:
        return {"icmpv4_type": data[0], "icmpv4_code": data[1]}
    if protocol == _ICMPV6 and len(data) >= 8:
        return {"icmpv6_type": data[0], "icmpv6_code": data[1], **_nd(data)}
    return {}


def _nd(data: bytes) -> Fields:
    """Neighbour solicitation and advertisement (RFC 4861, 4.3 and 4.4)."""
    if data[0] not in (135, 136) or data[1] != 0:
        return {}
    reserved = {"nd_reserved": _int(data[4:8])}
    if len(data) < 24:
        return reserved
    options = _nd_options(data[24:])
    return reserved if options is None else {**reserved, "ipv6_nd_target": _int(data[8:24]), **options}


_OPTION_FIELDS: Final = {1: "ipv6_nd_sll", 2: "ipv6_nd_tll"}


def _nd_options(data: bytes) -> Fields | None:
    """The link-layer addresses, and which came first; None where one comes twice."""
    found: Fields = {}
    while len(data) >= 8:
        kind, length = data[0], data[1] * 8
        if not 0 < length <= len(data):
            break
        if kind in _OPTION_FIELDS and length == 8:
            if found.get(_OPTION_FIELDS[kind]):
                return None
            found.setdefault("nd_options_type", kind)
            found[_OPTION_FIELDS[kind]] = _int(data[2:8])
        data = data[length:]
    return found


_LAYER3: Final[dict[int, Callable[[bytes], Fields]]] = {ARP: _arp, IPV4: _ipv4, IPV6: _ipv6}
