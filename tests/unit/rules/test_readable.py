"""Rules and frames in words that a person can follow."""

from __future__ import annotations

import pytest

from controller.rules.packet import build, parse
from controller.rules.readable import (
    entry_text,
    field_value,
    frame_changes,
    frame_text,
    group_name,
    match_text,
    registers_text,
)
from controller.rules.rules import (
    IN_PORT,
    Action,
    DecTtl,
    FlowEntry,
    Move,
    Output,
    PopVlan,
    Resubmit,
    SetField,
    ToController,
    match,
)
from controller.rules.tables import MeterKind, Reg, Table, claimed, flood_group, link_group, meter_number


@pytest.mark.parametrize(
    ("tests", "text"),
    [
        (match(), "any packet"),
        (match(in_port=1, vlan_vid=0), "in_port=1 vlan_vid=none"),
        (match(vlan_vid=(0x1000, 0x1000)), "vlan_vid=any"),
        (match(vlan_vid=0x1000 | 7, eth_type=0x0806), "eth_type=arp vlan_vid=7"),
        (match(eth_dst=(1 << 40, 1 << 40)), "eth_dst=0x10000000000/0x10000000000"),
        (match(**{Reg.SEGMENT: 12, Reg.ADDRESS: claimed(0x0A000001, 4)}), "segment=12 address=10.0.0.1"),
        (match(ipv6_nd_target=0xFD << 120 | 1), "ipv6_nd_target=fd00::1"),
    ],
)
def test_a_match(tests: tuple[tuple[str, int, int], ...], text: str) -> None:
    assert match_text(tests) == text


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (Output(3), "output port 3"),
        (Output(IN_PORT), "output back where it came from"),
        (SetField(Reg.SEGMENT, 12), "set segment=12"),
        (Move("arp_sha", 0, "eth_src", 0, 48), "copy arp_sha to eth_src"),
        (Move(Reg.OWNER_MAC_HIGH, 0, "eth_src", 32, 16), "copy owner_mac_high[0..15] to eth_src[32..47]"),
        (Resubmit(Table.CLAIM), "look up again in claim"),
        (ToController(meter_number(MeterKind.LEARN, 4)), "copy to the controller through learn meter of port 4"),
        (PopVlan(), "pop a tag"),
        (DecTtl(), "decrement the TTL"),
    ],
)
def test_an_action(action: Action, text: str) -> None:
    assert entry_text(FlowEntry(0, 1, (), (action,))) == text


def test_an_entry_that_does_nothing_drops() -> None:
    assert entry_text(FlowEntry(0, 1, ())) == "drop"
    assert entry_text(FlowEntry(0, 1, (), (), Table.ANSWER, 65537)) == "through storm meter of port 1, go to answer"


def test_groups_are_named_by_what_they_are_for() -> None:
    assert group_name(link_group(21)) == "link group of port 21"
    assert group_name(flood_group(100, 0)) == "flood group of tree 100 from local ports"
    assert group_name(flood_group(100, 21)) == "flood group of tree 100 from trunk port 21"


def test_a_claimed_address_is_one_address_whatever_registers_hold_it() -> None:
    wide = claimed(0x0A000001, 4)
    registers = {f"reg{4 + part}": wide >> 32 * (3 - part) & 0xFFFFFFFF for part in range(4)}
    assert registers_text({**registers, Reg.SEGMENT: 5}) == {"segment": "5", "address": "10.0.0.1"}


def test_frames_in_a_line() -> None:
    macs = {"eth_src": 0x020000000001, "eth_dst": 0x020000000002}
    ip = {"eth_type": 0x0800, "ipv4_src": 0x0A000001, "ipv4_dst": 0x0A000002}
    tcp = {"ip_proto": 6, "tcp_src": 5, "tcp_dst": 80}
    text = frame_text(parse(build({**macs, **ip, **tcp}, vlans=(7,))))
    assert text == "02:00:00:00:00:01 > 02:00:00:00:00:02 vlan 7 ipv4 10.0.0.1 > 10.0.0.2 tcp 5 > 80"
    assert frame_text(parse(build({**macs, "eth_type": 0x88B5}))).endswith("type 0x88b5")


def test_what_changed_between_two_frames() -> None:
    macs = {"eth_src": 0x020000000001, "eth_dst": 0x020000000002, "eth_type": 0x88B5}
    one, other = parse(build(macs)), parse(build({**macs, "eth_dst": 3}, vlans=(7, 8)))
    assert frame_changes(one, other) == (
        "tags none become 7, 8",
        "eth_dst 02:00:00:00:00:02 becomes 00:00:00:00:00:03",
    )
    assert frame_changes(one, one) == ()


def test_values_in_their_notation() -> None:
    assert field_value("eth_src", 0x0200000000AB) == "02:00:00:00:00:ab"
    assert field_value("tcp_dst", 80) == "80"
