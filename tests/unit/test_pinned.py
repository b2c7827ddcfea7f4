"""Where packets of a reservation go: which they are, over which links, in which class."""

from __future__ import annotations

from typing import Any

import pytest

from controller.learning import Heard
from controller.model.topology import End
from controller.rules.rules import FlowEntry
from controller.rules.tables import BYPASS_LABELS, Class, MeterKind, Reason, meter_number
from tests.unit.reserved import (
    BEYOND,
    TCP,
    UDP,
    Asked,
    Reserved,
    asks,
    document,
    frame,
    home,
    link,
    way,
)
from tests.unit.square import (
    BROADCAST,
    GROUP,
    ISP,
    LOWER,
    SQUARE,
    UPPER,
    meter_of,
    on_square,
    pinned_by,
    send,
    tags,
    udp,
)

# Its own path


def test_it_goes_by_its_links_though_others_are_as_good() -> None:
    fabric = Reserved(on_square(one=asks("a1>d1", 60)))
    expected = ["p1", "p2", "p4"] if fabric.links("one") == UPPER else ["p1", "p3", "p4"]
    assert [way(udp(fabric, "a1", "d1", choice=choice)) for choice in range(2)] == [expected] * 2
    assert udp(fabric, "a1", "d1").reached == {home("d1")}


def test_all_else_is_spread_over_all_equal_ways() -> None:
    fabric = Reserved(on_square(one=asks("a1>d1", 60)))
    found = {tuple(way(udp(fabric, "a2", "d1", choice=choice))) for choice in range(2)}
    assert found == {("p1", "p2", "p4"), ("p1", "p3", "p4")}


def test_two_of_the_same_ends_go_where_there_is_room_for_each() -> None:
    asked = {"bulk": asks("a1>d1", 60, match={"udp_dst": 1}), "other": asks("a1>d1", 60, match={"udp_dst": 2})}
    fabric = Reserved(on_square(**asked))
    paths = [way(send(fabric, frame("a1", "d1", udp_dst=port), "a1")) for port in (1, 2)]
    assert {fabric.links(name) for name in asked} == {UPPER, LOWER}
    assert sorted(paths) == [["p1", "p2", "p4"], ["p1", "p3", "p4"]]


def test_the_way_back_of_both_is_the_same_links() -> None:
    fabric = Reserved(on_square(one=asks("a1=d1", 60)))
    there, back = udp(fabric, "a1", "d1"), udp(fabric, "d1", "a1")
    assert way(back) == way(there)[::-1]
    assert [pinned_by(there), pinned_by(back)] == fabric.labels("one")


def test_the_way_back_of_one_way_is_not_reserved() -> None:
    fabric = Reserved(on_square(one=asks("a1>d1", 60)))
    assert pinned_by(udp(fabric, "d1", "a1")) is None


def test_within_a_platform_it_is_metered_and_wears_no_label() -> None:
    fabric = Reserved(on_square(one=asks("a1=a2", 60)))
    for direction, ends in enumerate((("a1", "a2"), ("a2", "a1"))):
        journey = udp(fabric, *ends)
        assert (journey.reached, way(journey)) == ({home(ends[1])}, ["p1"])
        assert not journey.deliveries[0].frame.vlans
        assert not udp(fabric, *ends, meter_of(fabric, "one", direction)).reached


# What is of it


def test_what_exceeds_the_grant_is_dropped_where_it_enters_and_nothing_else_is() -> None:
    fabric = Reserved(on_square(one=asks("a1=d1", 60)))
    there, back = meter_of(fabric, "one", 0), meter_of(fabric, "one", 1)
    dropped = udp(fabric, "a1", "d1", there)
    assert (dropped.reached, way(dropped)) == (set(), ["p1"])
    for ends in (("a2", "d1"), ("a1", "d2"), ("d1", "a1")):
        assert udp(fabric, *ends, there).reached == {home(ends[1])}
    assert not udp(fabric, "d1", "a1", back).reached


def test_the_meter_has_the_grant_and_a_quarter_of_a_second_of_burst() -> None:
    asked = {"one": asks("a1>d1", 60), "small": asks("a2>d2", 0.1), "own": asks("a1>d2", 1, burst="125 kB")}
    fabric = Reserved(on_square(**asked))
    held = fabric.switches["p1"].report().meters
    found = {name: held[meter_of(fabric, name)] for name in asked}
    assert {name: (meter.rate, meter.burst, meter.packets) for name, meter in found.items()} == {
        "one": (60_000, 15_000, False),
        "small": (100, 64, False),
        "own": (1_000, 1_000, False),
    }


