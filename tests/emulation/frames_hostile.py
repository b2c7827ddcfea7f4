"""A fuzzer: frames that begin like ARP, ND, LLDP, DHCP or VLAN stacks, and are cut, bent or stuffed. Seeded."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import TypeAlias

from controller.discovery.frames import build_probe
from controller.rules.packet_build import build
from tests.emulation.frames_made import (
    BROADCAST,
    advertisement,
    arp,
    datagram,
    number,
    plain,
    solicitation,
    with_tags,
)

Maker: TypeAlias = Callable[[random.Random, str], bytes]
_LONGEST = 1514
"""What a card of MTU 1500 sends at most, its header included."""
_TAG_TYPES = (0x8100, 0x88A8, 0x9100)
_ETHERTYPES = (0x0800, 0x0806, 0x86DD, 0x88CC, 0x8100, 0x88A8, 0x8847, 0x8035, 0x894F, 0x0000, 0x05DC, 0xFFFF)


def hostile(seed: int, count: int, mac: str) -> list[bytes]:
    """So many bad frames; most come from `mac`, so that they get past the first check, and some from anybody."""
    shaken = random.Random(seed)
    return [_one(shaken, mac if shaken.random() < 0.8 else _any_mac(shaken)) for _ in range(count)]


def _one(shaken: random.Random, mac: str) -> bytes:
    frame = shaken.choice(_MAKERS)(shaken, mac)
    spoil = shaken.choice(_SPOILERS)
    return spoil(shaken, frame)[:_LONGEST]


def _any_mac(shaken: random.Random) -> str:
    return shaken.randbytes(6).hex(":")


# What they are made of


def _arp(shaken: random.Random, mac: str) -> bytes:
    addresses = [f"10.1.0.{shaken.randrange(256)}" for _ in range(2)]
    return arp(shaken.choice((0, 1, 2, 3, 8, 0xFFFF)), mac, *addresses, b"", to=shaken.choice((BROADCAST, mac)))


def _arp_of_odd_sizes(shaken: random.Random, mac: str) -> bytes:
    frame = bytearray(_arp(shaken, mac))
    struct.pack_into("!HHBB", frame, 14, *(shaken.choice((0, 1, 6, 0x0800, 0xFF)) for _ in range(2)), 255, 0)
    return bytes(frame)


def _nd(shaken: random.Random, mac: str) -> bytes:
    source, target = (f"fd00:1::{shaken.randrange(1 << 16):x}" for _ in range(2))
    make = shaken.choice((solicitation, advertisement))
    return make(mac, shaken.choice((source, "::", "ff02::1")), target, shaken.randbytes(6))


def _nd_of_odd_options(shaken: random.Random, mac: str) -> bytes:
    """Options of length 0, and such that reach beyond the end (RFC 4861, 4.6)."""
    frame = _nd(shaken, mac)[: 14 + 40 + 24]
    return frame + bytes((shaken.choice((1, 2, 14)), shaken.choice((0, 1, 32, 255)))) + shaken.randbytes(6)


def _headers_without_end(shaken: random.Random, mac: str) -> bytes:
    """IPv6 extension headers that go on and on, fragments among them (RFC 8200, 4)."""
    frame = bytearray(datagram((mac, BROADCAST), ("fd00:1::1", "ff02::1"), b""))
    frame[20] = shaken.choice((0, 43, 44, 51, 60))
    chain = b"".join(bytes((shaken.choice((0, 43, 44, 51, 58, 60)), 0)) + shaken.randbytes(6) for _ in range(20))
    return bytes(frame[:54]) + chain


def _lldp(shaken: random.Random, mac: str) -> bytes:
    return build_probe(shaken.randbytes(32), shaken.randrange(1 << 64), shaken.randrange(1 << 32), 1, number(mac))


def _lldp_of_odd_lengths(shaken: random.Random, mac: str) -> bytes:
    tlvs = b"".join(struct.pack("!H", shaken.randrange(1 << 16)) + shaken.randbytes(3) for _ in range(9))
    return _lldp(shaken, mac)[:14] + tlvs


def _dhcp(shaken: random.Random, mac: str) -> bytes:
    ends = {"ipv4_src": 0, "ipv4_dst": 0xFFFFFFFF, "udp_src": 68, "udp_dst": 67, "ip_proto": 17}
    ether = {"eth_src": number(mac), "eth_dst": number(BROADCAST), "eth_type": 0x0800}
    return build(ether | ends, shaken.randbytes(shaken.randrange(300)))


def _ipv4_of_odd_lengths(shaken: random.Random, mac: str) -> bytes:
    frame = bytearray(datagram((mac, BROADCAST), ("10.1.0.1", "10.1.0.255"), shaken.randbytes(9)))
    frame[14] = shaken.randrange(256)
    struct.pack_into("!H", frame, 16, shaken.randrange(1 << 16))
    return bytes(frame)


def _tag_stack(shaken: random.Random, mac: str) -> bytes:
    tags = [shaken.randrange(1 << 16) for _ in range(shaken.randrange(1, 40))]
    return with_tags(shaken.choice(_PLAIN)(shaken, mac), *tags, outer_type=shaken.choice(_TAG_TYPES))


def _noise(shaken: random.Random, mac: str) -> bytes:
    kind = struct.pack("!H", shaken.choice(_ETHERTYPES))
    return plain(mac, BROADCAST, b"")[:12] + kind + shaken.randbytes(shaken.randrange(1500))


_PLAIN: tuple[Maker, ...] = (
    _arp,
    _arp_of_odd_sizes,
    _nd,
    _nd_of_odd_options,
    _headers_without_end,
    _lldp,
    _lldp_of_odd_lengths,
    _dhcp,
    _ipv4_of_odd_lengths,
    _noise,
)
_MAKERS: tuple[Maker, ...] = (*_PLAIN, _tag_stack)


# What is done to them


def _as_it_is(_shaken: random.Random, frame: bytes) -> bytes:
    return frame


def _cut(shaken: random.Random, frame: bytes) -> bytes:
    """To any length that a card can send: its header at least."""
    return frame[: shaken.randrange(14, len(frame) + 1)]


def _bent(shaken: random.Random, frame: bytes) -> bytes:
    bent = bytearray(frame)
    for _ in range(shaken.randrange(1, 8)):
        bent[shaken.randrange(12, len(bent))] = shaken.randrange(256)
    return bytes(bent)


def _stuffed(shaken: random.Random, frame: bytes) -> bytes:
    """As long as a frame can be."""
    return frame + shaken.randbytes(_LONGEST)


_SPOILERS = (_as_it_is, _cut, _cut, _bent, _bent, _stuffed)
