"""Frames of ARP, neighbour discovery and the like out of addresses as people write them."""

from __future__ import annotations

import struct
from ipaddress import IPv6Address, ip_address

from controller.rules.packet_build import build

BROADCAST = "ff:ff:ff:ff:ff:ff"
ALL_NODES = "ff02::1"
EXPERIMENTAL = 0x88B5
"""The ethertype for local experiments (IEEE 802)."""
_ARP, _IPV4, _IPV6 = 0x0806, 0x0800, 0x86DD
_ICMPV6, _UDP = 58, 17
_NONCE = b"\x0e\x01"


def number(text: str) -> int:
    """A MAC or an IP address as a field's value."""
    return int(text.replace(":", ""), 16) if text.count(":") == 5 and len(text) == 17 else int(ip_address(text))


def plain(source: str, target: str, payload: bytes) -> bytes:
    """A frame of no known protocol."""
    return build({"eth_src": number(source), "eth_dst": number(target), "eth_type": EXPERIMENTAL}, payload)


def with_tags(frame: bytes, *tags: int, outer_type: int = 0x8100) -> bytes:
    """The same with tags, the outer first, each all 16 bits of it."""
    types = (outer_type, *[0x8100] * (len(tags) - 1))
    return frame[:12] + b"".join(struct.pack("!HH", *tag) for tag in zip(types, tags, strict=True)) + frame[12:]


def tag_of(frame: bytes) -> int | None:
    """The VLAN number of a frame's outer tag; None where it has none."""
    kind, tag = struct.unpack_from("!HH", frame, 12)
    return tag & 0xFFF if kind in (0x8100, 0x88A8) else None


def arp(
    op: int,
    sha: str,
    spa: str,
    tpa: str,
    mark: bytes = b"",
    *,
    tha: str = "00:00:00:00:00:00",
    source: str | None = None,
    to: str = BROADCAST,
) -> bytes:
    """ARP (RFC 826); the frame's source is `sha` unless given; `mark` is padding behind it."""
    fields = {"arp_op": op, "arp_sha": number(sha), "arp_spa": number(spa), "arp_tha": number(tha)}
    ether = {"eth_type": _ARP, "eth_src": number(source or sha), "eth_dst": number(to)}
    return build({**ether, **fields, "arp_tpa": number(tpa)}, mark)


def nonce(mark: bytes) -> bytes:
    """A nonce option (RFC 3971, 5.3.2) of six bytes: a mark that a neighbour message may have; none for no mark."""
    return _NONCE + mark if mark else b""


def solicited_node(target: str) -> tuple[str, str]:
    """The multicast address at which an owner listens for questions (RFC 4291, 2.7.1), and its MAC."""
    low = int(IPv6Address(target)) & 0xFFFFFF
    address = IPv6Address((0xFF02 << 112) | 0x1FF000000 | low)
    return str(address), "33:33:ff:" + ":".join(f"{low >> shift & 0xFF:02x}" for shift in (16, 8, 0))


def solicitation(
    source: str, address: str, target: str, mark: bytes, *, sll: str | None = None, to: tuple[str, str] | None = None
) -> bytes:
    """A neighbour solicitation (RFC 4861, 4.3), multicast unless `to` gives address and MAC."""
    there, mac = to or solicited_node(target)
    fields = {"ipv6_nd_target": number(target), **({"ipv6_nd_sll": number(sll)} if sll else {})}
    return _neighbour(135, source, mac, address, there, fields, nonce(mark))


def advertisement(
    source: str,
    address: str,
    target: str,
    mark: bytes,
    *,
    tll: str | None = None,
    flags: int = 0x20000000,
    to: tuple[str, str] = (ALL_NODES, "33:33:00:00:00:01"),
) -> bytes:
    """A neighbour advertisement (RFC 4861, 4.4), to all nodes unless `to` gives address and MAC."""
    fields = {"ipv6_nd_target": number(target), "nd_reserved": flags}
    option = {"ipv6_nd_tll": number(tll)} if tll else {}
    return _neighbour(136, source, to[1], address, to[0], {**fields, **option}, nonce(mark))


def _neighbour(
    kind: int, source: str, mac: str, address: str, there: str, body: dict[str, int], options: bytes
) -> bytes:
    ether = {"eth_type": _IPV6, "eth_src": number(source), "eth_dst": number(mac), "ip_proto": _ICMPV6}
    ends = {"ipv6_src": number(address), "ipv6_dst": number(there), "icmpv6_type": kind}
    return build({**ether, **ends, **body}, options)


def datagram(macs: tuple[str, str], addresses: tuple[str, str], mark: bytes, ports: tuple[int, int] = (7, 7)) -> bytes:
    """UDP over IPv4 or IPv6, as the addresses are."""
    six = ":" in addresses[0]
    names = ("ipv6_src", "ipv6_dst") if six else ("ipv4_src", "ipv4_dst")
    ether = {"eth_src": number(macs[0]), "eth_dst": number(macs[1]), "eth_type": _IPV6 if six else _IPV4}
    ends = dict(zip(names, map(number, addresses), strict=True))
    return build({**ether, **ends, "ip_proto": _UDP, "udp_src": ports[0], "udp_dst": ports[1]}, mark)
