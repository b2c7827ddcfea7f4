"""Rates that are asked for: granted, reduced, refused, moved; by priority, over links that come and go."""

from __future__ import annotations

import pytest

from tests.unit.lines import CABLE, DIRECT, HOLD_S, LINE, LOW, ROUND, TRIANGLE, on_line
from tests.unit.reserved import MBIT, UPLINK_PORT, Reserved, asks, document, frame, home, link, named, way

# Granted, reduced, refused


def test_what_is_asked_for_at_the_start_is_granted_once_the_links_are_found() -> None:
    fabric = Reserved(document(*TRIANGLE, asked={"one": asks("a1>b1", 60), "two": asks("a2>b2", 40)}))
    assert [(fabric.state(name), fabric.mbit(name), fabric.links(name)) for name in ("one", "two")] == [
        ("granted", 60, (DIRECT,)),
        ("granted", 40, (DIRECT,)),
    ]
    assert not fabric.alarms()


def test_what_is_reserved_is_told_of_with_rate_and_links() -> None:
    fabric = Reserved(on_line())
    fabric.ask(on_line(one=asks("a1>b1", 60)))
    (event,) = [each for each in fabric.control.chronicle.history.after(0) if each.kind == "reservation"]
    assert (event.name, event.what) == ("one", "granted")
    assert event.text == "reservation one (a1 to b1) has all that it asked for: 60 Mbit/s of 60 Mbit/s"
    assert event.data == {"granted_bps": 60 * MBIT, "was_bps": 0, "links": (DIRECT,)}


def test_less_than_is_asked_for_is_granted_down_to_the_floor() -> None:
    fabric = Reserved(on_line(first=asks("a1>b1", 50), second=asks("a2>b2", 80, floor=30)))
    assert (fabric.state("second"), fabric.mbit("second")) == ("reduced", 50)
    assert not fabric.alarms()


def test_what_finds_no_room_is_refused_with_the_best_offer_and_an_alarm() -> None:
    fabric = Reserved(on_line(first=asks("a1>b1", 60)))
    fabric.ask(on_line(first=asks("a1>b1", 60), second=asks("a2>b2", 50)))
    offer = fabric.outcome("second").offer
    assert offer is not None
    assert (fabric.state("second"), fabric.mbit("second")) == ("refused", 0)
    assert (offer.rate_bps, offer.limits, offer.holders) == (40 * MBIT, ((DIRECT, "p1"),), ("first",))
    why = "40 Mbit/s is left from p1 to p2: link p1.t0--p2.t0 holds 100 Mbit/s, of which first has 60 Mbit/s"
    assert fabric.alarms() == {"second": f"reservation second has nothing: {why}"}
    assert fabric.told() == [("second", "refused")]


def test_what_was_refused_is_granted_when_another_goes() -> None:
    fabric = Reserved(on_line(first=asks("a1>b1", 60), second=asks("a2>b2", 50)))
    fabric.ask(on_line(second=asks("a2>b2", 50)))
    assert (fabric.state("second"), fabric.mbit("second")) == ("granted", 50)
    assert not fabric.alarms()
    assert sorted(fabric.told()) == [("first", "gone"), ("second", "granted")]


def test_what_was_reduced_is_raised_when_another_goes() -> None:
    fabric = Reserved(on_line(first=asks("a1>b1", 50), second=asks("a2>b2", 80, floor=30)))
    fabric.ask(on_line(second=asks("a2>b2", 80, floor=30)))
    assert (fabric.state("second"), fabric.mbit("second")) == ("granted", 80)
    assert ("second", "granted") in fabric.told()


def test_where_there_is_room_for_one_only_the_first_name_has_it() -> None:
    fabric = Reserved(on_line(b=asks("a1>b1", 60), a=asks("a2>b2", 60)))
    assert (fabric.state("a"), fabric.state("b")) == ("granted", "refused")


def test_both_directions_of_a_link_are_separate_and_both_takes_both() -> None:
    fabric = Reserved(on_line(there=asks("a1>b1", 80), back=asks("b1>a1", 60), two=asks("a2=b2", 30, floor=1)))
    assert [fabric.mbit(name) for name in ("there", "back", "two")] == [80, 60, 20]


def test_one_platform_has_no_links_and_holds_what_its_ports_hold() -> None:
    fabric = Reserved(document(*LINE, asked={"local": asks("a1>a2", 3000)}))
    assert (fabric.state("local"), fabric.links("local")) == ("granted", ())


