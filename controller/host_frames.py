"""Frames as a server would send them, from what is known of it and of whom it speaks to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeAlias
from zlib import crc32

from controller.model.identity import Server
from controller.rules.packet import ARP, IPV4, IPV6, Frame, build, parse

BROADCAST: Final = (1 << 48) - 1
LOCAL_EXPERIMENT: Final = 0x88B5
"""An ethertype for one's own use (IEEE 802): a frame that claims no address."""
UDP: Final = 17
ICMPV6: Final = 58
SOLICITATION: Final = 135
_SOLICITED_NODE: Final = 0xFF02 << 112 | 0x1FF << 24
"""RFC 4291, 2.7.1: with the lowest 24 bits of the address asked for."""
_ECHO_PORT: Final = 7

Address: TypeAlias = tuple[int, int]
"""A number and its IP version."""
Fields: TypeAlias = dict[str, int]


@dataclass(frozen=True, slots=True)
class Made:
    """A frame, as bytes and as rules see it."""

    data: bytes
    frame: Frame


def make(fields: Mapping[str, int], vlan: int | None = None) -> Made:
    """Make a frame of fields; `vlan` is the tag that its sender puts on."""
    data = build(fields, vlans=() if vlan is None else (vlan,))
    return Made(data, parse(data))


def mac_of(server: Server) -> int:
    """A server's MAC; one made of its name (locally administered) where it has not been heard yet."""
    return server.mac if server.mac is not None else 0x02BA << 32 | crc32(server.name.encode())


def link_local(mac: int) -> int:
    """The address that a host gives itself (RFC 4291, appendix A)."""
    return 0xFE80 << 112 | ((mac >> 24 << 40 | 0xFFFE << 24 | mac & 0xFFFFFF) ^ 1 << 57)


def group_mac(address: IPv4Address | IPv6Address) -> int | None:
    """Where a multicast or broadcast address is sent to (RFC 1112, 6.4; RFC 2464, 7); None for one host's."""
    number = int(address)
    if address == IPv4Address("255.255.255.255"):
        return BROADCAST
    if not address.is_multicast:
        return None
    return 0x01005E << 24 | number & 0x7FFFFF if address.version == 4 else 0x3333 << 32 | number & 0xFFFFFFFF


def address_of(server: Server, version: int) -> int | None:
    """A server's first address of an IP version."""
    return next((number for number, kind in server.addresses if kind == version), None)


def common_version(one: Server, other: Server) -> int | None:
    """The IP version in which two servers can speak, 4 first; None: in none."""
    return next((v for v in (4, 6) if None not in (address_of(one, v), address_of(other, v))), None)


def ip_fields(version: int, source: int, target: int) -> Fields:
    """An IP header."""
    return {"eth_type": IPV4 if version == 4 else IPV6, f"ipv{version}_src": source, f"ipv{version}_dst": target}


def unicast(sender: Server, target: Server) -> Made:
    """A datagram from one server to another, or a frame without addresses where they have none in common."""
    fields = {"eth_src": mac_of(sender), "eth_dst": mac_of(target), "eth_type": LOCAL_EXPERIMENT}
    version = common_version(sender, target)
    if version is not None:
        source, wanted = address_of(sender, version) or 0, address_of(target, version) or 0
        fields |= ip_fields(version, source, wanted)
        fields |= {"ip_proto": UDP, "udp_src": _ECHO_PORT, "udp_dst": _ECHO_PORT}
    return make(fields, sender.vlan)


def broadcast(sender: Server) -> Made:
    """A frame to all, which claims no address."""
    return make({"eth_src": mac_of(sender), "eth_dst": BROADCAST, "eth_type": LOCAL_EXPERIMENT}, sender.vlan)


def question(sender: Server, wanted: Address) -> Made:
    """Who has an address? ARP (RFC 826) or neighbour solicitation (RFC 4861, 4.3)."""
    return make(question_fields(sender, wanted), sender.vlan)


def question_fields(sender: Server, wanted: Address) -> Fields:
    """The fields of the question; a sender without an address asks as one that has none yet, or by its link-local."""
    number, version = wanted
    mac = mac_of(sender)
    source = address_of(sender, version)
    if version == 4:
        arp = {"arp_op": 1, "arp_sha": mac, "arp_spa": source or 0, "arp_tpa": number}
        return {"eth_src": mac, "eth_dst": BROADCAST, "eth_type": ARP, **arp}
    group = _SOLICITED_NODE | number & 0xFFFFFF
    nd = {"ip_proto": ICMPV6, "icmpv6_type": SOLICITATION, "ipv6_nd_target": number, "ipv6_nd_sll": mac}
    head = {"eth_src": mac, "eth_dst": 0x3333 << 32 | group & 0xFFFFFFFF}
    return {**head, **ip_fields(6, source if source is not None else link_local(mac), group), **nd}