CHOSEN: list[tuple[str, dict[str, Any], dict[str, int], bool]] = [
    ("its port", {"tcp_dst": 80}, {"ip_proto": TCP, "tcp_dst": 80, "tcp_src": 9}, True),
    ("another port", {"tcp_dst": 80}, {"ip_proto": TCP, "tcp_dst": 81}, False),
    ("the port of the sender", {"tcp_dst": 80}, {"ip_proto": TCP, "tcp_src": 80}, False),
    ("the same port of another protocol", {"tcp_dst": 80}, {"ip_proto": UDP, "udp_dst": 80}, False),
    ("both ports", {"udp_src": 5, "udp_dst": 6}, {"udp_src": 5, "udp_dst": 6}, True),
    ("one port of two", {"udp_src": 5, "udp_dst": 6}, {"udp_src": 5, "udp_dst": 7}, False),
    ("its protocol", {"ip_proto": "sctp"}, {"ip_proto": 132}, True),
    ("another protocol", {"ip_proto": "sctp"}, {"ip_proto": UDP}, False),
    ("its mark", {"dscp": 46}, {"ip_dscp": 46}, True),
    ("another mark", {"dscp": 46}, {"ip_dscp": 45}, False),
    ("no mark", {"dscp": 0}, {"ip_dscp": 0}, True),
    ("mark and port", {"dscp": 46, "tcp_dst": 80}, {"ip_proto": TCP, "tcp_dst": 80, "ip_dscp": 46}, True),
    ("the port without the mark", {"dscp": 46, "tcp_dst": 80}, {"ip_proto": TCP, "tcp_dst": 80}, False),
]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("match", "fields", "chosen"), [of[1:] for of in CHOSEN], ids=[of[0] for of in CHOSEN])
def test_a_classifier_chooses_by_ports_protocol_and_mark(
    match: dict[str, Any], fields: dict[str, int], chosen: bool, version: int
) -> None:
    fabric = Reserved(on_square(one=asks("a1>d1", 60, match=match)))
    packet = frame("a1", "d1", version, **fields)
    journey, dropped = send(fabric, packet, "a1"), send(fabric, packet, "a1", meter_of(fabric, "one"))
    assert journey.reached == {home("d1")}
    assert (pinned_by(journey) == fabric.labels("one")[0]) == chosen
    assert (not dropped.reached) == chosen


@pytest.mark.parametrize("version", [4, 6])
def test_the_way_back_has_the_ports_in_each_others_place(version: int) -> None:
    fabric = Reserved(on_square(one=asks("a1=d1", 60, match={"tcp_dst": 80, "dscp": 10})))
    answer = frame("d1", "a1", version, ip_proto=TCP, tcp_src=80, tcp_dst=5555, ip_dscp=10)
    asked = frame("d1", "a1", version, ip_proto=TCP, tcp_src=5555, tcp_dst=80, ip_dscp=10)
    assert pinned_by(send(fabric, answer, "d1")) == fabric.labels("one")[1]
    assert pinned_by(send(fabric, asked, "d1")) is None


SPECIFIC: list[tuple[dict[str, int], str]] = [
    ({"ip_proto": TCP, "tcp_src": 9, "tcp_dst": 80}, "pair"),
    ({"ip_proto": TCP, "tcp_src": 8, "tcp_dst": 80}, "port"),
    ({"ip_proto": TCP, "tcp_src": 8, "tcp_dst": 80, "ip_dscp": 46}, "port"),
    ({"ip_proto": TCP, "tcp_src": 8, "tcp_dst": 81, "ip_dscp": 46}, "protocol"),
    ({"ip_proto": UDP, "ip_dscp": 46}, "mark"),
    ({"ip_proto": UDP}, "whole"),
]


@pytest.mark.parametrize("version", [4, 6])
def test_of_two_that_choose_a_packet_the_more_specific_has_it(version: int) -> None:
    asked = {
        "whole": asks("a1>d1", 10),
        "mark": asks("a1>d1", 10, match={"dscp": 46}),
        "protocol": asks("a1>d1", 10, match={"ip_proto": "tcp"}),
        "port": asks("a1>d1", 10, match={"tcp_dst": 80}),
        "pair": asks("a1>d1", 10, match={"tcp_dst": 80, "tcp_src": 9}),
    }
    fabric = Reserved(on_square(**asked))
    names = {fabric.labels(name)[0]: name for name in asked}
    for fields, name in SPECIFIC:
        label = pinned_by(send(fabric, frame("a1", "d1", version, **fields), "a1"))
        assert label is not None
        assert names[label] == name, fields


