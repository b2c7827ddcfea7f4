"""Which queues ports get: one for each reservation where it begins, room for what passes, the rest for best effort."""

from __future__ import annotations

from collections.abc import Mapping

from controller.queues import MOST_BPS, QUEUED_WITHIN_S, Mechanism, PortQueues, Queue
from controller.rules.rules import FlowEntry, SetField
from controller.rules.tables import QueueKind, Reg, Table, path_queue
from tests.virtual import VirtualFabric

MBIT = 1_000_000
EAST, SOUTH, NORTH = 20, 21, 22
FABRIC = """
segments: {web: {}}
platforms:
  a:
    dpid: 1
    servers:
      a1: {port: 1, segment: web, mac: "02:00:00:00:01:01"}
      a2: {port: 2, segment: web, mac: "02:00:00:00:01:02", vlan: 100}
      slow: {port: 3, segment: web, mac: "02:00:00:00:01:03", rate: 40 Mbit/s}
    trunks: {east: {port: 20, rate: 100 Mbit/s}, south: {port: 21, rate: 100 Mbit/s}}
  b:
    dpid: 2
    servers: {b1: {port: 1, segment: web, mac: "02:00:00:00:02:01"}}
    trunks:
      west: {port: 20, rate: 100 Mbit/s}
      south: {port: 21, rate: 100 Mbit/s}
      north: {port: 22, rate: 100 Mbit/s}
  c:
    dpid: 3
    servers: {c1: {port: 1, segment: web, mac: "02:00:00:00:03:01"}}
    trunks: {north: {port: 20, rate: 100 Mbit/s}, east: {port: 21, rate: 100 Mbit/s}}
  d:
    dpid: 4
    servers: {d1: {port: 1, segment: web, mac: "02:00:00:00:04:01"}}
    trunks: {south: {port: 22, rate: 100 Mbit/s}}
links:
  - [a.east, b.west]
  - [a.south, c.north]
  - [b.south, c.east]
  - [b.north, d.south]
"""


def fabric(text: str = FABRIC, **asked: str) -> VirtualFabric:
    """A ring of a, b and c, with d beyond b, and these reservations."""
    specs = "".join(f"  {name}: {{{spec}}}\n" for name, spec in asked.items())
    found = VirtualFabric(f"{text}reservations:\n{specs}" if asked else text)
    found.start()
    return found


def port(of: VirtualFabric, platform: str, number: int) -> PortQueues | None:
    return next((queues for queues in of.control.queues.of(platform) if queues.number == number), None)


def queues(of: VirtualFabric, platform: str, number: int) -> dict[int, Queue]:
    found = port(of, platform, number)
    assert found is not None, f"{platform}:{number} has no queues"
    return {queue.number: queue for queue in found.queues}


def label(of: VirtualFabric, name: str) -> int:
    return of.control.granted[name][0][0].label


def all_ports(of: VirtualFabric) -> list[PortQueues]:
    return [found for platform in of.control.fabric.platforms for found in of.control.queues.of(platform)]


# Where there are any


def test_without_reservations_only_ports_with_a_rate_have_queues() -> None:
    of = fabric()
    assert [(found.name, found.rate_bps) for found in all_ports(of)] == [("eth3", 40 * MBIT)]
    (only,) = queues(of, "a", 3).values()
    assert (only.number, only.max_bps) == (QueueKind.DEFAULT, 40 * MBIT)


def test_with_one_every_trunk_with_a_rate_has_them() -> None:
    text = FABRIC.replace("north: {port: 22, rate: 100 Mbit/s}", "north: {port: 22}").replace(
        "south: {port: 22, rate: 100 Mbit/s}", "south: {port: 22}"
    )
    of = fabric(text, one="from: a1, to: b1, rate: 30 Mbit/s")
    trunks = {(found.name, found.is_trunk) for found in of.control.queues.of("b")}
    assert trunks == {("eth20", True), ("eth21", True)}
    assert of.control.queues.of("d") == ()


def test_a_rate_that_open_vswitch_cannot_keep_has_none() -> None:
    wide = FABRIC.replace("100 Mbit/s", f"{MOST_BPS + 10**9} bit/s")
    assert port(fabric(wide, one="from: a1, to: b1, rate: 30 Mbit/s"), "a", EAST) is None
    just = FABRIC.replace("100 Mbit/s", f"{MOST_BPS} bit/s")
    assert port(fabric(just, one="from: a1, to: b1, rate: 30 Mbit/s"), "a", EAST) is not None


# What they hold


