"""Frames made of fields, with right lengths and checksums: for tests, traces and experiments."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from controller.rules.fields import VLAN_PRESENT

_TAG_TYPE: Final = 0x8100
_NO_NEXT_HEADER: Final = 59
_TTL: Final = 64
_ND_HOPS: Final = 255
"""Neighbour discovery is only heard with this hop limit (RFC 4861, 7.1)."""


def build(fields: Mapping[str, int], payload: bytes = b"", vlans: tuple[int, ...] = ()) -> bytes:
    """Make a frame of OXM fields (absent: 0) and a payload behind the last header that they name.

    `vlans` are the tags, the outer first, each a VLAN number (or all 16 bits of the tag); without them the
    frame is tagged as ``vlan_vid`` and ``vlan_pcp`` say.
    """
    eth_type = fields.get("eth_type", 0)
    tags = b"".join(struct.pack("!HH", _TAG_TYPE, tag & ~VLAN_PRESENT) for tag in vlans or _own_tag(fields))
    head = _mac(fields, "eth_dst") + _mac(fields, "eth_src") + tags + struct.pack("!H", eth_type)
    if eth_type == 0x0806:
        return head + _arp(fields) + payload
    if eth_type == 0x0800:
        return head + _ipv4(fields, payload)
    return head + (_ipv6(fields, payload) if eth_type == 0x86DD else payload)


def _own_tag(fields: Mapping[str, int]) -> tuple[int, ...]:
    vid = fields.get("vlan_vid", 0)
    return (fields.get("vlan_pcp", 0) << 13 | vid,) if vid else ()


def _bytes(fields: Mapping[str, int], name: str, size: int) -> bytes:
    return fields.get(name, 0).to_bytes(size, "big")


def _mac(fields: Mapping[str, int], name: str) -> bytes:
    return _bytes(fields, name, 6)


def _arp(fields: Mapping[str, int]) -> bytes:
    head = struct.pack("!HHBBH", 1, 0x0800, 6, 4, fields.get("arp_op", 0))
    sender = _mac(fields, "arp_sha") + _bytes(fields, "arp_spa", 4)
    return head + sender + _mac(fields, "arp_tha") + _bytes(fields, "arp_tpa", 4)


def _traffic_class(fields: Mapping[str, int]) -> int:
    return fields.get("ip_dscp", 0) << 2 | fields.get("ip_ecn", 0)


def _ipv4(fields: Mapping[str, int], payload: bytes) -> bytes:
    protocol = fields.get("ip_proto", _NO_NEXT_HEADER)
    addresses = _bytes(fields, "ipv4_src", 4) + _bytes(fields, "ipv4_dst", 4)
    body = _layer4(fields, protocol, addresses, payload)
    ttl = fields.get("nw_ttl", _TTL)
    start = struct.pack("!BBHHHBB", 0x45, _traffic_class(fields), 20 + len(body), 0, 0, ttl, protocol)
    return start + _checksum(start + addresses) + addresses + body


def _ipv6(fields: Mapping[str, int], payload: bytes) -> bytes:
    protocol = fields.get("ip_proto", _NO_NEXT_HEADER)
    addresses = _bytes(fields, "ipv6_src", 16) + _bytes(fields, "ipv6_dst", 16)
    body = _layer4(fields, protocol, addresses, payload)
    hops = fields.get("nw_ttl", _ND_HOPS if protocol == 58 else _TTL)
    first = 6 << 28 | _traffic_class(fields) << 20
    return struct.pack("!IHBB", first, len(body), protocol, hops) + addresses + body


def _layer4(fields: Mapping[str, int], protocol: int, addresses: bytes, payload: bytes) -> bytes:
    if protocol == 6:
        return _tcp(fields, addresses, payload)
    if protocol == 17:
        return _udp(fields, addresses, payload)
    if protocol == 1:
        head = bytes((fields.get("icmpv4_type", 0), fields.get("icmpv4_code", 0)))
        return _summed(head, b"\0" * 4 + payload, b"")
    return _icmpv6(fields, addresses, payload) if protocol == 58 else payload


def _tcp(fields: Mapping[str, int], addresses: bytes, payload: bytes) -> bytes:
    ports = struct.pack("!HH", fields.get("tcp_src", 0), fields.get("tcp_dst", 0))
    head = ports + struct.pack("!IIHH", 0, 0, 5 << 12 | fields.get("tcp_flags", 0), 0xFFFF)
    return _summed(head, b"\0\0" + payload, _pseudo(addresses, 6, 20 + len(payload)))


def _udp(fields: Mapping[str, int], addresses: bytes, payload: bytes) -> bytes:
    size = 8 + len(payload)
    head = struct.pack("!HHH", fields.get("udp_src", 0), fields.get("udp_dst", 0), size)
    datagram = _summed(head, payload, _pseudo(addresses, 17, size))
    return head + b"\xff\xff" + payload if datagram[6:8] == b"\0\0" else datagram


def _icmpv6(fields: Mapping[str, int], addresses: bytes, payload: bytes) -> bytes:
    kind = fields.get("icmpv6_type", 0)
    body = _nd(fields) + payload if kind in (135, 136) else b"\0" * 4 + payload
    head = bytes((kind, fields.get("icmpv6_code", 0)))
    return _summed(head, body, _pseudo(addresses, 58, len(body) + 4))


def _nd(fields: Mapping[str, int]) -> bytes:
    """A neighbour solicitation's or advertisement's body (RFC 4861, 4.3 and 4.4), with the options given."""
    body = _bytes(fields, "nd_reserved", 4) + _bytes(fields, "ipv6_nd_target", 16)
    for kind, name in ((1, "ipv6_nd_sll"), (2, "ipv6_nd_tll")):
        if name in fields:
            body += bytes((kind, 1)) + _mac(fields, name)
    return body


def _pseudo(addresses: bytes, protocol: int, length: int) -> bytes:
    """The pseudo-header; both versions' sum alike (RFC 793, 3.1; RFC 8200, 8.1)."""
    return addresses + struct.pack("!II", length, protocol)


def _summed(head: bytes, rest: bytes, pseudo: bytes) -> bytes:
    """Put the checksum of it all between `head` and `rest`."""
    return head + _checksum(pseudo + head + b"\0\0" + rest) + rest


def _checksum(data: bytes) -> bytes:
    """The Internet checksum (RFC 1071); `data` has zeros (or nothing, at an even place) in its stead."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)
