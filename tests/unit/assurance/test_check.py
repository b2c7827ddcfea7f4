"""A change that would loop, multiply, lose or leak packets is found, and shown by one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.assurance import Assurance, Fault, FaultKind, Touched, check_change
from controller.compile import owners
from controller.compile.paths import PathInput
from controller.control import Control
from controller.rules.packet import parse
from controller.rules.placed import Placed, Turn
from controller.rules.rules import FlowEntry, Group, GroupType, Rule, SetField, ToGroup
from controller.rules.tables import GroupKind, Reg, Table, link_group, platform_group
from tests.virtual import VirtualFabric

EXAMPLES = Path(__file__).parents[3] / "examples"
NAMES = ("one-platform", "two-chassis", "daisy-chain", "ring", "star")
ALL = Touched(everything=True)
WEST, EAST = 21, 22
RING_LINKS = {
    "chassis1.east--chassis2.west",
    "chassis2.east--chassis3.west",
    "chassis3.east--chassis4.west",
    "chassis1.west--chassis4.east",
}


def fabric(name: str) -> VirtualFabric:
    virtual = VirtualFabric((EXAMPLES / f"{name}.yaml").read_text())
    virtual.start()
    return virtual


@pytest.fixture
def ring() -> Control:
    return fabric("ring").control


def change(control: Control, platform: str, which: Callable[[Rule], bool], by: Callable[[Rule], Rule | None]) -> None:
    """Spoil what a switch should hold; at least one rule must be concerned."""
    wanted = control.reconciler.switches[platform].wanted
    found = [(key, item) for key, item in wanted.items() if which(item.rule)]
    assert found
    for key, item in found:
        del wanted[key]
        spoiled = by(item.rule)
        if spoiled is not None:
            wanted[spoiled.key] = replace(item, rule=spoiled)


def entry(table: Table, **fields: int) -> Callable[[Rule], bool]:
    def fits(rule: Rule) -> bool:
        if not isinstance(rule, FlowEntry) or rule.table != table:
            return False
        values = {name: value for name, value, _ in rule.match}
        return all(values.get(name) == value for name, value in fields.items())

    return fits


def group(number: int) -> Callable[[Rule], bool]:
    return lambda rule: isinstance(rule, Group) and rule.number == number


def way_to(control: Control, platform: str) -> int:
    numbers = {name: number for pool, name, number in control.fabric.ledger.held() if pool == "platform"}
    return platform_group(numbers[platform])


def label(control: Control, segment: str) -> int:
    return next(n for pool, name, n in control.fabric.ledger.held() if (pool, name) == ("label", segment))


def mac(control: Control, server: str) -> int:
    found = control.fabric.servers[server].mac
    assert found is not None
    return found


def the_fault(found: Assurance, kind: FaultKind) -> Fault:
    assert found.faults
    assert {fault.kind for fault in found.faults} == {kind}
    return found.faults[0]


def servers(*names: str) -> Touched:
    return Touched(servers=frozenset(names))


# What is right


@pytest.mark.parametrize("name", NAMES)
def test_rules_as_compiled_have_no_fault(name: str) -> None:
    found = check_change(fabric(name).control, ALL, 5000)
    assert found.faults == ()
    assert found.followed > 50


def test_two_halves_that_no_link_joins_are_no_fault() -> None:
    virtual = fabric("daisy-chain")
    virtual.unplug(("chassis2", EAST))
    virtual.settle()
    assert check_change(virtual.control, ALL, 5000).faults == ()


def test_a_ring_with_a_link_that_is_down_is_no_fault() -> None:
    virtual = fabric("ring")
    virtual.unplug(("chassis2", EAST))
    virtual.settle()
    assert check_change(virtual.control, ALL, 5000).faults == ()


def test_a_document_that_no_switch_has_heard_of_is_no_fault() -> None:
    control = VirtualFabric((EXAMPLES / "ring.yaml").read_text()).control
    control.refresh()
    found = check_change(control, ALL, 5000)
    assert found.faults == ()
    assert found.followed > 50


TAGGED = """
segments: {a: {}, b: {}}
platforms:
  c1:
    dpid: 1
    servers:
      a1: {port: 1, segment: a, vlan: 100, mac: "02:00:00:00:00:01", ip: 10.0.0.1}
      b1: {port: 1, segment: b, vlan: 200, mac: "02:00:00:00:00:02", ip: 10.0.0.2}
      a2: {port: 2, segment: a, mac: "02:00:00:00:00:03"}
      b2: {port: 3, segment: b, mac: "02:00:00:00:00:04", ip: "fd00::4"}
      a3: {port: 4, segment: a}
