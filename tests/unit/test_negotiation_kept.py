"""What is granted is kept: for as long as a lease, over restarts, in force or not; it leaves nothing; it is planned."""

from __future__ import annotations

from controller.model.snapshot import snapshot
from controller.rules.rules import FlowEntry, Rule, SetField
from controller.rules.tables import Class, Reg, Table
from tests.unit.lines import DIRECT, LINE, LOW, ROUND, TRIANGLE, on_line
from tests.unit.reserved import MBIT, Reserved, asks, document, entered, frame, home, link, way

# Leases

LEASED = asks("a1>b1", 60, lease=30)


def test_a_lease_ends_and_what_it_held_is_free() -> None:
    fabric = Reserved(on_line(leased=LEASED, other=asks("a2>b2", 60)))
    fabric.wait(29)
    assert (fabric.state("leased"), fabric.state("other")) == ("granted", "refused")
    fabric.wait(2)
    assert (fabric.state("leased"), fabric.mbit("leased"), fabric.state("other")) == ("expired", 0, "granted")
    assert fabric.told() == [("leased", "expired"), ("other", "granted")]
    assert not fabric.alarms()
    assert not fabric.rules_of("leased")
    assert [name.partition("@")[0] for name in fabric.path_names()] == ["other>"]


def test_a_lease_that_is_renewed_goes_on_and_nothing_else_happens() -> None:
    fabric = Reserved(on_line(leased=LEASED))
    before, written = fabric.labels("leased"), fabric.switches["p1"].written
    for _ in range(4):
        fabric.wait(20)
        assert fabric.control.renew("leased") == fabric.outcome("leased")
        fabric.settle()
    assert (fabric.state("leased"), fabric.labels("leased")) == ("granted", before)
    assert fabric.switches["p1"].written == written
    assert not fabric.told()


def test_one_that_is_over_is_granted_again_when_it_is_renewed() -> None:
    fabric = Reserved(on_line(leased=LEASED))
    fabric.wait(31)
    outcome = fabric.control.renew("leased")
    assert outcome is not None
    assert outcome.state == "granted"
    fabric.settle()
    fabric.wait(29)
    assert fabric.state("leased") == "granted"
    fabric.wait(2)
    assert fabric.state("leased") == "expired"


def test_one_that_is_over_stays_over_when_there_is_no_room_for_it_any_more() -> None:
    fabric = Reserved(on_line(leased=LEASED, other=asks("a2>b2", 60)))
    fabric.wait(31)
    outcome = fabric.control.renew("leased")
    assert outcome is not None
    assert (outcome.granted, outcome.offer and outcome.offer.rate_bps) == (None, 40 * MBIT)
    assert (fabric.state("leased"), fabric.mbit("other")) == ("expired", 60)
    assert not fabric.alarms()


def test_a_changed_request_begins_a_new_lease_and_an_unchanged_one_does_not() -> None:
    fabric = Reserved(on_line(leased=LEASED))
    fabric.wait(20)
    fabric.ask(on_line(leased=LEASED, other=asks("a2>b2", 10)))
    fabric.wait(11)
    assert fabric.state("leased") == "expired"
    fabric.ask(on_line(leased=asks("a1>b1", 50, lease=30)))
    fabric.wait(29)
    assert (fabric.state("leased"), fabric.mbit("leased")) == ("granted", 50)


def test_after_a_restart_a_lease_goes_on() -> None:
    fabric = Reserved(on_line(leased=LEASED))
    fabric.wait(10)
    fabric.disconnect()
    fabric.time += 5
    fabric.restart_controller()
    fabric.start()
    fabric.wait(14)
    assert fabric.state("leased") == "granted"
    fabric.wait(1)
    assert fabric.state("leased") == "expired"


def test_a_lease_that_ended_while_no_controller_ran_is_over_and_holds_nothing() -> None:
    fabric = Reserved(on_line(leased=LEASED, other=asks("a2>b2", 60)))
    fabric.disconnect()
    fabric.time += 31
    fabric.restart_controller()
    fabric.start()
    assert (fabric.state("leased"), fabric.state("other")) == ("expired", "granted")
    assert not fabric.rules_of("leased")


