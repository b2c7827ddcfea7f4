"""Addresses: MAC addresses both ways, and which IP addresses a server can have."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from controller.model.addresses import mac_from_int, mac_to_int, parse_address, parse_mac, parse_subnet, reserved_in


@pytest.mark.parametrize(
    ("text", "number"),
    [("02:00:00:00:01:0a", 0x02000000010A), ("00:00:00:00:00:00", 0), ("ff:ff:ff:ff:ff:ff", 2**48 - 1)],
)
def test_a_mac_is_a_number_and_back(text: str, number: int) -> None:
    assert mac_to_int(text) == number
    assert mac_from_int(number) == text


@pytest.mark.parametrize("text", ["02:00:00:00:01:0A", "02-00-00-00-01-0a"])
def test_a_servers_mac_is_kept_in_lower_case_with_colons(text: str) -> None:
    assert parse_mac(text) == "02:00:00:00:01:0a"


@pytest.mark.parametrize(
    "text", ["", "02:00:00:00:01", "02:00:00:00:01:0g", "02:00:00:00:01-0a", "2:0:0:0:1:a", "0" * 12]
)
def test_what_is_no_mac_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a MAC address such as"):
        mac_to_int(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("01:00:5e:00:00:01", "multicast"),
        ("33:33:00:00:00:01", "multicast"),
        ("ff:ff:ff:ff:ff:ff", "broadcast"),
        ("00:00:00:00:00:00", "all zero"),
    ],
)
def test_a_server_has_a_mac_of_its_own(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=rf"found {text} \({why}\)"):
        parse_mac(text)


@pytest.mark.parametrize("text", ["10.1.0.11", "192.0.2.1", "fd00:2::11", "2001:db8::1"])
def test_an_ordinary_address_is_taken(text: str) -> None:
    assert parse_address(text) == ip_address(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("0.0.0.0", "unspecified"),
        ("::", "unspecified"),
        ("127.0.0.2", "loopback"),
        ("::1", "loopback"),
        ("255.255.255.255", "broadcast"),
        ("0.1.2.3", "of 0.0.0.0/8, 'this network'"),
        ("fd00::1%eth0", "with a zone"),
        ("::ffff:10.0.0.1", "IPv4 written as IPv6"),
    ],
)
def test_an_address_that_no_server_is_declared_with_is_refused_with_its_kind(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="expected a server's own IP address") as error:
        parse_address(text)
    assert str(error.value).endswith(f"found {text} ({why})")


@pytest.mark.parametrize("value", ["10.1.0", "10.1.0.11/24", "web1", "", 5, True, None, ["10.1.0.11"]])
def test_what_is_no_address_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="expected an IP address such as"):
        parse_address(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10.1.0.0", "with its prefix length"),
        ("10.1.0.9/24", r"did you mean 10\.1\.0\.0/24\?"),
        ("10.1.0.0/33", "expected a subnet such as"),
        ("0.0.0.0/0", "all addresses"),
        ("fe80::/64", "link-local"),
        ("127.0.0.0/8", "loopback"),
        ("ff00::/8", "multicast"),
    ],
)
def test_a_subnet_that_servers_cannot_live_in_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_subnet(text)


@pytest.mark.parametrize(
    ("subnet", "address", "reserved"),
    [
        ("10.1.0.0/24", "10.1.0.0", "network address"),
        ("10.1.0.0/24", "10.1.0.255", "broadcast address"),
        ("10.1.0.0/24", "10.1.0.1", None),
        ("10.1.0.0/31", "10.1.0.0", None),
        ("10.1.0.1/32", "10.1.0.1", None),
        ("fd00::/64", "fd00::", "subnet-router anycast address"),
        ("fd00::/64", "fd00::ffff:ffff:ffff:ffff", None),
        ("fd00::/127", "fd00::", None),
    ],
)
def test_the_addresses_of_a_subnet_that_no_host_has(subnet: str, address: str, reserved: str | None) -> None:
    assert reserved_in(ip_network(subnet), ip_address(address)) == reserved
