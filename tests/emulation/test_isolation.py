"""Segments do not hear each other, whatever a server puts into its frames; a trunk takes labelled frames alone."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from lab import Lab

from tests.emulation.frames_made import (
    BROADCAST,
    advertisement,
    arp,
    datagram,
    plain,
    solicitation,
    tag_of,
    with_tags,
)
from tests.emulation.frames_wire import Card, Wires, token, wired
from tests.waiting import wait_until

DOCUMENT = """
fabric: apart
segments:
  red:  {subnet: [10.1.0.0/24, "fd00:1::/64"], gateway: 10.1.0.254}
  blue: {subnet: [10.2.0.0/24, "fd00:2::/64"], gateway: 10.2.0.254}
platforms:
  one:
    dpid: 1
    servers:
      red1: {port: 1, segment: red, ip: [10.1.0.1, "fd00:1::1"], mac: "02:00:00:00:01:01"}
      blue1: {port: 2, segment: blue, ip: [10.2.0.1, "fd00:2::1"], mac: "02:00:00:00:01:02"}
      red3: {port: 3, segment: red, ip: [10.1.0.3, "fd00:1::3"], mac: "02:00:00:00:01:03", vlan: 100}
      blue3: {port: 3, segment: blue, ip: [10.2.0.3, "fd00:2::3"], mac: "02:00:00:00:01:03", vlan: 200}
    trunks: {east: {port: 20}}
  two:
    dpid: 2
    servers:
      red2: {port: 1, segment: red, ip: [10.1.0.2, "fd00:1::2"], mac: "02:00:00:00:02:01"}
      blue2: {port: 2, segment: blue, ip: [10.2.0.2, "fd00:2::2"], mac: "02:00:00:00:02:02"}
    trunks: {west: {port: 20}}
links:
  - [one.east, two.west]
"""
LINK = "one.east--two.west"
RED1, BLUE1, BLUE2 = "02:00:00:00:01:01", "02:00:00:00:01:02", "02:00:00:00:02:02"
COUNTED_S = 25.0
"""Counters are read every 10 s."""
LINK_FRAMES = (0x88CC, 0x0800)
"""What may be on a trunk without a label: discovery (LLDP), and BFD, which is IPv4 to the MAC of its own."""
BFD_MAC = bytes.fromhex("002320000001")


@pytest.fixture(scope="module")
def wires() -> Iterator[Wires]:
    with Lab(DOCUMENT) as lab, wired(lab) as built:
        yield built


def inject(interface: str, frames: list[bytes]) -> None:
    """Send out of an interface of this machine: they come in at the other end of its cable."""
    with contextlib.closing(Card(interface)) as card:
        card.send(*frames)


# From one segment to the other


def forged_by_mac(mark: bytes) -> list[bytes]:
    """As a server sends that has the other segment's servers in its neighbour tables."""
    return [
        frame
        for mac, host in ((BLUE1, 1), (BLUE2, 2))
        for frame in (
            plain(RED1, mac, mark),
            datagram((RED1, mac), ("10.1.0.1", f"10.2.0.{host}"), mark),
            datagram((RED1, mac), ("fd00:1::1", f"fd00:2::{host}"), mark),
            arp(1, RED1, "10.1.0.1", f"10.2.0.{host}", mark, to=mac),
            solicitation(RED1, "fd00:1::1", f"fd00:2::{host}", mark, to=(f"fd00:2::{host}", mac)),
        )
    ]


def forged_questions(mark: bytes) -> list[bytes]:
    """It asks for them, and tells the other segment of itself."""
    return [
        frame
        for host in (1, 2)
        for frame in (
            arp(1, RED1, "10.1.0.1", f"10.2.0.{host}", mark),
            arp(2, RED1, "10.1.0.1", f"10.2.0.{host}", mark),
            solicitation(RED1, "fd00:1::1", f"fd00:2::{host}", mark, sll=RED1),
            advertisement(RED1, "fd00:1::1", "fd00:1::1", mark, tll=RED1),
        )
    ]


@pytest.mark.parametrize("forged", [forged_by_mac, forged_questions])
def test_a_forged_mac_or_a_question_does_not_cross(wires: Wires, forged: Any) -> None:
    mark = token()
    assert not {name for name in wires.copies("red1", mark, *forged(mark)) if name.startswith("blue")}


def test_nobody_is_told_the_mac_of_another_segments_server(wires: Wires) -> None:
    mark = token()
    assert "red1" not in wires.copies("red1", mark, *forged_questions(mark))


@pytest.mark.parametrize("address", ["10.2.0.2", "fd00:2::2"])
def test_a_forged_neighbour_entry_and_route_do_not_cross(wires: Wires, address: str) -> None:
    host, blue2 = wires.lab.host("red1"), wires.servers["blue2"]
    before = len(blue2.look())
    host.cmd(f"ip route add {address} dev eth0; ip neigh replace {address} lladdr {BLUE2} dev eth0")
    assert " 0 received" in host.cmd(f"ping -c2 -i0.1 -W0.5 {address}")
    host.cmd(f"ip route del {address} dev eth0; ip neigh del {address} dev eth0")
    assert not [frame for frame in blue2.look()[before:] if bytes.fromhex(RED1.replace(":", "")) in frame]