"""


def test_servers_that_share_a_port_by_tags_or_have_no_address_are_no_fault() -> None:
    virtual = VirtualFabric(TAGGED)
    virtual.start()
    found = check_change(virtual.control, ALL, 5000)
    assert found.faults == ()
    assert found.followed


# What is wrong


def test_a_packet_that_goes_round_the_ring_is_found(ring: Control) -> None:
    onward = (ToGroup(link_group(EAST)),)
    for platform in ("chassis1", "chassis2", "chassis4"):
        change(ring, platform, group(way_to(ring, "chassis3")), lambda rule: _to(rule, EAST))
    there = entry(Table.FORWARD, eth_dst=mac(ring, "web5"))
    away = next(i.rule for i in ring.reconciler.switches["chassis1"].wanted.values() if there(i.rule))
    assert isinstance(away, FlowEntry)
    round_again = replace(away, actions=(*away.actions[:-1], *onward))
    change(ring, "chassis3", there, lambda rule: round_again)
    fault = the_fault(check_change(ring, servers("web5"), 500), FaultKind.LOOP)
    assert fault.target == "web5"
    assert "again and again" in fault.message
    assert any(step.startswith("chassis4: table forward") for step in fault.steps)


def _to(rule: Rule, port: int) -> Rule:
    assert isinstance(rule, Group)
    bucket = replace(rule.buckets[0], actions=(ToGroup(link_group(port)),), weight=0)
    return Group(rule.number, GroupType.INDIRECT, (bucket,))


def test_a_way_that_leads_nowhere_is_found_and_shown_by_a_packet_of_its_server(ring: Control) -> None:
    change(ring, "chassis1", group(way_to(ring, "chassis2")), lambda rule: replace(rule, buckets=()))
    found = check_change(ring, Touched(pairs=frozenset({("chassis1", "chassis2")})), 100)
    fault = the_fault(found, FaultKind.LOST)
    sender, target = ring.fabric.servers[fault.source], ring.fabric.servers[fault.target]
    assert (sender.platform, target.platform) == ("chassis1", "chassis2")
    shown = parse(bytes.fromhex(fault.frame))
    assert (shown.fields["eth_src"], shown.fields["eth_dst"]) == (sender.mac, target.mac)
    assert "links that are up lead there" in fault.message


def test_each_of_two_equal_ways_is_tried(ring: Control) -> None:
    for platform in ("chassis2", "chassis4"):
        spoiled = fabric("ring").control
        change(spoiled, platform, group(way_to(spoiled, "chassis3")), lambda rule: replace(rule, buckets=()))
        found = check_change(spoiled, Touched(pairs=frozenset({("chassis1", "chassis3")})), 100)
        the_fault(found, FaultKind.LOST)


def test_a_flood_that_arrives_twice_is_found(ring: Control) -> None:
    def twice(rule: Rule) -> Rule:
        assert isinstance(rule, Group)
        return replace(rule, buckets=(*rule.buckets, rule.buckets[0]))

    change(ring, "chassis2", lambda r: isinstance(r, Group) and r.number >> 28 == GroupKind.FLOOD, twice)
    fault = the_fault(check_change(ring, Touched(segments=frozenset({"web"})), 100), FaultKind.DUPLICATE)
    assert fault.target == "web"
    assert "2 times" in fault.message


def test_a_flood_that_misses_a_platform_is_found(ring: Control) -> None:
    floods = entry(Table.FLOOD, **{Reg.ENTRY: 0, Reg.SEGMENT: label(ring, "web")})
    change(ring, "chassis2", floods, lambda rule: None)
    fault = the_fault(check_change(ring, Touched(segments=frozenset({"web"})), 100), FaultKind.LOST)
    assert ring.fabric.servers[fault.source].platform == "chassis2"


def test_a_packet_for_one_that_all_hear_is_found(ring: Control) -> None:
    change(ring, "chassis1", entry(Table.FORWARD, eth_dst=mac(ring, "web5")), lambda rule: None)
    fault = the_fault(check_change(ring, servers("web1", "web2", "web5"), 500), FaultKind.DUPLICATE)
    assert "as well" in fault.message


def test_a_server_that_gets_into_another_segment_is_found(ring: Control) -> None:
    there = SetField(Reg.SEGMENT, label(ring, "data"))
    sender = entry(Table.PORT, eth_src=mac(ring, "web1"))
    change(ring, "chassis1", sender, lambda rule: replace(rule, actions=(there,)))
    opened = entry(Table.ADDRESS, in_port=1, **{Reg.SEGMENT: label(ring, "web")})
    change(ring, "chassis1", opened, lambda rule: replace(rule, match=_in(rule, label(ring, "data"))))
    found = check_change(ring, servers("web1"), 500)
    crossed = [fault for fault in found.faults if fault.kind is FaultKind.CROSSED]
    assert crossed
    assert "which is in segment data and not in web" in crossed[0].message


def _in(rule: Rule, segment: int) -> tuple[tuple[str, int, int], ...]:
    assert isinstance(rule, FlowEntry)
    return tuple((name, segment if name == Reg.SEGMENT else value, mask) for name, value, mask in rule.match)


def test_a_question_for_another_segment_that_is_answered_is_found(ring: Control) -> None:
    asked = entry(Table.ANSWER, **{Reg.SEGMENT: label(ring, "data"), "arp_op": 1})
    change(ring, "chassis1", asked, lambda rule: replace(rule, match=_in(rule, label(ring, "web"))))
    found = check_change(ring, servers("web1"), 500)
    fault = the_fault(found, FaultKind.CROSSED)
    assert "is answered, though web and data are closed to each other" in fault.message


def test_a_label_that_is_left_on_is_a_lost_packet(ring: Control) -> None:
    kept = entry(Table.LABEL, vlan_vid=0x1000 | label(ring, "web"))
    change(ring, "chassis2", kept, lambda rule: replace(rule, actions=rule.actions[1:]))
    the_fault(check_change(ring, servers("web1", "web3"), 500), FaultKind.LOST)


def test_a_bypass_that_leads_nowhere_is_found_by_taking_its_link_down(ring: Control) -> None:
    for platform in ("chassis1", "chassis2", "chassis3", "chassis4"):
        transit = entry(Table.BYPASS, in_port=WEST)
        change(ring, platform, transit, lambda rule: None)
    fault = the_fault(check_change(ring, servers("web1"), 500), FaultKind.LOST)
    assert fault.failed in RING_LINKS
    assert f"while {fault.failed} is down" in fault.message


def test_a_compiler_that_forgets_its_buckets_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_way(path: PathInput) -> Iterator[Placed]:
        yield Placed(path.platform, Group(platform_group(path.index), GroupType.SELECT, ()), Turn.PATH, 1)

    monkeypatch.setattr(owners, "compile_path", no_way)
    found = check_change(fabric("star").control, ALL, 500)
    assert {fault.kind for fault in found.faults} == {FaultKind.LOST}


# How much is followed


def test_no_more_packets_are_followed_than_the_budget_allows(ring: Control) -> None:
    for budget in (0, 1, 7, 100):
        assert check_change(ring, ALL, budget).followed <= budget


def test_nothing_touched_is_nothing_followed(ring: Control) -> None:
    assert check_change(ring, Touched(), 100) == Assurance((), 0)


def test_what_the_change_took_away_is_not_asked_for(ring: Control) -> None:
    gone = Touched(frozenset({"no-more"}), frozenset({"none"}), frozenset({("chassis1", "gone")}))
    assert check_change(ring, gone, 100) == Assurance((), 0)


def test_a_small_budget_is_shared_by_all_that_is_touched(ring: Control) -> None:
    """Whichever server is spoiled, a few packets for each suffice to see it."""
    for name in ("web1", "web3", "db5", "db8"):
        spoiled = fabric("ring").control
        home = spoiled.fabric.servers[name].platform
        change(spoiled, home, entry(Table.PORT, eth_src=mac(spoiled, name)), lambda rule: None)
        found = check_change(spoiled, ALL, 200)
        assert name in {fault.source for fault in found.faults}


def test_the_same_state_gives_the_same_answer() -> None:
    answers = []
    for _ in range(2):
        control = fabric("ring").control
        change(control, "chassis2", group(way_to(control, "chassis3")), lambda rule: replace(rule, buckets=()))
        answers.append(check_change(control, ALL, 300))
    assert answers[0].faults
    assert answers[0] == answers[1]


def test_the_switches_are_not_touched_by_a_check() -> None:
    virtual = fabric("ring")
    before = {name: dict(switch.wanted) for name, switch in virtual.control.reconciler.switches.items()}
    written = {name: switch.written for name, switch in virtual.switches.items()}
    check_change(virtual.control, ALL, 300)
    virtual.settle()
    assert {name: switch.wanted for name, switch in virtual.control.reconciler.switches.items()} == before
    assert {name: switch.written for name, switch in virtual.switches.items()} == written