def test_a_reservation_is_shaped_to_its_grant_where_it_begins_and_has_room_where_it_passes() -> None:
    of = fabric(one="from: a1, to: d1, rate: 30 Mbit/s")
    own = path_queue(label(of, "one"))
    first, second = queues(of, "a", EAST), queues(of, "b", NORTH)
    assert (first[own].min_bps, first[own].max_bps) == (30 * MBIT, 30 * MBIT)
    found = port(of, "a", EAST)
    assert found is not None
    assert found.labels == ((label(of, "one"), own),)
    assert own not in second
    assert second[QueueKind.RESERVED].min_bps == 30 * MBIT
    assert second[QueueKind.RESERVED].max_bps == 100 * MBIT


def test_best_effort_has_what_is_left_and_comes_after_what_is_reserved() -> None:
    of = fabric(one="from: a1, to: b1, rate: 60 Mbit/s", two="from: a1, to: b1, rate: 20 Mbit/s, match: {tcp_dst: 80}")
    found = queues(of, "a", EAST)
    rest = found[QueueKind.BEST_EFFORT]
    assert 18 * MBIT < rest.min_bps <= 20 * MBIT
    assert rest.max_bps == 100 * MBIT
    assert all(rest.priority > queue.priority for queue in found.values() if queue is not rest)


def test_with_all_reserved_best_effort_is_not_starved() -> None:
    found = queues(fabric(one="from: a1, to: b1, rate: 100 Mbit/s"), "a", EAST)
    assert found[QueueKind.BEST_EFFORT].min_bps > 0
    assert found[QueueKind.BEST_EFFORT].max_bps == 100 * MBIT


def test_what_is_protected_has_its_queue_where_its_bypass_begins_and_room_along_it() -> None:
    of = fabric(one="from: a1, to: b1, rate: 30 Mbit/s, protected: true", two="from: a1, to: d1, rate: 5 Mbit/s")
    own = path_queue(label(of, "one"))
    assert queues(of, "a", SOUTH)[own].min_bps == 30 * MBIT
    assert queues(of, "c", 21)[QueueKind.RESERVED].min_bps == 30 * MBIT
    assert path_queue(label(of, "two")) not in queues(of, "a", SOUTH)


def test_within_a_platform_it_is_shaped_at_the_port_of_its_end() -> None:
    of = fabric(one="from: a1, to: slow, rate: 30 Mbit/s", two="from: slow, to: a1, rate: 10 Mbit/s")
    there, back = path_queue(label(of, "one")), path_queue(label(of, "two"))
    assert queues(of, "a", 3)[there].max_bps == 30 * MBIT
    assert queues(of, "a", 3)[QueueKind.DEFAULT].max_bps == 40 * MBIT
    assert queues(of, "a", 1)[back].max_bps == 10 * MBIT
    found = port(of, "a", 3)
    assert found is not None
    assert [(frames.chosen.source, frames.queue) for frames in found.frames] == [(0x020000000101, there)]


def test_what_arrives_at_a_server_port_goes_before_best_effort_there() -> None:
    of = fabric(one="from: b1, to: slow, rate: 30 Mbit/s", two="from: c1, to: slow, rate: 5 Mbit/s")
    found = port(of, "a", 3)
    assert found is not None
    assert queues(of, "a", 3)[QueueKind.RESERVED].min_bps == 35 * MBIT
    assert {frames.queue for frames in found.frames} == {QueueKind.RESERVED}


def test_frames_of_a_tagged_server_are_told_as_such() -> None:
    of = fabric(one="from: a1, to: a2, rate: 30 Mbit/s")
    found = port(of, "a", 2)
    assert found is not None
    assert [frames.tagged for frames in found.frames] == [True]


def test_no_port_is_sure_of_more_than_its_rate() -> None:
    pairs = [("a1", "b1"), ("a2", "c1"), ("b1", "c1"), ("slow", "b1"), ("a1", "c1")]
    spec = "from: {}, to: {}, rate: 9 Mbit/s, both: true, protected: true"
    of = fabric(**{f"r{number}": spec.format(*pair) for number, pair in enumerate(pairs)})
    assert all(outcome.state == "granted" for outcome in of.control.negotiation.outcomes.values())
    for found in all_ports(of):
        sure = sum(queue.min_bps for queue in found.queues)
        assert sure <= found.rate_bps * 1.001, found.name
        assert all(queue.min_bps <= queue.max_bps <= found.rate_bps for queue in found.queues)


# When things change


def test_a_grant_that_moves_takes_its_queue_along() -> None:
    of = fabric(one="from: a1, to: b1, rate: 30 Mbit/s")
    of.unplug(("a", EAST))
    of.settle()
    assert queues(of, "a", SOUTH)[path_queue(label(of, "one"))].min_bps == 30 * MBIT
    east = port(of, "a", EAST)
    assert east is None or east.labels == ()


