"""What a server's network card is set to: its MAC, addresses and routes, as the document has them.

The host at an uplink has a MAC alone: what it is beyond that, the document does not say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv6Interface, ip_interface

from controller.model.spec import Address, Document, SegmentSpec

CARD = "eth0"
"""A server's interface, in its own namespace."""

Interface = IPv4Interface | IPv6Interface


def mac_of(document: Document, name: str) -> str:
    """The declared MAC, else one made from the server's name, the same each time."""
    server = document.servers.get(name)
    if server and server.mac:
        return server.mac
    digest = hashlib.sha256(f"{document.fabric}/{name}".encode()).hexdigest()
    return "02:" + ":".join(digest[at : at + 2] for at in range(0, 10, 2))


def interfaces_of(document: Document, name: str) -> list[Interface]:
    """The server's addresses with their prefix lengths: their subnet's, or a single address where there is none."""
    server = document.servers.get(name)
    if server is None:
        return []
    segment = document.segments.get(server.segment, SegmentSpec())
    return [_interface(segment, address) for address in server.ip]


def _interface(segment: SegmentSpec, address: Address) -> Interface:
    lengths = [subnet.prefixlen for subnet in segment.subnet if address in subnet]
    return ip_interface(f"{address}/{lengths[0] if lengths else address.max_prefixlen}")


def config_lines(document: Document, name: str) -> Iterator[str]:
    """The `ip` commands that set the server's interface up; it is there already, and down."""
    interfaces = interfaces_of(document, name)
    yield "link set lo up"
    yield f"link set {CARD} address {mac_of(document, name)} up"
    for interface in interfaces:
        yield f"addr add {interface}{' nodad' if interface.version == 6 else ''} dev {CARD}"
    if interfaces:
        yield from _routes(document.segments.get(document.servers[name].segment, SegmentSpec()), interfaces)


def _routes(segment: SegmentSpec, interfaces: list[Interface]) -> Iterator[str]:
    gateways = {gateway.version: gateway for gateway in segment.gateway}
    for version in sorted({interface.version for interface in interfaces}):
        on_link = any(i.version == version and i.network.prefixlen == i.max_prefixlen for i in interfaces)
        everywhere = "::/0" if version == 6 else "0.0.0.0/0"
        if version in gateways:
            yield f"route add {everywhere} via {gateways[version]} dev {CARD}{' onlink' if on_link else ''}"
        elif on_link:  # no subnet: every neighbour is on the wire
            yield f"route add {everywhere} dev {CARD}"