def test_no_tag_of_all_opens_a_way(wires: Wires) -> None:
    """All labels that there may be, and priority tags: to a server of the other segment and to everyone."""
    mark = token()
    for target in (BLUE1, BLUE2, BROADCAST):
        wires.pour("red1", [with_tags(plain(RED1, target, mark), tag) for tag in (*range(4096), 0x2000)])
    assert wires.copies("red1", mark) == {}
    assert wires.on_trunks(mark) == {}


def labels(lab: Lab) -> set[int]:
    """The labels of segments, and those seen on trunks, tree labels among them."""
    return {lab.api(f"/segments/{name}")["status"]["label"] for name in ("red", "blue")}


def labels_in_use(wires: Wires) -> set[int]:
    wires.settle()  # broadcasts in both segments
    seen = {tag_of(frame) for card in wires.trunks.values() for frame in card.look()}
    return labels(wires.lab) | {tag for tag in seen if tag is not None}


@pytest.mark.parametrize("outer_type", [0x8100, 0x88A8, 0x9100])
def test_no_pair_of_tags_opens_a_way(wires: Wires, outer_type: int) -> None:
    mark, tags = token(), (*sorted(labels_in_use(wires)), 0, 100, 200, 4095)
    assert len(tags) >= 8  # two segments and their trees
    frames = [
        with_tags(plain(RED1, target, mark), outer, inner, outer_type=outer_type)
        for target in (BLUE1, BLUE2, BROADCAST)
        for outer in tags
        for inner in tags
    ]
    reached = wires.copies("red1", mark, *frames)
    assert not {name for name in reached if name.startswith("blue")}
    assert outer_type == 0x9100 or not reached  # 0x9100 is no tag to a switch, but a protocol like any other


def test_a_tagged_servers_second_tag_leads_out_of_no_segment(wires: Wires) -> None:
    """From a port where tags are of use. (Within its segment such a frame may arrive: a cache entry of Open vSwitch
    for frames with one tag takes those with two as well, openvswitch/ovs-issues#356.)"""
    mark, mac, port = token(), wires.mac("red3"), wires.lab.wiring.splitters["one", 3].port_name(1)
    inner = (*sorted(labels_in_use(wires)), 100, 200)
    frames = [with_tags(plain(mac, to, mark), 100, tag) for to in (BLUE1, BLUE2, BROADCAST) for tag in inner]
    inject(port, frames)
    wires.settle()
    assert wires.got(mark).keys() <= {"red1", "red2"}


def test_servers_that_share_a_port_are_apart_by_their_tags(wires: Wires) -> None:
    mark = token()
    frame = plain(wires.mac("red3"), BROADCAST, mark)
    assert wires.copies("red3", mark, frame) == Counter({"red1": 1, "red2": 1})


# Trunks


def test_every_frame_on_a_trunk_has_a_label(wires: Wires) -> None:
    mark = token()
    for source, target in (("red1", "red2"), ("blue2", "blue1"), ("red2", "red3")):
        for to in (wires.mac(target), BROADCAST):
            wires.copies(source, mark, plain(wires.mac(source), to, mark))
    assert sum(wires.on_trunks(mark).values()) == 6
    bare = [frame for card in wires.trunks.values() for frame in card.look() if tag_of(frame) is None]
    assert all(frame[12:14] == b"\x88\xcc" or frame[:6] == BFD_MAC for frame in bare)
    known = labels_in_use(wires)
    assert {tag_of(frame) for card in wires.trunks.values() for frame in card.having(mark)} <= known


def dropped(lab: Lab, cause: str) -> int:
    return int(lab.api("/platforms/two")["status"]["dropped"].get(cause, 0))


def test_a_frame_without_a_label_on_a_trunk_is_dropped_and_counted(wires: Wires) -> None:
    mark, lab = token(), wires.lab
    interface = lab.wiring.cables[LINK].intf1.name  # out of one's end, into two
    unused = next(tag for tag in range(1, 4095) if tag not in labels_in_use(wires))
    frames = [
        plain(RED1, BROADCAST, mark),
        plain(RED1, "02:00:00:00:02:01", mark),
        arp(1, RED1, "10.1.0.1", "10.1.0.2", mark),
        datagram((RED1, "02:00:00:00:02:01"), ("10.1.0.1", "10.1.0.2"), mark),
        with_tags(plain(RED1, BROADCAST, mark), 0),
        with_tags(plain(RED1, BROADCAST, mark), unused),
        with_tags(plain(RED1, BROADCAST, mark), unused, 1),
    ]
    expected = dropped(lab, "no_label") + 100 * len(frames)
    for _ in range(10):
        inject(interface, frames * 10)
        wires.settle()
    assert wires.got(mark) == {}
    wait_until(lambda: dropped(lab, "no_label") >= expected, COUNTED_S, "the drops were not counted")
