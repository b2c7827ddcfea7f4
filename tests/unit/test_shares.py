"""The rates of a server and of its port for what has no reservation: to servers, to and from uplinks, in all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from controller.learning import Heard
from controller.model.topology import End
from controller.rules.packet import Frame
from controller.rules.rules import FlowEntry
from controller.rules.tables import MeterKind, Reason, Table, metered
from controller.verifier import Journey
from tests.unit.reserved import BEYOND, UPLINK_PORT, Asked, Reserved, asks, document, frame, home, link

RATES = {"rate": "90 Mbit/s", "fabric_rate": "50 Mbit/s", "uplink_rate": "20 Mbit/s"}
FABRIC, UPLINK, DOWN = MeterKind.FABRIC_SHARE, MeterKind.UPLINK_SHARE, MeterKind.DOWN_SHARE
PORT = MeterKind.PORT_SHARE
ISP, SECOND = ("p2", UPLINK_PORT), ("p3", UPLINK_PORT)
BROADCAST = (1 << 48) - 1


def shared(servers: Mapping[str, Asked] | None = None, uplink: Asked | None = None, **asked: Asked) -> Reserved:
    """a1 has `RATES`; uplinks on p2 and p3, and behind that on p2 a host that was heard."""
    fabric = Reserved(described(servers, uplink, **asked))
    fabric.control.packet_heard(Heard(ISP, Reason.LEARN_MAC, {"eth_src": BEYOND}), fabric.now)
    fabric.settle()
    return fabric


def described(servers: Mapping[str, Asked] | None = None, uplink: Asked | None = None, **asked: Asked) -> str:
    links = (link("p1-p2"), link("p1-p3"))
    uplinks = {"isp": {"platform": "p2", **(uplink or {})}, "second": {"platform": "p3"}}
    return document(*links, asked=asked, servers=servers or {"a1": RATES}, uplinks=uplinks)


def sent(fabric: Reserved, source: str, target: str, exceeded: Iterable[int] = ()) -> Journey:
    """From one to another, each a server or beyond the uplink."""
    start = ISP if source == "beyond" else home(source)
    return fabric.send(frame(source, target), start, exceeded)


def arrives(fabric: Reserved, source: str, target: str, exceeded: Iterable[int] = ()) -> bool:
    where: End = ISP if target == "beyond" else home(target)
    return sent(fabric, source, target, exceeded).reached == {where}


def limits(fabric: Reserved, source: str, target: str) -> dict[MeterKind, float]:
    """What a packet is counted against on its way: the kinds of rates, in Mbit/s."""
    found = {}
    for (platform, _), outcome in sent(fabric, source, target).visits:
        for step in outcome.steps:
            if isinstance(step.rule, FlowEntry) and step.rule.meter is not None:
                kind = MeterKind(metered(step.rule.meter)[0])
                found[kind] = fabric.switches[platform].report().meters[step.rule.meter].rate / 1000
    return found


def meters(fabric: Reserved, *kinds: MeterKind, on: str = "p1") -> list[int]:
    return [number for number in fabric.switches[on].report().meters if metered(number)[0] in kinds]


# Which rate


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("a1", "b1", {PORT: 90, FABRIC: 50}),
        ("a1", "a2", {PORT: 90, FABRIC: 50}),
        ("a1", "beyond", {PORT: 90, UPLINK: 20}),
        ("beyond", "a1", {DOWN: 20}),
        ("b1", "a1", {}),
        ("a2", "b1", {}),
        ("a2", "beyond", {}),
        ("beyond", "b1", {}),
    ],
)
def test_each_packet_is_counted_against_the_rates_of_its_server_for_where_it_goes(
    source: str, target: str, expected: dict[MeterKind, float]
) -> None:
    assert limits(shared(), source, target) == expected


def test_what_is_beyond_a_rate_is_dropped_where_it_enters() -> None:
    fabric = shared()
    assert not arrives(fabric, "a1", "b1", meters(fabric, FABRIC))
    assert not arrives(fabric, "a1", "beyond", meters(fabric, UPLINK))
    assert not arrives(fabric, "beyond", "a1", meters(fabric, DOWN, on="p2"))
    assert not arrives(fabric, "a1", "b1", meters(fabric, PORT))


def test_one_rate_that_is_used_up_leaves_the_others_as_they_are() -> None:
    fabric = shared()
    assert arrives(fabric, "a1", "beyond", meters(fabric, FABRIC))
    assert arrives(fabric, "a1", "b1", meters(fabric, UPLINK))
    every = meters(fabric, FABRIC, UPLINK, PORT) + meters(fabric, DOWN, on="p2")
    for ends in (("a2", "b1"), ("b1", "a1"), ("a2", "beyond"), ("beyond", "b1")):
        assert arrives(fabric, *ends, every), ends


@pytest.mark.parametrize(
    ("rates", "kinds"),
    [
        ({"fabric_rate": "50 Mbit/s"}, {FABRIC}),
        ({"uplink_rate": "20 Mbit/s"}, {UPLINK}),
        ({"rate": "90 Mbit/s"}, {PORT}),
        ({}, set()),
    ],
)
def test_a_rate_that_is_not_given_is_no_limit(rates: Asked, kinds: set[MeterKind]) -> None:
    fabric = shared({"a1": rates})
    assert set(limits(fabric, "a1", "b1")) | set(limits(fabric, "a1", "beyond")) == kinds


def test_what_comes_from_uplinks_is_limited_at_each_of_them() -> None:
    fabric = shared()
    for at, port in (ISP, SECOND):
        journey = fabric.send(frame("beyond", "a1"), (at, port), meters(fabric, DOWN, on=at))
        assert not journey.reached, at
        assert fabric.send(frame("beyond", "a1"), (at, port)).reached == {home("a1")}, at


def test_an_uplinks_own_rate_is_for_all_that_comes_in_by_it() -> None:
    fabric = shared(uplink={"rate": "70 Mbit/s"})
    assert limits(fabric, "beyond", "a1") == {PORT: 70, DOWN: 20}
    assert limits(fabric, "beyond", "b1") == {PORT: 70}
    assert not arrives(fabric, "beyond", "b1", meters(fabric, PORT, on="p2"))


def test_servers_of_one_port_have_rates_of_their_own() -> None:
    """Two tenants on one cable, told apart by their tags."""
    tagged = {
        "a1": {"port": 1, "vlan": 100, "fabric_rate": "50 Mbit/s"},
        "a2": {"port": 1, "vlan": 200, "fabric_rate": "30 Mbit/s"},
    }
    fabric = shared(tagged)
    limited = {
        name: _fabric_share(fabric.send(frame(name, "b1", vlans=(int(str(tagged[name]["vlan"])),)), ("p1", 1)), fabric)
        for name in tagged
    }
    assert limited == {"a1": 50, "a2": 30}


def _fabric_share(journey: Journey, fabric: Reserved) -> float:
    (number,) = [
        step.rule.meter
        for step in journey.visits[0][1].steps
        if isinstance(step.rule, FlowEntry) and step.rule.table == Table.SHARE and step.rule.meter is not None
    ]
    return fabric.switches["p1"].report().meters[number].rate / 1000


def test_what_goes_to_many_is_held_by_the_limit_on_flooding_alone() -> None:
    fabric = shared()
    packet: Frame = frame("a1", "b1", eth_dst=BROADCAST)
    reached = fabric.send(packet, home("a1"), meters(fabric, FABRIC, UPLINK, PORT)).reached
    assert reached >= {home("b1"), home("c1"), ISP}


# Beside reservations


def test_what_is_reserved_is_counted_against_none_of_them() -> None:
    fabric = shared(to=asks("a1>b1", 30), out=asks("a1>isp", 5), back=asks("isp>a1", 5))
    every = meters(fabric, FABRIC, UPLINK, PORT) + meters(fabric, DOWN, PORT, on="p2")
    for ends in (("a1", "b1"), ("a1", "beyond"), ("beyond", "a1")):
        assert set(limits(fabric, *ends)) == {MeterKind.RESERVATION}
        assert arrives(fabric, *ends, every), ends


def test_what_is_reserved_is_taken_off_what_the_rest_may_use() -> None:
    fabric = shared(to=asks("a1>b1", 30), out=asks("a1>isp", 5), back=asks("isp>a1", 8))
    assert limits(fabric, "a1", "c1") == {PORT: 55, FABRIC: 20}
    fabric.control.packet_heard(Heard(SECOND, Reason.LEARN_MAC, {"eth_src": BEYOND + 1}), fabric.now)
    fabric.settle()
    other = fabric.send(frame("a1", "beyond", eth_dst=BEYOND + 1), home("a1"))
    assert other.reached == {SECOND}
    assert [fabric.switches["p1"].report().meters[number].rate for number in meters(fabric, UPLINK)] == [15_000]
    assert [fabric.switches["p3"].report().meters[number].rate for number in meters(fabric, DOWN, on="p3")] == [12_000]


def test_what_is_reserved_to_a_server_is_not_taken_off_what_it_may_send() -> None:
    fabric = shared(to=asks("b1>a1", 30))
    assert limits(fabric, "a1", "b1") == {PORT: 90, FABRIC: 50}


def test_what_both_takes_the_way_back_too() -> None:
    fabric = shared(to=asks("b1=a1", 30))
    assert limits(fabric, "a1", "c1") == {PORT: 60, FABRIC: 20}


def test_what_an_uplink_has_promised_is_taken_off_its_port() -> None:
    fabric = shared(uplink={"rate": "70 Mbit/s"}, back=asks("isp>b1", 40))
    assert limits(fabric, "beyond", "a1") == {PORT: 30, DOWN: 20}


def test_where_all_of_a_rate_is_reserved_the_rest_has_next_to_nothing() -> None:
    fabric = shared({"a1": {"fabric_rate": "50 Mbit/s"}}, to=asks("a1>b1", 50))
    assert limits(fabric, "a1", "c1") == {FABRIC: 0.001}


def test_what_the_rest_may_use_follows_the_grants() -> None:
    fabric = shared(to=asks("a1>b1", 30))
    fabric.ask(described(to=asks("a1>b1", 10)))
    assert limits(fabric, "a1", "c1") == {PORT: 80, FABRIC: 40}
    fabric.ask(described())
    assert limits(fabric, "a1", "c1") == {PORT: 90, FABRIC: 50}


def test_a_lease_that_ends_gives_back_what_it_took() -> None:
    fabric = shared(to=asks("a1>b1", 30, lease=10))
    assert limits(fabric, "a1", "c1") == {PORT: 60, FABRIC: 20}
    fabric.wait(11)
    assert limits(fabric, "a1", "c1") == {PORT: 90, FABRIC: 50}


def test_a_grant_that_is_lost_with_its_link_gives_back_what_it_took() -> None:
    fabric = shared(to=asks("a1>b1", 30))
    fabric.unplug(("p1", 20))
    fabric.settle()
    assert limits(fabric, "a1", "c1") == {PORT: 90, FABRIC: 50}


def test_rates_that_are_gone_leave_no_rule_and_no_number() -> None:
    fabric = Reserved(described())
    fabric.ask(described({"a1": {}}))
    fabric.wait(1)
    assert fabric.rules() == Reserved(described({"a1": {}})).rules()
    assert not [name for pool, name, _ in fabric.control.fabric.ledger.held() if pool == "share"]
