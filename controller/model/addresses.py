"""MAC and IP addresses: read, checked and turned into numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, TypeAlias

from controller.model.wording import describe, quoted

Address: TypeAlias = IPv4Address | IPv6Address
Subnet: TypeAlias = IPv4Network | IPv6Network

_MAC = re.compile(r"[0-9a-fA-F]{2}(?:([:-])[0-9a-fA-F]{2})(?:\1[0-9a-fA-F]{2}){4}")
_MAC_GROUP_BIT = 1 << 40


def mac_to_int(text: str) -> int:
    """The number of a MAC address; raises `ValueError` where the text is none."""
    if not _MAC.fullmatch(text):
        raise ValueError(f"expected a MAC address such as 02:00:00:00:01:01, found {describe(text)}")
    return int(re.sub("[:-]", "", text), 16)


def mac_from_int(number: int) -> str:
    """A MAC address as text: lower case, colons."""
    return ":".join(f"{byte:02x}" for byte in number.to_bytes(6, "big"))


def parse_mac(value: Any) -> str:
    """A server's MAC address, lower case with colons.

    Raises `ValueError` where it is none, a group address (IEEE 802: lowest bit of the first byte) or all zero.
    """
    if not isinstance(value, str):
        raise ValueError(f"expected a MAC address in quotes such as '02:00:00:00:01:01', found {describe(value)}")
    number = mac_to_int(value)
    if number == 0 or number & _MAC_GROUP_BIT:
        kind = "all zero" if number == 0 else "broadcast" if number == 2**48 - 1 else "multicast"
        raise ValueError(f"expected the MAC address of one server, found {value} ({kind})")
    return mac_from_int(number)


def parse_address(value: Any) -> Address:
    """A server's or gateway's IP address.

    Raises `ValueError` where it is none or none that one host can be declared with: link-local (such are
    determined), multicast, loopback, unspecified, broadcast (RFC 6890), or with a zone.
    """
    address: Address = _read(value, ip_address, "an IP address such as 10.1.0.11 or fd00:2::11")
    unfit = _unfit(address)
    if unfit:
        raise ValueError(f"expected a server's own IP address, found {value} ({unfit})")
    return address


def parse_subnet(value: Any) -> Subnet:
    """A segment's subnet; raises `ValueError` where it is none, has host bits set, or is none that hosts live in."""
    if isinstance(value, str) and "/" not in value:
        raise ValueError(f"expected a subnet with its prefix length such as 10.1.0.0/24, found {describe(value)}")
    subnet: Subnet = _read(
        value, lambda text: ip_network(text, strict=False), "a subnet such as 10.1.0.0/24 or fd00:2::/64"
    )
    if isinstance(value, str) and ip_address(value.partition("/")[0]) != subnet.network_address:
        raise ValueError(f"{quoted(value)} has bits set after its prefix; did you mean {subnet}?")
    unfit = "all addresses" if subnet.prefixlen == 0 else _unfit(subnet.network_address)
    if unfit:
        raise ValueError(f"expected a subnet that servers can live in, found {subnet} ({unfit})")
    return subnet


def reserved_in(subnet: Subnet, address: Address) -> str | None:
    """Why no host may have an address of its subnet: its network or broadcast address, else None.

    The first address of an IPv6 subnet is its routers' anycast address (RFC 4291, 2.6.1); a subnet of one or two
    addresses has none to spare (RFC 3021, RFC 6164).
    """
    if subnet.prefixlen >= subnet.max_prefixlen - 1:
        return None
    if address == subnet.network_address:
        return "network address" if subnet.version == 4 else "subnet-router anycast address"
    return "broadcast address" if subnet.version == 4 and address == subnet.broadcast_address else None


def _read(value: Any, read: Callable[[Any], Any], expected: str) -> Any:
    """Texts only: the library would take numbers for addresses too."""
    known = isinstance(value, (IPv4Address, IPv6Address, IPv4Network, IPv6Network))
    try:
        if not known and not isinstance(value, str):
            raise ValueError
        return read(value)
    except ValueError:
        raise ValueError(f"expected {expected}, found {describe(str(value) if known else value)}") from None


def _unfit(address: Address) -> str | None:
    """Why an address cannot be one host's."""
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return "with a zone"
        if address.ipv4_mapped is not None:
            return "IPv4 written as IPv6"
    elif address in IPv4Network("0.0.0.0/8") and not address.is_unspecified:
        return "of 0.0.0.0/8, 'this network'"
    elif int(address) == 2**32 - 1:
        return "broadcast"
    traits = ("unspecified", "loopback", "multicast", "link_local")
    return next((trait.replace("_", "-") for trait in traits if getattr(address, f"is_{trait}")), None)


def is_link_local(address: int, version: int) -> bool:
    """Whether it is an address that a host gives itself (RFC 4291, 2.5.6; RFC 3927)."""
    return (IPv6Address(address) if version == 6 else IPv4Address(address)).is_link_local
