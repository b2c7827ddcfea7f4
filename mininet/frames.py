"""Ethernet frames with a UDP datagram, made by hand: what a server sends that does not ask its own kernel."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

_UDP = 17
_HOPS = 64


def udp_frame(macs: tuple[str, str], addresses: tuple[str, str], port: int, payload: bytes) -> bytes:
    """A frame from the first MAC and address to the second, IPv4 or IPv6 as the addresses are (RFC 768, 791, 8200)."""
    source, target = (ip_address(address) for address in addresses)
    datagram = _udp(source, target, port, payload)
    ether = _mac(macs[1]) + _mac(macs[0])
    if isinstance(source, IPv4Address):
        return ether + b"\x08\x00" + _ipv4(source, target, len(datagram)) + datagram
    return ether + b"\x86\xdd" + _ipv6(source, target, len(datagram)) + datagram


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _ipv4(source: IPv4Address, target: IPv4Address | IPv6Address, length: int) -> bytes:
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, _HOPS, _UDP, 0) + source.packed + target.packed
    return header[:10] + struct.pack("!H", _checksum(header)) + header[12:]


def _ipv6(source: IPv6Address, target: IPv4Address | IPv6Address, length: int) -> bytes:
    return struct.pack("!IHBB", 6 << 28, length, _UDP, _HOPS) + source.packed + target.packed


def _udp(source: IPv4Address | IPv6Address, target: IPv4Address | IPv6Address, port: int, payload: bytes) -> bytes:
    length = 8 + len(payload)
    pseudo = source.packed + target.packed + struct.pack("!IxxxB", length, _UDP)
    header = struct.pack("!HHH", port, port, length)
    total = _checksum(pseudo + header + b"\0\0" + payload) or 0xFFFF
    return header + struct.pack("!H", total) + payload


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
