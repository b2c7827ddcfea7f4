"""Fields on the wire: OpenFlow extensible match TLVs (OpenFlow 1.3.5, 7.2.3) and Open vSwitch's additions.

A TLV is a header (class, field, whether there is a mask, length), an experimenter's id for some, the value
and the mask. Open vSwitch 3.1 decides which class a field has where OpenFlow 1.3 has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from controller.rules.fields import WIDTH
from controller.rules.rules import EXACT, Match
from controller.rules.tables import Reg

_NXM_0, _NXM_1, _ERICSSON, _STANDARD, _EXPERIMENTER = 0x0000, 0x0001, 0x1000, 0x8000, 0xFFFF
_ONF: Final = 0x4F4E4600
_UNKNOWN: Final = "field 0x"
"""A field that we do not know is named by its header."""

_STANDARD_FIELDS: Final = {
    "in_port": 0,
    "metadata": 2,
    "eth_dst": 3,
    "eth_src": 4,
    "eth_type": 5,
    "vlan_vid": 6,
    "vlan_pcp": 7,
    "ip_dscp": 8,
    "ip_ecn": 9,
    "ip_proto": 10,
    "ipv4_src": 11,
    "ipv4_dst": 12,
    "tcp_src": 13,
    "tcp_dst": 14,
    "udp_src": 15,
    "udp_dst": 16,
    "icmpv4_type": 19,
    "icmpv4_code": 20,
    "arp_op": 21,
    "arp_spa": 22,
    "arp_tpa": 23,
    "arp_sha": 24,
    "arp_tha": 25,
    "ipv6_src": 26,
    "ipv6_dst": 27,
    "icmpv6_type": 29,
    "icmpv6_code": 30,
    "ipv6_nd_target": 31,
    "ipv6_nd_sll": 32,
    "ipv6_nd_tll": 33,
}
_TCP_FLAGS: Final = 42
_FIRST_XXREG: Final = 111

# Open vSwitch names the fields of a move or a load by their older (NXM) headers when it reports them.
_OLDER: Final = {
    "eth_dst": (_NXM_0, 1),
    "eth_src": (_NXM_0, 2),
    "eth_type": (_NXM_0, 3),
    "ip_proto": (_NXM_0, 6),
    "ipv4_src": (_NXM_0, 7),
    "ipv4_dst": (_NXM_0, 8),
    "tcp_src": (_NXM_0, 9),
    "tcp_dst": (_NXM_0, 10),
    "udp_src": (_NXM_0, 11),
    "udp_dst": (_NXM_0, 12),
    "icmpv4_type": (_NXM_0, 13),
    "icmpv4_code": (_NXM_0, 14),
    "arp_op": (_NXM_0, 15),
    "arp_spa": (_NXM_0, 16),
    "arp_tpa": (_NXM_0, 17),
    "arp_sha": (_NXM_1, 17),
    "arp_tha": (_NXM_1, 18),
    "ipv6_src": (_NXM_1, 19),
    "ipv6_dst": (_NXM_1, 20),
    "icmpv6_type": (_NXM_1, 21),
    "icmpv6_code": (_NXM_1, 22),
    "ipv6_nd_target": (_NXM_1, 23),
    "ipv6_nd_sll": (_NXM_1, 24),
    "ipv6_nd_tll": (_NXM_1, 25),
}
_SIZE: Final = {**{name: (bits + 7) // 8 for name, bits in WIDTH.items()}, "metadata": 8}
_FULL: Final = {**{name: (1 << bits) - 1 for name, bits in WIDTH.items()}, "metadata": (1 << 64) - 1}


class _Known(NamedTuple):
    name: str
    size: int
    masked: bool
    experimenter: int


def _places() -> Iterator[tuple[str, int, int]]:
    """Every field with its class and its number in it, the one to send first."""
    for name, number in _STANDARD_FIELDS.items():
        yield name, _STANDARD, number
    for number in range(16):
        yield f"reg{number}", _NXM_1, number
    for number in range(4):
        yield f"xxreg{number}", _NXM_1, _FIRST_XXREG + number
    yield "nd_reserved", _ERICSSON, 1
    yield "nd_options_type", _ERICSSON, 2
    yield "tcp_flags", _EXPERIMENTER, _TCP_FLAGS
    for name, (oxm_class, number) in _OLDER.items():
        yield name, oxm_class, number


def _head(name: str, oxm_class: int, number: int, masked: bool) -> bytes:
    experimenter = _ONF.to_bytes(4, "big") if oxm_class == _EXPERIMENTER else b""
    length = len(experimenter) + _SIZE[name] * (1 + masked)
    return (oxm_class << 16 | number << 9 | masked << 8 | length).to_bytes(4, "big") + experimenter


_HEADS: Final[dict[tuple[str, bool], bytes]] = {}
_KNOWN: Final[dict[bytes, _Known]] = {}
for _name, _class, _number in _places():
    for _masked in (False, True):
        _bytes = _head(_name, _class, _number, _masked)
        _HEADS.setdefault((_name, _masked), _bytes)
        _KNOWN[_bytes] = _Known(_name, _SIZE[_name], _masked, len(_bytes) - 4)

_RANKS: Final = {name: rank for rank, (name, _) in enumerate(_HEADS)}
_PARTS: Final = {
    f"reg{4 * int(whole[5:]) + part}": (whole, 32 * (3 - part))
    for whole in vars(Reg).values()
    if isinstance(whole, str) and whole.startswith("xxreg")
    for part in range(4)
}


def _unknown(name: str) -> bytes | None:
    """The header in the name of a field that we do not know, as `read` gives it."""
    return bytes.fromhex(name[len(_UNKNOWN) :]) if name.startswith(_UNKNOWN) else None


def head(name: str, masked: bool = False) -> bytes:
    """The header of a field; raises `ValueError` for a name that has none."""
    found = _HEADS.get((name, masked))
    if found is None:
        raise ValueError(f"field {name!r} is not known on the wire")
    return found


def size(name: str) -> int:
    """The length of a field's value, bytes."""
    unknown = _unknown(name)
    return _SIZE[name] if unknown is None else unknown[3]