# Restarts


def negotiated(fabric: Reserved) -> dict[tuple[str, str], object]:
    """What is kept of reservations."""
    rows = snapshot(fabric.control.fabric)
    return {key: value for key, value in rows.items() if key[0] in ("grant", "promised", "lease", "number")}


def test_a_restart_keeps_grants_links_and_labels_and_sends_nothing() -> None:
    """What is granted is not where a fresh look would put it: by name `one` would be asked first."""
    asked = {"one": asks("a1=b1", 60), "two": asks("a2>b2", 60), "local": asks("a1>a2", 10)}
    fabric = Reserved(document(*TRIANGLE, asked={"two": asked["two"]}))
    fabric.ask(document(*TRIANGLE, asked=asked))
    fabric.wait(1)
    before = [(fabric.outcome(name), fabric.labels(name)) for name in asked]
    written, kept = {at: switch.written for at, switch in fabric.switches.items()}, negotiated(fabric)
    fabric.disconnect()
    fabric.restart_controller()
    fabric.start()
    fabric.wait(1)
    assert fabric.links("one") == ROUND
    assert [(fabric.outcome(name), fabric.labels(name)) for name in asked] == before
    assert {at: switch.written for at, switch in fabric.switches.items()} == written
    assert negotiated(fabric) == kept


def test_while_switches_are_away_after_a_restart_grants_stay_as_they_are() -> None:
    asked = {"one": asks("a1>b1", 60)}
    fabric = Reserved(document(*TRIANGLE, asked=asked))
    fabric.disconnect()
    fabric.restart_controller()
    for name in ("p1", "p2", "p3"):
        fabric.control.refresh()
        assert (fabric.state("one"), fabric.links("one")) == ("granted", (DIRECT,))
        fabric.connect(name)
        fabric.settle()
    assert not fabric.alarms()


# What goes


def test_reservations_that_are_gone_leave_no_rule_and_no_number() -> None:
    asked = {"one": asks("a1=b1", 60), "two": asks("a2>c2", 60), "local": asks("a1>a2", 10)}
    without = document(*TRIANGLE)
    fresh, fabric = Reserved(without), Reserved(document(*TRIANGLE, asked=asked))
    fabric.ask(without)
    fabric.wait(1)
    assert fabric.rules() == fresh.rules()
    assert {held for held in fabric.control.fabric.ledger.held() if held[0] == "path"} == set()
    assert not fabric.control.fabric.grants
    assert not fabric.control.fabric.promised
    assert sorted(fabric.told()) == [(name, "gone") for name in ("local", "one", "two")]


def test_labels_come_and_go_with_paths() -> None:
    """A path that changes and changes again uses one number each way."""
    fabric = Reserved(document(*TRIANGLE, asked={"one": asks("a1=b1", 60)}))
    rates = [30, 100, 30, 100]
    for rate in rates:
        fabric.ask(document(link("p1-p2", rate), *TRIANGLE[1:], asked={"one": asks("a1=b1", 60)}))
        fabric.wait(1)
        assert len(fabric.path_names()) == 2


def test_a_label_is_free_when_a_path_has_changed_for_a_lease_that_ended() -> None:
    """Nothing else has changed then: no link, no document."""
    asked = {"one": asks("a1>b1", 60, lease=30), "two": asks("a2>b2", 80, floor=10)}
    fabric = Reserved(document(link("p1-p2"), link("p1-p2", 50), asked=asked))
    before = fabric.path_names()
    fabric.wait(31)
    assert fabric.links("two") == (DIRECT,)
    assert len(fabric.path_names()) == 1
    assert fabric.path_names()[0] not in before


# Rules that switches refuse


NARROW = (link("p1-p2", 10), *TRIANGLE[1:])
"""The segment's way is the direct one; 60 are there over p3 alone."""


def refuses_labels(at: str, rule: Rule) -> bool:
    """p3 takes no path's label on to another trunk."""
    return (
        at == "p3"
        and isinstance(rule, FlowEntry)
        and rule.table == Table.LABEL
        and SetField(Reg.CLASS, Class.RESERVED) in rule.actions
    )