def test_what_the_cheapest_path_cannot_hold_goes_by_one_that_can() -> None:
    asked = {"one": asks("a1>b1", 60), "two": asks("a2>b2", 60)}
    fabric = Reserved(document(*TRIANGLE, asked=asked))
    assert (fabric.links("one"), fabric.links("two")) == ((DIRECT,), ROUND)


# Priorities


@pytest.mark.parametrize(
    ("preempt", "high", "low", "events"),
    [
        ("none", ("refused", 0), ("granted", 80), [("high", "refused")]),
        ("floor", ("granted", 60), ("reduced", 40), [("high", "granted"), ("low", "reduced")]),
        ("out", ("granted", 60), ("reduced", 40), [("high", "granted"), ("low", "reduced")]),
    ],
)
def test_a_higher_priority_pushes_a_lower_one_down_where_it_may(
    preempt: str, high: tuple[str, float], low: tuple[str, float], events: list[tuple[str, str]]
) -> None:
    fabric = Reserved(document(*LINE, asked={"low": LOW}, preempt=preempt))
    asked = {"low": LOW, "high": asks("a2>b2", 60, priority=1)}
    fabric.ask(document(*LINE, asked=asked, preempt=preempt))
    assert (fabric.state("high"), fabric.mbit("high")) == high
    assert (fabric.state("low"), fabric.mbit("low")) == low
    assert sorted(fabric.told()) == events


@pytest.mark.parametrize(
    ("preempt", "high", "low", "events"),
    [
        ("none", ("refused", 0), ("granted", 80), [("high", "refused")]),
        ("floor", ("refused", 0), ("granted", 80), [("high", "refused")]),
        ("out", ("granted", 90), ("violated", 10), [("high", "granted"), ("low", "violated")]),
    ],
)
def test_a_higher_priority_pushes_a_lower_one_out_where_it_may(
    preempt: str, high: tuple[str, float], low: tuple[str, float], events: list[tuple[str, str]]
) -> None:
    fabric = Reserved(document(*LINE, asked={"low": LOW}, preempt=preempt))
    asked = {"low": LOW, "high": asks("a2>b2", 90, priority=1)}
    fabric.ask(document(*LINE, asked=asked, preempt=preempt))
    assert (fabric.state("high"), fabric.mbit("high")) == high
    assert (fabric.state("low"), fabric.mbit("low")) == low
    assert sorted(fabric.told()) == events


def test_who_was_refused_is_tried_again_when_the_document_lets_it_push() -> None:
    asked = {"low": LOW, "high": asks("a2>b2", 60, priority=1)}
    fabric = Reserved(document(*LINE, asked={"low": LOW}, preempt="none"))
    fabric.ask(document(*LINE, asked=asked, preempt="none"))
    assert fabric.state("high") == "refused"
    fabric.ask(document(*LINE, asked=asked, preempt="floor"))
    assert fabric.state("high") == "granted"


def test_who_was_pushed_out_is_back_when_there_is_room() -> None:
    fabric = Reserved(document(*LINE, asked={"low": LOW}, preempt="out"))
    fabric.ask(document(*LINE, asked={"low": LOW, "high": asks("a2>b2", 90, priority=1)}, preempt="out"))
    assert list(fabric.alarms()) == ["low"]
    fabric.ask(document(*LINE, asked={"low": LOW}, preempt="out"))
    assert (fabric.state("low"), fabric.mbit("low")) == ("granted", 80)
    assert not fabric.alarms()


def test_an_equal_priority_pushes_nobody() -> None:
    fabric = Reserved(document(*LINE, asked={"low": LOW}, preempt="out"))
    fabric.ask(document(*LINE, asked={"low": LOW, "also": asks("a2>b2", 60)}, preempt="out"))
    assert (fabric.state("low"), fabric.state("also")) == ("granted", "refused")


def test_a_new_rate_in_the_document_moves_the_grant() -> None:
    fabric = Reserved(on_line(one=asks("a1>b1", 60), two=asks("a2>b2", 60, floor=10)))
    fabric.ask(on_line(one=asks("a1>b1", 20), two=asks("a2>b2", 60, floor=10)))
    assert (fabric.mbit("one"), fabric.mbit("two")) == (20, 60)


# Links


def two_cables(**asked: object) -> str:
    """100 Mbit/s between p1 and p2, and beside it 20."""
    return document(link("p1-p2"), link("p1-p2", 20), asked=asked)  # type: ignore[arg-type]