@pytest.mark.parametrize("target", [BROADCAST, GROUP], ids=["broadcast", "multicast"])
def test_what_goes_to_many_is_of_no_reservation(target: int) -> None:
    fabric = Reserved(on_square(one=asks("a1>d1", 60)))
    everyone = {(f"p{platform}", port) for platform in range(1, 5) for port in (1, 2)} - {home("a1")}
    journey = send(fabric, frame("a1", "d1", eth_dst=target), "a1", meter_of(fabric, "one"))
    assert journey.reached == everyone
    assert {pcp for worn in tags(journey) for _, pcp in worn} == {0}


# To and from uplinks


def beside_the_world(**asked: Asked) -> Reserved:
    """With an uplink on p4, behind which a host was heard."""
    fabric = Reserved(document(*SQUARE, asked=asked, uplinks={"isp": {"platform": ISP[0]}}))
    fabric.control.packet_heard(Heard(ISP, Reason.LEARN_MAC, {"eth_src": BEYOND}), fabric.now)
    fabric.settle()
    return fabric


@pytest.mark.parametrize("version", [4, 6])
def test_what_goes_beyond_the_uplink_is_of_it(version: int) -> None:
    fabric = beside_the_world(out=asks("a1>isp", 60))
    journey = send(fabric, frame("a1", "beyond", version), "a1")
    assert (journey.reached, pinned_by(journey)) == ({ISP}, fabric.labels("out")[0])
    assert not send(fabric, frame("a1", "beyond", version), "a1", meter_of(fabric, "out")).reached


def test_what_a_server_sends_elsewhere_and_what_others_send_beyond_is_not() -> None:
    fabric = beside_the_world(out=asks("a1>isp", 60))
    meter = meter_of(fabric, "out")
    assert udp(fabric, "a1", "d1", meter).reached == {home("d1")}
    assert send(fabric, frame("a2", "beyond"), "a2", meter).reached == {ISP}


@pytest.mark.parametrize("version", [4, 6])
def test_what_comes_in_by_the_uplink_for_a_server_is_of_it(version: int) -> None:
    fabric = beside_the_world(**{"in": asks("isp>a1", 60)})
    meter = meter_of(fabric, "in")
    journey = fabric.send(frame("beyond", "a1", version), ISP)
    assert (journey.reached, pinned_by(journey)) == ({home("a1")}, fabric.labels("in")[0])
    assert not fabric.send(frame("beyond", "a1", version), ISP, [meter]).reached
    assert fabric.send(frame("beyond", "a2", version), ISP, [meter]).reached == {home("a2")}


def test_a_host_beyond_the_uplink_that_nobody_has_heard_is_of_it_all_the_same() -> None:
    fabric = Reserved(
        document(*SQUARE, asked={"in": asks("isp>a1", 60)}, uplinks={"isp": {"platform": "p4"}}),
    )
    assert pinned_by(fabric.send(frame("beyond", "a1"), ISP)) == fabric.labels("in")[0]


# Classes


@pytest.mark.parametrize(("protected", "of"), [(False, Class.RESERVED), (True, Class.PROTECTED)])
def test_its_class_is_on_every_trunk(protected: bool, of: int) -> None:
    fabric = Reserved(on_square(one=asks("a1>d1", 60, protected=protected)))
    assert tags(udp(fabric, "a1", "d1")) == [[(fabric.labels("one")[0], of)]] * 2


def test_all_else_is_of_no_class() -> None:
    fabric = Reserved(on_square(one=asks("a1>d1", 60)))
    journey = send(fabric, frame("a2", "d1", ip_dscp=46), "a2")
    assert [worn[0][1] for worn in tags(journey)] == [0, 0]
    assert pinned_by(journey) is None