def test_where_a_switch_on_the_way_refuses_its_part_traffic_keeps_the_segments_way() -> None:
    fabric = Reserved(document(*NARROW, asked={"one": asks("a1>b1", 60)}), refuses=refuses_labels)
    assert fabric.links("one") == ROUND
    held = [rule.table for rule in fabric.rules_of("one") if isinstance(rule, FlowEntry)]
    assert Table.STEER not in held
    journey = fabric.send(frame("a1", "b1"), home("a1"))
    assert (journey.reached, way(journey)) == ({home("b1")}, ["p1", "p2"])


def test_a_path_that_is_not_in_force_is_seen() -> None:
    fabric = Reserved(document(*NARROW, asked={"one": asks("a1>b1", 60)}), refuses=refuses_labels)
    assert not fabric.control.converged
    (text,) = fabric.alarms("refused_rule").values()
    assert text.startswith("p3 refused table 2")
    assert text.endswith("of reservation one: table full")


def test_where_a_switch_refuses_its_part_of_a_new_path_the_old_one_is_kept_whole() -> None:
    asked = {"one": asks("a1>b1", 60)}
    fabric = Reserved(document(*TRIANGLE, asked=asked), refuses=refuses_labels)
    (label,) = fabric.labels("one")
    fabric.ask(document(*NARROW, asked=asked))
    fabric.wait(5)
    assert fabric.links("one") == ROUND
    assert fabric.alarms("refused_rule")
    journey = fabric.send(frame("a1", "b1"), home("a1"))
    assert (journey.reached, way(journey)) == ({home("b1")}, ["p1", "p2"])
    assert [arrived.vlans[0] & 0xFFF for arrived in entered(journey)[1:]] == [label]


def test_a_path_that_was_refused_is_taken_once_it_can_be() -> None:
    asked = {"one": asks("a1>b1", 60)}
    fabric = Reserved(document(*TRIANGLE, asked=asked), refuses=refuses_labels)
    fabric.ask(document(*NARROW, asked=asked))
    fabric.refuses = lambda _at, _rule: False
    fabric.audit("p3")
    fabric.settle()
    assert way(fabric.send(frame("a1", "b1"), home("a1"))) == ["p1", "p3", "p2"]
    assert not fabric.alarms("refused_rule")
    assert fabric.control.converged


# Plans


def test_a_plan_tells_what_becomes_of_rates_and_changes_nothing() -> None:
    fabric = Reserved(document(*LINE, asked={"low": LOW}))
    plan = fabric.plan(document(*LINE, asked={"low": LOW, "high": asks("a2>b2", 60, priority=1)}))
    found = {name: (change.was_bps, change.now_bps, change.outcome.state) for name, change in plan.rates.items()}
    assert found == {
        "high": (0, 60 * MBIT, "granted"),
        "low": (80 * MBIT, 40 * MBIT, "reduced"),
    }
    assert plan.accepted
    assert (fabric.mbit("low"), list(fabric.control.negotiation.outcomes)) == (80, ["low"])
    assert not fabric.told()


def test_a_plan_tells_the_offer_where_there_is_no_room() -> None:
    fabric = Reserved(on_line(one=asks("a1>b1", 60)))
    plan = fabric.plan(on_line(one=asks("a1>b1", 60), two=asks("a2>b2", 50)))
    (name,) = plan.rates
    offer = plan.rates[name].outcome.offer
    assert (name, plan.rates[name].now_bps, offer and offer.rate_bps) == ("two", 0, 40 * MBIT)


def test_a_plan_of_another_kind_says_which_rates_it_costs() -> None:
    asked = {"one": asks("a1>b1", 60, floor=10), "two": asks("a1>b2", 20)}
    fabric = Reserved(on_line(**asked))
    plan = fabric.plan(document(link("p1-p2", 50), asked=asked))
    assert {name: (change.was_bps, change.now_bps) for name, change in plan.rates.items()} == {
        "one": (60 * MBIT, 30 * MBIT)
    }
