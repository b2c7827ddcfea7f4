"""Where BFD is wanted, what it says of a link, and when a link that had failed is led over again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.liveness import GIVE_UP_S
from controller.model.links import LinkState
from controller.model.topology import End
from tests.virtual import VirtualFabric

LINK = "p1.next--p2.back"
NEAR, FAR = ("p1", 20), ("p2", 21)
HOLD_S = 7
TRUNKS = "trunks: {next: {port: 20}, back: {port: 21}}"


def ring(*extra: str, links: str = "") -> VirtualFabric:
    lines = ["segments: {s: {}}", f"hold: {HOLD_S} s", *extra, "platforms:"]
    for number in range(1, 5):
        server = f"h{number}: {{port: 1, segment: s, mac: '02:00:00:00:00:0{number}'}}"
        lines.append(f"  p{number}: {{dpid: {number}, servers: {{{server}}}, {TRUNKS}}}")
    first = links or "[p1.next, p2.back]"
    lines += ["links:", f"  - {first}", *(f"  - [p{n}.next, p{n % 4 + 1}.back]" for n in (2, 3, 4))]
    fabric = VirtualFabric("\n".join(lines))
    fabric.start()
    return fabric


def looked_at(fabric: VirtualFabric, *platforms: str, heard: bool = True) -> None:
    for name in platforms:
        ports = [20, 21] if heard else []
        fabric.control.bridge_seen(name, ports, {}, fabric.now)


def watched() -> VirtualFabric:
    """A ring where BFD hears both ends of every link."""
    fabric = ring()
    looked_at(fabric, "p1", "p2", "p3", "p4")
    fabric.settle()
    return fabric


def set_live(fabric: VirtualFabric, end: End, live: bool) -> None:
    port = fabric.switches[end[0]].ports[end[1]]
    fabric.control.port_changed(end[0], replace(port, live=live))


def state(fabric: VirtualFabric) -> LinkState:
    fabric.step()
    return fabric.control.routing.states[LINK]


def alarms(fabric: VirtualFabric, kind: str) -> list[str]:
    return [alarm.message for alarm in fabric.control.alarms.standing() if alarm.kind == kind]


# Where it is wanted


def test_bfd_is_wanted_when_both_bridges_were_written_and_left_as_it_is_until_then() -> None:
    fabric = ring()
    assert fabric.control.liveness.interval_ms(NEAR) is None
    looked_at(fabric, "p1")
    assert fabric.control.liveness.interval_ms(NEAR) is None, "the other end is not known yet"
    looked_at(fabric, "p2")
    assert fabric.control.liveness.interval_ms(NEAR) == 20
    assert fabric.control.bridge("p1")[2][0].bfd_ms == 20


@pytest.mark.parametrize(
    ("extra", "link", "interval_ms"),
    [
        ("bfd: 100 ms", "", 100),
        ("bfd: off", "", 0),
        ("bfd: off", "{ends: [p1.next, p2.back], bfd: 50 ms}", 50),
        ("", "{ends: [p1.next, p2.back], bfd: off}", 0),
    ],
)
def test_a_link_has_its_own_interval_or_the_fabrics(extra: str, link: str, interval_ms: int) -> None:
    fabric = ring(*filter(None, [extra]), links=link)
    looked_at(fabric, "p1", "p2")
    assert fabric.control.liveness.interval_ms(NEAR) == interval_ms


def test_where_one_database_cannot_be_reached_bfd_is_off_at_both_ends_and_an_alarm_says_so() -> None:
    fabric = ring()
    looked_at(fabric, "p1")
    fabric.control.bridge_seen("p2", None, {}, fabric.now)
    assert fabric.control.liveness.interval_ms(NEAR) == 0
    (message, *_) = alarms(fabric, "bfd")
    assert message.startswith(f"{LINK}: BFD is off there, since the database of p2 cannot be reached")
    looked_at(fabric, "p2")
    assert fabric.control.liveness.interval_ms(NEAR) == 20
    assert not alarms(fabric, "bfd")


def test_a_database_that_is_lost_for_a_while_changes_nothing() -> None:
    fabric = watched()
    fabric.control.bridge_seen("p2", None, {}, fabric.now)
    assert fabric.control.liveness.interval_ms(NEAR) == 20
    assert NEAR in fabric.control.fabric.wiring.watched


def test_a_link_that_is_not_to_be_used_is_not_watched() -> None:
    fabric = watched()
    fabric.control.set_admin(("links", LINK), "down")
    fabric.settle()
    assert fabric.control.liveness.interval_ms(NEAR) == 0
    assert not {NEAR, FAR} & fabric.control.fabric.wiring.watched


# What it says


def test_a_port_that_bfd_does_not_hear_counts_only_once_bfd_had_heard_it() -> None:
    fabric = ring()
    set_live(fabric, NEAR, False)
    assert state(fabric) is LinkState.UP, "BFD is beginning"
    set_live(fabric, NEAR, True)
    looked_at(fabric, "p1", "p2")
    set_live(fabric, NEAR, False)
    assert state(fabric) is LinkState.DOWN
    assert alarms(fabric, "link_down") == [f"{LINK} is down: BFD does not hear the other end at p1.next"]
    set_live(fabric, NEAR, True)
    assert state(fabric) is LinkState.UP


def test_what_bfd_had_heard_is_known_after_a_restart() -> None:
    fabric = watched()
    set_live(fabric, NEAR, False)
    assert state(fabric) is LinkState.DOWN
    fabric.restart_controller()
    fabric.switches["p1"].ports[20] = replace(fabric.switches["p1"].ports[20], live=False)
    fabric.connect()
    assert state(fabric) is LinkState.DOWN


def test_bfd_that_hears_nothing_though_probes_pass_is_given_up() -> None:
    fabric = ring()
    for _ in range(5):
        looked_at(fabric, "p1", "p2", heard=False)
        fabric.discover()
        fabric.now += GIVE_UP_S / 3
    assert fabric.control.liveness.interval_ms(NEAR) == 0
    (message, *_) = alarms(fabric, "bfd")
    assert message.startswith(f"{LINK}: BFD does not hear its ends though probes pass")


@pytest.mark.parametrize("mended", ["the document turns it off", "the cable is plugged in again"])
def test_bfd_that_was_given_up_is_no_alarm_once_somebody_has_seen_to_it(mended: str) -> None:
    fabric = ring()
    for _ in range(5):
        looked_at(fabric, "p1", "p2", heard=False)
        fabric.discover()
        fabric.now += GIVE_UP_S / 3
    assert alarms(fabric, "bfd")
    if mended == "the document turns it off":
        document = fabric.control.fabric.document
        assert document
        fabric.change(document.model_copy(update={"bfd": 0}))
    else:
        fabric.unplug(NEAR)
        fabric.settle()
        fabric.plug(NEAR, FAR)
    fabric.settle()
    assert not alarms(fabric, "bfd")
    assert fabric.control.liveness.interval_ms(NEAR) == (20 if "cable" in mended else 0)


def test_bfd_that_hears_nothing_is_right_where_no_probes_come_either() -> None:
    fabric = ring()
    for end in (NEAR, FAR):
        set_live(fabric, end, False)
    assert state(fabric) is LinkState.UP, "BFD is beginning"
    for _ in range(5):
        looked_at(fabric, "p1", "p2", heard=False)
        fabric.now += GIVE_UP_S / 3
    assert fabric.control.liveness.interval_ms(NEAR) == 20
    assert state(fabric) is LinkState.DOWN


# When it is led over again


def leads_over(fabric: VirtualFabric) -> bool:
    return fabric.control.routing.ports("p1", "p2") == (20,)


def test_a_link_that_had_failed_is_led_over_when_it_has_worked_for_long_enough() -> None:
    fabric = watched()
    set_live(fabric, NEAR, False)
    fabric.settle()
    assert not leads_over(fabric)
    set_live(fabric, NEAR, True)
    assert state(fabric) is LinkState.UP
    fabric.now += HOLD_S - 1
    fabric.step()
    assert not leads_over(fabric)
    fabric.now += 1
    fabric.step()
    assert leads_over(fabric)


def test_a_link_that_comes_and_goes_begins_anew_each_time() -> None:
    fabric = watched()
    for _ in range(3):
        set_live(fabric, NEAR, False)
        fabric.step()
        set_live(fabric, NEAR, True)
        fabric.step()
        fabric.now += HOLD_S - 1
        fabric.step()
        assert not leads_over(fabric)


def test_the_only_way_is_led_over_at_once() -> None:
    fabric = watched()
    fabric.unplug(("p3", 20))
    fabric.settle()
    set_live(fabric, NEAR, False)
    fabric.settle()
    fabric.unplug(NEAR)
    fabric.settle()
    assert fabric.control.routing.ports("p1", "p2") == ()
    fabric.plug(NEAR, FAR)
    fabric.discover()
    fabric.step()
    assert leads_over(fabric)


def test_one_that_waits_is_led_over_when_the_other_way_fails() -> None:
    fabric = watched()
    set_live(fabric, NEAR, False)
    fabric.settle()
    set_live(fabric, NEAR, True)
    fabric.step()
    assert not leads_over(fabric)
    fabric.unplug(("p3", 20))
    fabric.step()
    assert leads_over(fabric)


def test_a_link_that_waits_serves_as_a_way_round() -> None:
    fabric = watched()
    set_live(fabric, NEAR, False)
    fabric.settle()
    other = "p2.next--p3.back"
    assert fabric.control.routing.way_round(other, "p2") is None
    set_live(fabric, NEAR, True)
    fabric.step()
    way = fabric.control.routing.way_round(other, "p2")
    assert way
    assert LINK in {link.name for link in way.links}
    set_live(fabric, NEAR, False)
    fabric.step()
    assert fabric.control.routing.way_round(other, "p2") is None


def test_a_restarted_controller_waits_too() -> None:
    fabric = watched()
    set_live(fabric, NEAR, False)
    fabric.settle()
    set_live(fabric, NEAR, True)
    steps(fabric)
    rules = fabric.rules()
    fabric.restart_controller()
    fabric.connect()
    fabric.discover()
    steps(fabric)
    assert fabric.control.routing.waiting
    assert fabric.rules() == rules


def steps(fabric: VirtualFabric) -> None:
    """All that is to be done at once, within two seconds."""
    for _ in range(200):
        fabric.step()


# What BFD says may be wrong


def ways(fabric: VirtualFabric) -> dict[str, int]:
    """How many links are led over, and how many pairs of platforms have a way."""
    routing, names = fabric.control.routing, ("p1", "p2", "p3", "p4")
    return {
        "links": len(routing.live),
        "pairs": sum(bool(routing.ports(one, other)) for one in names for other in names if one != other),
    }


def test_where_bfd_hears_nobody_any_more_all_are_still_reached() -> None:
    """A switch that is held up for a moment loses all its neighbours at once."""
    fabric = watched()
    ends = [(f"p{number}", port) for number in range(1, 5) for port in (20, 21)]
    for end in ends:
        set_live(fabric, end, False)
    rules = fabric.rules()
    fabric.settle()
    assert ways(fabric) == {"links": 4, "pairs": 12}
    assert fabric.rules() == rules, "nothing is changed for it"
    for end in ends:
        set_live(fabric, end, True)
        fabric.step()
        assert ways(fabric)["pairs"] == 12
    fabric.settle()
    assert ways(fabric) == {"links": 4, "pairs": 12}


def test_all_that_may_join_what_is_apart_is_tried_be_it_called_failed() -> None:
    """One of them may work, and a switch goes round the other by itself."""
    fabric = watched()
    for end in (NEAR, ("p3", 20)):
        set_live(fabric, end, False)
    fabric.settle()
    assert ways(fabric) == {"links": 4, "pairs": 12}
    set_live(fabric, NEAR, True)
    fabric.settle()
    assert ways(fabric) == {"links": 3, "pairs": 12}
    assert leads_over(fabric)


def test_a_link_that_bfd_calls_failed_is_not_led_over_once_there_is_another_way() -> None:
    fabric = watched()
    fabric.unplug(("p3", 20))
    set_live(fabric, NEAR, False)
    fabric.settle()
    assert leads_over(fabric), "there is no other way, so it is tried"
    fabric.plug(("p3", 20), ("p4", 21))
    fabric.settle()
    assert not leads_over(fabric)
    set_live(fabric, NEAR, True)
    fabric.settle()
    assert leads_over(fabric)


# Platforms


def test_a_platform_has_failed_when_its_neighbours_see_all_its_links_down_and_it_is_not_connected() -> None:
    fabric = watched()
    fabric.disconnect("p2")
    fabric.step()
    assert not fabric.control.failures.failed, "not connected is not failed"
    for end in (("p1", 20), ("p3", 21)):
        set_live(fabric, end, False)
    fabric.step()
    assert fabric.control.failures.failed == {"p2"}
    assert alarms(fabric, "platform_down") == ["p2 has failed: its neighbours see all its links down; unreachable: h2"]
    set_live(fabric, ("p1", 20), True)
    fabric.step()
    assert not fabric.control.failures.failed
    assert not alarms(fabric, "platform_down")


def test_a_switch_that_no_neighbour_hears_is_asked_whether_it_lives() -> None:
    fabric = watched()
    for end in (("p1", 20), ("p3", 21)):
        set_live(fabric, end, False)
    fabric.step()
    assert fabric.control.take_doubted() == {"p2"}
    assert not fabric.control.take_doubted()


def test_others_do_not_wait_for_a_switch_to_which_no_path_leads() -> None:
    fabric = watched()
    for end in (("p1", 20), ("p3", 21)):
        fabric.unplug(end)
    silent = fabric.control.next_step(fabric.now)
    assert "p2" in silent, "it is still connected"
    for name in silent.keys() - {"p2"}:
        fabric.switches[name].carry_out(silent[name])
        fabric.control.step_confirmed(name, {}, fabric.now)
    fabric.now += 1
    assert fabric.control.next_step(fabric.now).keys() <= {"p1", "p3", "p4"}