def test_what_loses_its_link_has_what_is_left_and_has_its_rate_again_after_the_link_has_held() -> None:
    fabric = Reserved(two_cables(one=asks("a1>b1", 60, floor=40)))
    fabric.unplug(CABLE)
    fabric.settle()
    assert (fabric.state("one"), fabric.mbit("one"), fabric.links("one")) == ("violated", 20, (named(1, "p1-p2"),))
    assert list(fabric.alarms()) == ["one"]
    fabric.plug(CABLE, ("p2", 20))
    for _ in range(20):
        fabric.discover()
        fabric.step()
    assert fabric.state("one") == "violated"
    fabric.settle()
    fabric.wait(HOLD_S)
    assert (fabric.state("one"), fabric.mbit("one"), fabric.links("one")) == ("granted", 60, (DIRECT,))
    assert not fabric.alarms()
    assert fabric.told() == [("one", "violated"), ("one", "granted")]


def test_what_loses_its_only_path_is_violated_until_there_is_one_again() -> None:
    fabric = Reserved(on_line(one=asks("a1>b1", 60)))
    fabric.unplug(CABLE)
    fabric.settle()
    assert (fabric.state("one"), fabric.mbit("one")) == ("violated", 0)
    assert fabric.alarms() == {"one": "reservation one has less than its floor: no path from p1 to p2"}
    assert not fabric.control.fabric.grants
    fabric.plug(CABLE, ("p2", 20))
    fabric.settle()
    assert fabric.state("one") == "granted"
    assert not fabric.alarms()


def test_what_is_moved_to_other_links_with_its_rate_is_told_as_moved() -> None:
    fabric = Reserved(document(*TRIANGLE, asked={"one": asks("a1>b1", 60)}))
    fabric.unplug(CABLE)
    fabric.settle()
    assert (fabric.state("one"), fabric.mbit("one"), fabric.links("one")) == ("granted", 60, ROUND)
    assert fabric.told() == [("one", "moved")]


def test_what_was_moved_goes_back_to_its_cheaper_path_when_the_link_has_held() -> None:
    fabric = Reserved(document(*TRIANGLE, asked={"one": asks("a1>b1", 60)}))
    fabric.unplug(CABLE)
    fabric.settle()
    fabric.told()
    fabric.plug(CABLE, ("p2", 20))
    fabric.settle()
    fabric.wait(HOLD_S)
    assert (fabric.mbit("one"), fabric.links("one")) == (60, (DIRECT,))
    assert fabric.told() == [("one", "moved")]


def test_a_drained_link_is_left_and_holds_nothing() -> None:
    fabric = Reserved(document(*TRIANGLE, asked={"one": asks("a1>b1", 60)}))
    fabric.control.set_admin(("links", DIRECT), "drain")
    fabric.settle()
    assert (fabric.state("one"), fabric.links("one")) == ("granted", ROUND)


def test_where_a_drained_link_is_the_only_one_nothing_can_be_reserved() -> None:
    fabric = Reserved(on_line(one=asks("a1>b1", 60)))
    fabric.control.set_admin(("links", DIRECT), "drain")
    fabric.settle()
    assert (fabric.state("one"), fabric.mbit("one")) == ("violated", 0)
    assert fabric.send(frame("a1", "b1"), home("a1")).reached == {home("b1")}


def test_the_share_for_best_effort_is_granted_to_nobody() -> None:
    fabric = Reserved(document(*LINE, asked={"one": asks("a1>b1", 100, floor=1)}, best_effort=20))
    assert (fabric.state("one"), fabric.mbit("one")) == ("reduced", 80)


def test_a_link_without_a_rate_holds_nothing() -> None:
    fabric = Reserved(document(link("p1-p2", None), asked={"one": asks("a1>b1", 0.001)}))
    assert fabric.state("one") == "refused"
    assert "has no rate that could be reserved" in fabric.alarms()["one"]


def test_the_lowest_rate_of_a_link_and_its_trunks_counts() -> None:
    fabric = Reserved(document(*LINE, asked={"one": asks("a1>b1", 80, floor=1)}))
    narrow = document(link("p1-p2", 30), asked={"one": asks("a1>b1", 80, floor=1)})
    fabric.ask(narrow)
    assert (fabric.state("one"), fabric.mbit("one")) == ("reduced", 30)


@pytest.mark.parametrize(
    ("risks", "state", "mbit"), [([], "granted", 60), (["duct"], "reduced", 30)], ids=["two ducts", "one duct"]
)
def test_what_is_protected_does_not_rely_on_a_cable_of_the_same_duct(risks: list[str], state: str, mbit: float) -> None:
    """Two cables of 100 from p1 to p2, each the other's way round; if both may fail at once, 30 over p3 are left."""
    twins, dear = [link("p1-p2", risks=risks)] * 2, [link("p1-p3", 30, cost=5), link("p2-p3", 30, cost=5)]
    fabric = Reserved(document(*twins, *dear, asked={"one": asks("a1>b1", 60, floor=10, protected=True)}))
    assert (fabric.state("one"), fabric.mbit("one")) == (state, mbit)
    assert len(fabric.links("one")) == 1


