"""Frames to fields and back; bytes that are no frame do no harm."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.rules.fields import WIDTH
from controller.rules.packet import build, parse

MAC, OTHER = 0x020000000001, 0x020000000002
BASE = {"eth_src": MAC, "eth_dst": OTHER}
ARP = {
    **BASE,
    "eth_type": 0x0806,
    "arp_op": 1,
    "arp_sha": MAC,
    "arp_spa": 0x0A000001,
    "arp_tha": 0,
    "arp_tpa": 0x0A000002,
}
IPV4 = {**BASE, "eth_type": 0x0800, "ipv4_src": 0x0A000001, "ipv4_dst": 0x0A000002, "ip_dscp": 46, "ip_ecn": 1}
IPV6 = {
    **BASE,
    "eth_type": 0x86DD,
    "ipv6_src": 0xFD << 120 | 1,
    "ipv6_dst": 0xFD << 120 | 2,
    "ip_dscp": 10,
    "ip_ecn": 2,
}
UDP = {"ip_proto": 17, "udp_src": 68, "udp_dst": 67}
TCP = {"ip_proto": 6, "tcp_src": 80, "tcp_dst": 1024, "tcp_flags": 0x12}
ND = {"ip_proto": 58, "icmpv6_type": 135, "icmpv6_code": 0, "ipv6_nd_target": 0xFD << 120 | 2, "nd_reserved": 0}
SOLICITATION = {**IPV6, **ND, "ipv6_nd_sll": MAC, "nd_options_type": 1}
ADVERTISEMENT = {**IPV6, **ND, "icmpv6_type": 136, "nd_reserved": 0x60000000, "ipv6_nd_tll": MAC, "nd_options_type": 2}
FRAMES = {
    "arp": ARP,
    "udp": IPV4 | UDP,
    "tcp": IPV4 | TCP,
    "icmp": IPV4 | {"ip_proto": 1, "icmpv4_type": 8, "icmpv4_code": 0},
    "udp over ipv6": IPV6 | UDP,
    "tcp over ipv6": IPV6 | TCP,
    "solicitation": SOLICITATION,
    "advertisement": ADVERTISEMENT,
    "unknown type": BASE | {"eth_type": 0x9000},
}
EXTENSION = {0: b"\0" * 7, 43: b"\0" * 7, 60: b"\x01" + b"\0" * 14, 51: b"\x01" + b"\0" * 10}


def _sum(data: bytes) -> int:
    words: tuple[int, ...] = struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2))
    return sum(words) % 0xFFFF


@pytest.mark.parametrize("fields", FRAMES.values(), ids=FRAMES)
def test_what_is_built_is_read_again(fields: dict[str, int]) -> None:
    read = parse(build(fields, b"payload")).fields
    assert {name: read[name] for name in fields} == fields


@pytest.mark.parametrize("fields", FRAMES.values(), ids=FRAMES)
def test_all_names_are_those_that_rules_use(fields: dict[str, int]) -> None:
    assert parse(build(fields)).fields.keys() <= {*WIDTH, "nw_ttl"}


@pytest.mark.parametrize("fields", [IPV4 | UDP, IPV4 | TCP, IPV6 | UDP, IPV6 | TCP, SOLICITATION])
@pytest.mark.parametrize("payload", [b"", b"odd", b"even"])
def test_checksums_are_right(fields: dict[str, int], payload: bytes) -> None:
    packet = build(fields, payload)[14:]
    version4 = fields["eth_type"] == 0x0800
    start, addresses = (20, packet[12:20]) if version4 else (40, packet[8:40])
    pseudo = addresses + struct.pack("!II", len(packet) - start, fields["ip_proto"])
    assert _sum(pseudo + packet[start:]) == 0
    assert not version4 or _sum(packet[:20]) == 0


def test_tags_are_told_from_the_outer_to_the_inner() -> None:
    frame = parse(build(ARP, vlans=(5 << 13 | 100, 200)))
    assert (frame.fields["vlan_vid"], frame.fields["vlan_pcp"]) == (0x1000 | 100, 5)
    assert [tag & 0xFFF for tag in frame.vlans] == [100, 200]
    assert frame.fields["eth_type"] == 0x0806
    assert frame.fields["arp_tpa"] == ARP["arp_tpa"]


def test_a_frame_without_a_tag_says_so() -> None:
    frame = parse(build(ARP))
    assert frame.fields["vlan_vid"] == 0
    assert frame.vlans == ()


def test_a_third_tag_is_the_payload() -> None:
    assert parse(build(ARP, vlans=(1, 2, 3))).fields["eth_type"] == 0x8100


def test_a_tag_is_built_from_the_fields_that_tell_of_it() -> None:
    assert parse(build({**ARP, "vlan_vid": 0x1000 | 7, "vlan_pcp": 3})).fields["vlan_vid"] == 0x1000 | 7


def test_a_truncated_arp_has_no_arp_fields() -> None:
    fields = parse(build(ARP)[:40]).fields
    assert fields["eth_type"] == 0x0806
    assert not [name for name in fields if name.startswith("arp_")]


@pytest.mark.parametrize("offset", [b"\x20\x00", b"\x00\x10"], ids=["first", "later"])
def test_fragments_have_no_ports(offset: bytes) -> None:
    whole = build(IPV4 | UDP, b"payload")
    fields = parse(whole[:20] + offset + whole[22:]).fields
    assert fields["ipv4_src"] == IPV4["ipv4_src"]
    assert "udp_src" not in fields


@pytest.mark.parametrize("kind", EXTENSION)
def test_extension_headers_are_walked(kind: int) -> None:
    udp = build(IPV6 | UDP)[54:]
    fields = parse(build(IPV6 | {"ip_proto": kind}, bytes((17,)) + EXTENSION[kind] + udp)).fields
    assert (fields["ip_proto"], fields["udp_dst"]) == (17, 67)


def test_an_extension_header_that_is_longer_than_the_packet_hides_the_rest() -> None:
    fields = parse(build(IPV6 | {"ip_proto": 0}, b"\x11\xff" + b"\0" * 6)).fields
    assert "ip_proto" not in fields
    assert fields["ipv6_src"] == IPV6["ipv6_src"]


def test_a_link_layer_address_given_twice_spoils_the_solicitation() -> None:
    fields = parse(build(SOLICITATION, b"\x01\x01\x02\0\0\0\0\x09")).fields
    assert not {"ipv6_nd_target", "ipv6_nd_sll"} & fields.keys()


def test_a_solicitation_may_have_no_option() -> None:
    without = {name: value for name, value in SOLICITATION.items() if name not in ("ipv6_nd_sll", "nd_options_type")}
    fields = parse(build(without)).fields
    assert fields["ipv6_nd_target"] == SOLICITATION["ipv6_nd_target"]
    assert not {"ipv6_nd_sll", "nd_options_type"} & fields.keys()


@given(st.binary(max_size=200))
def test_random_bytes_are_read_without_harm(data: bytes) -> None:
    assert parse(data).fields.keys() <= {*WIDTH, "nw_ttl"}


@given(
    st.sampled_from(list(FRAMES.values())),
    st.lists(st.integers(0, 4095), max_size=3),
    st.integers(0, 120),
    st.lists(st.tuples(st.integers(0, 119), st.integers(0, 255)), max_size=6),
)
def test_frames_cut_and_garbled_are_read_without_harm(
    fields: dict[str, int], vlans: list[int], size: int, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(build(fields, bytes(40), tuple(vlans)))
    for place, value in changes:
        data[place % len(data)] = value
    read = parse(bytes(data[:size])).fields
    assert all(0 <= value < 1 << WIDTH.get(name, 8) for name, value in read.items())
