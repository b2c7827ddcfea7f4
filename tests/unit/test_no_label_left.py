"""More reservations on one platform than there are labels for: an alarm for those without, and nothing else breaks."""

from __future__ import annotations

from controller.edits import Denial, judge_put, judge_room
from controller.model.document import parse_document
from controller.planner import make_plan, take_basis
from controller.rules.rules import Meter
from controller.rules.tables import PATH_LABELS
from tests.virtual import VirtualFabric

FABRIC = """
segments: {web: {}}
platforms:
  a:
    dpid: 1
    servers: {a1: {port: 1, segment: web, mac: "02:00:00:00:01:01"}}
    trunks: {east: {port: 20, rate: 1 Gbit/s}}
  b:
    dpid: 2
    servers: {b1: {port: 1, segment: web, mac: "02:00:00:00:02:01"}}
    trunks: {west: {port: 20, rate: 1 Gbit/s}}
links: [[a.east, b.west]]
reservations:
"""
MANY = len(PATH_LABELS)


def document(count: int) -> str:
    spec = "from: a1, to: b1, rate: 1 kbit/s"
    return FABRIC + "".join(f"  r{port}: {{{spec}, match: {{tcp_dst: {port}}}}}\n" for port in range(1, count + 1))


def without_label(fabric: VirtualFabric) -> set[str]:
    return {alarm.subject for alarm in fabric.control.alarms.standing() if alarm.kind == "no_number_left"}


def metered(fabric: VirtualFabric) -> int:
    return sum(isinstance(rule, Meter) and not rule.packets for rule in fabric.switches["a"].rules.values())


def test_those_without_a_label_have_an_alarm_until_one_is_free() -> None:
    fabric = VirtualFabric(document(MANY + 2))
    fabric.start()
    assert without_label(fabric) <= fabric.control.fabric.declared.reservations.keys()
    assert (len(without_label(fabric)), metered(fabric)) == (2, MANY)
    assert fabric.control.converged
    fabric.change(document(MANY))
    fabric.settle()
    assert (without_label(fabric), metered(fabric)) == (set(), MANY)


def test_one_more_is_refused_over_the_api() -> None:
    fabric = VirtualFabric(document(MANY))
    fabric.start()
    key = ("reservations", "more")
    spec = parse_document(document(MANY + 1), "one more").reservations[f"r{MANY + 1}"]
    desired = fabric.control.fabric.desired.with_changes({key: spec})
    plan = make_plan(take_basis(fabric.control), desired)
    denied = judge_put(plan, key)
    assert denied is not None
    assert judge_room(plan, key) == denied, "a dry run says the same"
    assert denied.why is Denial.IN_CONFLICT
    assert denied.message == (
        "reservation 'more' does not fit: reservation more has no rules: "
        "none of the 1,024 path numbers is left where it needs one"
    )