def test_where_all_cables_are_in_one_duct_nothing_is_protected() -> None:
    twins = [link("p1-p2", risks=["duct"])] * 2
    asked = {"bare": asks("a1>b1", 60), "safe": asks("a2>b2", 60, protected=True)}
    fabric = Reserved(document(*twins, asked=asked))
    assert (fabric.state("bare"), fabric.state("safe")) == ("granted", "refused")
    assert "no protected path from p1 to p2" in fabric.alarms()["safe"]


def test_what_is_protected_keeps_room_on_the_way_round() -> None:
    asked = {"one": asks("a1>b1", 60, protected=True), "two": asks("a1>c1", 60, floor=1, both=False)}
    fabric = Reserved(document(*TRIANGLE, asked=asked))
    assert fabric.mbit("one") == 60
    assert fabric.mbit("two") == 40


# Ends


def test_a_path_follows_a_server_that_moves() -> None:
    asked = {"one": asks("a1>b1", 60)}
    fabric = Reserved(document(*TRIANGLE, asked=asked))
    moved = {"b1": {"platform": "p3", "port": 3}}
    fabric.switches["p3"].ports[3] = fabric.switches["p3"].ports[1]
    fabric.ask(document(*TRIANGLE, asked=asked, servers=moved))
    assert (fabric.state("one"), fabric.links("one")) == ("granted", (named(2, "p1-p3"),))
    journey = fabric.send(frame("a1", "b1"), home("a1"))
    assert (journey.reached, way(journey)) == ({("p3", 3)}, ["p1", "p3"])


@pytest.mark.parametrize(
    ("rates", "sent", "received"),
    [
        ({"rate": "50 Mbit/s"}, 50, 50),
        ({"fabric_rate": "50 Mbit/s"}, 50, 90),
        ({"uplink_rate": "50 Mbit/s"}, 90, 90),
    ],
    ids=["the port's", "to servers", "to uplinks"],
)
def test_a_servers_rates_limit_what_it_is_granted_to_another(
    rates: dict[str, str], sent: float, received: float
) -> None:
    asked = {"sends": asks("a1>b1", 90, floor=1), "receives": asks("b2>a1", 90, floor=1)}
    fabric = Reserved(document(*LINE, asked=asked, servers={"a1": rates}))
    assert (fabric.mbit("sends"), fabric.mbit("receives")) == (sent, received)


@pytest.mark.parametrize(
    ("rates", "uplink", "expected"),
    [
        ({"uplink_rate": "50 Mbit/s"}, {}, 50),
        ({"fabric_rate": "50 Mbit/s"}, {}, 90),
        ({}, {"rate": "70 Mbit/s"}, 70),
        ({"rate": "80 Mbit/s", "uplink_rate": "60 Mbit/s"}, {"rate": "70 Mbit/s"}, 60),
    ],
    ids=["to uplinks", "to servers", "the uplink's", "the least of all"],
)
def test_a_servers_rates_limit_what_it_is_granted_to_and_from_an_uplink(
    rates: dict[str, str], uplink: dict[str, str], expected: float
) -> None:
    asked = {"out": asks("a1>isp", 90, floor=1), "in": asks("isp>a1", 90, floor=1)}
    uplinks = {"isp": {"platform": "p2", **uplink}}
    fabric = Reserved(document(*LINE, asked=asked, servers={"a1": rates}, uplinks=uplinks))
    assert (fabric.mbit("out"), fabric.mbit("in")) == (expected, expected)


def test_all_that_is_reserved_at_a_port_is_within_its_rate() -> None:
    asked = {"one": asks("a1>b1", 60), "two": asks("a2>b1", 60, floor=1)}
    fabric = Reserved(document(link("p1-p2", 1000), asked=asked, servers={"b1": {"rate": "100 Mbit/s"}}))
    assert (fabric.mbit("one"), fabric.mbit("two")) == (60, 40)


def test_an_uplink_is_an_end_as_a_server_is() -> None:
    asked = {"out": asks("a1>isp", 60)}
    fabric = Reserved(document(*TRIANGLE, asked=asked, uplinks={"isp": {"platform": "p3"}}))
    assert (fabric.state("out"), fabric.links("out")) == ("granted", (named(2, "p1-p3"),))
    assert UPLINK_PORT in fabric.switches["p3"].ports