def test_when_nothing_is_reserved_any_more_trunks_have_none() -> None:
    of = fabric(one="from: a1, to: b1, rate: 30 Mbit/s")
    of.change(FABRIC)
    of.settle()
    assert [found.name for found in all_ports(of)] == ["eth3"]


def test_how_a_grant_is_kept_is_police_until_a_bridge_was_seen_to_do_more() -> None:
    of = fabric(one="from: a1, to: b1, rate: 30 Mbit/s")
    assert of.control.queues.mechanism("a", EAST) == "police"
    seen(of, "a", {EAST: "mark"})
    assert of.control.queues.mechanism("a", EAST) == "mark"
    assert of.control.queues.mechanism("a", SOUTH) == "police"


def seen(of: VirtualFabric, platform: str, kept: Mapping[int, Mechanism]) -> None:
    """The bridge was looked at: it has all the queues that are wanted now at these ports."""
    found = {each: kept[each.number] for each in of.control.queues.of(platform) if each.number in kept}
    of.control.bridge_seen(platform, (), found, of.now)


def kept_by(of: VirtualFabric, name: str) -> str:
    ((direction, end),) = of.control.granted[name]
    return of.control.queues.kept_by(direction, end)


def test_a_reservation_is_kept_as_at_the_weakest_port_on_its_way() -> None:
    of = fabric(one="from: b1, to: slow, rate: 30 Mbit/s", far="from: b1, to: a1, rate: 30 Mbit/s")
    seen(of, "a", {3: "police"})
    seen(of, "b", {20: "mark"})
    assert kept_by(of, "one") == "police"
    assert kept_by(of, "far") == "mark"
    seen(of, "a", {3: "mark"})
    assert kept_by(of, "one") == "mark"
    seen(of, "b", {20: "queue"})
    assert kept_by(of, "far") == "queue"


def test_a_device_cannot_tell_what_comes_from_an_uplink_a_flow_entry_can() -> None:
    beyond_d = "    uplinks: {isp: {port: 9, segment: web}}\n"
    at_d = FABRIC.index("    trunks: {south: {port: 22")
    text = FABRIC[:at_d] + beyond_d + FABRIC[at_d:]
    of = fabric(text, slowed="from: isp, to: slow, rate: 30 Mbit/s", free="from: isp, to: a1, rate: 30 Mbit/s")
    for platform, port_no in (("d", 22), ("b", 20)):
        seen(of, platform, {port_no: "mark"})
    seen(of, "a", {3: "mark"})
    assert (kept_by(of, "slowed"), kept_by(of, "free")) == ("police", "mark")
    for platform, port_no in (("d", 22), ("b", 20), ("a", 3)):
        seen(of, platform, {port_no: "queue"})
    assert (kept_by(of, "slowed"), kept_by(of, "free")) == ("queue", "queue")


# Make before break


def led_over(of: VirtualFabric) -> int:
    """The label that `one` is led onto where it enters."""
    rules = of.switches["a"].rules.values()
    (entry,) = [rule for rule in rules if isinstance(rule, FlowEntry) and rule.table == Table.STEER and rule.meter]
    return next(action.value for action in entry.actions if isinstance(action, SetField) and action.field == Reg.PATH)


def act(of: VirtualFabric) -> None:
    """All steps of less than a second."""
    for _ in range(9):
        of.discover()
        of.step()
        of.now += 0.1


def test_traffic_is_led_onto_another_path_when_that_has_its_queue() -> None:
    of = fabric(one="from: a1, to: b1, rate: 30 Mbit/s")
    seen(of, "a", {EAST: "mark", SOUTH: "mark"})
    before = label(of, "one")
    of.unplug(("a", EAST))
    act(of)
    after = label(of, "one")
    assert after != before
    assert led_over(of) == before
    assert not of.control.converged
    seen(of, "a", {SOUTH: "mark"})
    act(of)
    assert led_over(of) == after


def test_it_does_not_wait_for_long_for_a_queue() -> None:
    of = fabric(one="from: a1, to: b1, rate: 30 Mbit/s")
    seen(of, "a", {EAST: "mark", SOUTH: "mark"})
    of.unplug(("a", EAST))
    act(of)
    of.now += QUEUED_WITHIN_S
    act(of)
    assert led_over(of) == label(of, "one")


def test_the_queue_of_a_path_stays_until_nothing_is_led_onto_it() -> None:
    of = fabric(one="from: a1, to: b1, rate: 30 Mbit/s")
    of.unplug(("a", EAST))
    of.settle()
    far = label(of, "one")
    of.plug(("a", EAST), ("b", 20))
    while label(of, "one") == far:
        of.now += 1.0
        of.discover()
        of.step()
    assert path_queue(far) in queues(of, "a", SOUTH)
    of.settle()
    assert path_queue(far) not in queues(of, "a", SOUTH)