@pytest.mark.parametrize("reserved", [False, True], ids=["without", "with a reservation"])
def test_what_a_server_says_of_itself_changes_nothing(reserved: bool) -> None:
    """A tagged server with PCP 5, which is the class of what is protected; and DSCP EF."""
    servers = {name: {"vlan": 100} for name in ("a1", "d1")}
    asked = {"one": asks("a1>d1", 60)} if reserved else {}
    fabric = Reserved(document(*SQUARE, asked=asked, servers=servers))
    worn = tags(send(fabric, frame("a1", "d1", vlans=(5 << 13 | 100,), ip_dscp=46), "a1"))
    assert [[pcp for _, pcp in each] for each in worn] == [[Class.RESERVED if reserved else 0]] * 2


def test_a_tagged_server_has_what_is_reserved_with_its_own_tag_again() -> None:
    servers = {name: {"vlan": 100} for name in ("a1", "d1")}
    fabric = Reserved(document(*SQUARE, asked={"one": asks("a1>d1", 60)}, servers=servers))
    (delivered,) = send(fabric, frame("a1", "d1", vlans=(100,)), "a1").deliveries
    assert [tag & 0xFFF for tag in delivered.frame.vlans] == [100]


# Bypasses, with the controller gone


def ends_of(fabric: Reserved, name: str) -> list[End]:
    """One end of each link of a reservation's path."""
    return [fabric.control.routing.known[each].ends[0] for each in fabric.links(name)]


@pytest.mark.parametrize("both", [">", "="])
@pytest.mark.parametrize("number", [0, 1], ids=["the first link", "the last link"])
def test_each_link_of_its_path_may_fail(number: int, both: str) -> None:
    fabric = Reserved(on_square(one=asks(f"a1{both}d1", 60)))
    labels = fabric.labels("one")
    fabric.disconnect()
    for ends, label in zip((("a1", "d1"), ("d1", "a1")), labels, strict=False):
        journey = fabric.send_past(frame(*ends), home(ends[0]), ends_of(fabric, "one")[number])
        assert (journey.reached, journey.duplicates, pinned_by(journey)) == ({home(ends[1])}, [], label)


@pytest.mark.parametrize(
    ("protected", "inner", "outer"), [(False, Class.RESERVED, 0), (True, Class.PROTECTED, Class.DIVERTED)]
)
def test_only_what_is_protected_has_its_class_on_a_bypass_and_each_its_own_after_it(
    protected: bool, inner: int, outer: int
) -> None:
    fabric = Reserved(on_square(one=asks("a1>d1", 60, protected=protected)))
    label, (first, last) = fabric.labels("one")[0], (["p2", "p3"] if fabric.links("one") == UPPER else ["p3", "p2"])
    journey = fabric.send_past(frame("a1", "d1"), home("a1"), ends_of(fabric, "one")[0])
    worn = tags(journey)
    assert way(journey) == ["p1", last, "p4", first, "p4"]
    assert [each[-1] for each in worn] == [(label, inner)] * 4
    assert [[pcp for _, pcp in each[:-1]] for each in worn] == [[outer]] * 3 + [[]]
    assert all(each[0][0] in BYPASS_LABELS for each in worn[:3])


def test_all_else_has_no_class_on_a_bypass() -> None:
    fabric = Reserved(document(*SQUARE[:2], link("p1-p4", cost=5), asked={"one": asks("a1>d1", 60, protected=True)}))
    worn = tags(fabric.send_past(frame("a2", "b1", ip_dscp=46), home("a2"), ("p1", 20)))
    assert [[pcp for _, pcp in each] for each in worn] == [[0, 0], [0, 0]]


def test_a_grant_is_metered_once_however_it_goes() -> None:
    fabric = Reserved(on_square(one=asks("a1>d1", 60, protected=True)))
    journey = fabric.send_past(frame("a1", "d1"), home("a1"), ends_of(fabric, "one")[0])
    steps = [step.rule for _, outcome in journey.visits for step in outcome.steps]
    meters = [rule.meter for rule in steps if isinstance(rule, FlowEntry) and rule.meter is not None]
    assert meters == [meter_of(fabric, "one")]


def test_what_has_no_reservation_passes_the_rate_of_its_port() -> None:
    servers = {"a1": {"rate": "80 Mbit/s"}}
    fabric = Reserved(document(*SQUARE, asked={"one": asks("a1>d1", 60)}, servers=servers))
    port = meter_number(MeterKind.PORT_SHARE, 1)
    assert not udp(fabric, "a1", "d2", port).reached
    assert udp(fabric, "a1", "d1", port).reached == {home("d1")}