def rank(name: str) -> int:
    """A field's place in a match: after the fields that it needs (OpenFlow 1.3.5, 7.2.3.8).

    Raises `ValueError` for a part of a wide register: what is installed is read back as the whole.
    """
    if name in _PARTS:
        raise ValueError(f"match on {name}: it is a part of {_PARTS[name][0]}, expected the whole")
    return _RANKS.get(name, len(_RANKS))


def tlv(name: str, value: int, mask: int = EXACT) -> bytes:
    """A whole field test or assignment; one that we do not know, as it was read, so that others' rules can go."""
    unknown = _unknown(name)
    length = _SIZE.get(name, 0) if unknown is None else unknown[3]
    try:
        if unknown is not None:
            return unknown + value.to_bytes(length, "big")
        if mask == EXACT:
            return head(name) + value.to_bytes(length, "big")
        return head(name, True) + value.to_bytes(length, "big") + mask.to_bytes(length, "big")
    except OverflowError:
        raise ValueError(f"{name}={value:#x}: expected {length} bytes") from None


def name_of(buffer: bytes, at: int) -> tuple[str, int]:
    """The field whose header is at a place, and the header's length; one we do not know is named by number."""
    long = 8 if buffer[at : at + 2] == b"\xff\xff" else 4
    known = _KNOWN.get(buffer[at : at + long])
    return (known.name if known else f"{_UNKNOWN}{buffer[at : at + long].hex()}"), long


def read(buffer: bytes, at: int, end: int) -> Iterator[tuple[str, int, int]]:
    """All TLVs between two places; a field that we do not know is named by its header's number."""
    number = int.from_bytes
    while at + 4 <= end:
        start, at = at + 4, at + 4 + buffer[at + 3]
        known = _KNOWN.get(buffer[start - 4 : start]) or _KNOWN.get(buffer[start - 4 : start + 4])
        if known is None:
            yield f"{_UNKNOWN}{buffer[start - 4 : start].hex()}", number(buffer[start:at], "big"), EXACT
            continue
        name, length, masked, experimenter = known
        start += experimenter
        value = number(buffer[start : start + length], "big")
        mask = number(buffer[start + length : at], "big") if masked else EXACT
        yield name, value, EXACT if mask == _FULL[name] else mask


def read_match(buffer: bytes, at: int) -> tuple[Match, int]:
    """The match at a place, as rules write it, and where the padding after it ends (OpenFlow 1.3.5, 7.2.3.1)."""
    length = int.from_bytes(buffer[at + 2 : at + 4], "big")
    fields = sorted(read(buffer, at + 4, at + length))
    if any(field[0] in _PARTS for field in fields):
        fields = _whole(fields)
    return tuple(fields), at + (length + 7) // 8 * 8


def _whole(fields: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Open vSwitch reports a wide register as its four parts (OpenFlow 1.3); put them together."""
    kept = [field for field in fields if field[0] not in _PARTS]
    wide: dict[str, tuple[int, int]] = {}
    for name, value, mask in fields:
        if name in _PARTS:
            whole, shift = _PARTS[name]
            before = wide.get(whole, (0, 0))
            wide[whole] = before[0] | value << shift, before[1] | (mask & _FULL[name]) << shift
    kept += [(name, value, EXACT if mask == _FULL[name] else mask) for name, (value, mask) in wide.items()]
    return sorted(kept)
