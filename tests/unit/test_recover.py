"""A lost state folder: what the switches hold is taken over, and nothing of it is put in again."""

from __future__ import annotations

import pytest

from controller.learning import Heard
from controller.recover import RETURN_S, SETTLE_S
from controller.rules.tables import Reason
from tests.virtual import VirtualFabric

NAMES = ("one", "two", "three", "four")
MAC, ADDRESS = 0x020000000A00, 0x0A000000


def ring() -> VirtualFabric:
    lines = ["segments: {s: {}}", "platforms:"]
    for at, name in enumerate(NAMES):
        servers = f"{{h{at}: {{port: 1, segment: s, mac: '02:00:00:00:00:0{at + 1}', ip: 10.0.0.{at + 1}}}}}"
        trunks = "{east: {port: 20}, west: {port: 21}}"
        lines.append(f"  {name}: {{dpid: {at + 1}, servers: {servers}, trunks: {trunks}}}")
    ends = [f"  - [{name}.east, {NAMES[(at + 1) % 4]}.west]" for at, name in enumerate(NAMES)]
    fabric = VirtualFabric("\n".join([*lines, "links:", *ends]))
    fabric.start()
    return fabric


def with_a_history() -> VirtualFabric:
    """A ring whose flood tree is not the first one any more."""
    fabric = ring()
    for _ in range(3):
        for at, name in enumerate(NAMES):
            fabric.unplug((name, 20))
            fabric.settle()
            fabric.plug((name, 20), (NAMES[(at + 1) % 4], 21))
            fabric.settle()
    assert fabric.control.fabric.trees["s"][0] > 0
    return fabric


def written(fabric: VirtualFabric) -> int:
    return sum(switch.written for switch in fabric.switches.values())


def test_nothing_is_sent_when_the_state_was_lost() -> None:
    fabric = with_a_history()
    before, rules = written(fabric), fabric.rules()
    fabric.restart_controller(keep_state=False)
    fabric.start()
    assert written(fabric) == before
    assert fabric.rules() == rules


@pytest.mark.parametrize("late", NAMES)
def test_those_that_are_back_wait_for_one_that_is_late(late: str) -> None:
    fabric = with_a_history()
    before = written(fabric)
    fabric.restart_controller(keep_state=False)
    others = [name for name in NAMES if name != late]
    fabric.connect(*others)
    fabric.discover()
    fabric.now += RETURN_S / 2
    assert not fabric.step()
    fabric.connect(late)
    fabric.settle()
    assert written(fabric) == before


def test_one_that_does_not_come_back_is_done_without() -> None:
    fabric = with_a_history()
    before = written(fabric)
    fabric.restart_controller(keep_state=False)
    fabric.connect(*NAMES[1:])
    fabric.now += RETURN_S + 1
    fabric.settle()
    assert written(fabric) > before


def test_a_switch_without_rules_does_not_wait() -> None:
    fabric = ring()
    fabric.restart_controller(keep_state=False)
    fabric.switches["one"].rules.clear()
    fabric.switches["one"].cookies.clear()
    fabric.connect("two")
    fabric.connect("one")
    assert fabric.control.next_step(fabric.now).keys() == {"one"}


def test_they_wait_no_longer_than_discovery_takes_once_all_are_back() -> None:
    fabric = with_a_history()
    fabric.restart_controller(keep_state=False)
    fabric.connect()
    fabric.change("segments: {}")
    assert not fabric.step()
    fabric.now += SETTLE_S
    assert fabric.step()


# Without a document


def adopted() -> VirtualFabric:
    """Three adopted platforms in a row with a learned server each, on port 1."""
    fabric = VirtualFabric()
    ports = {"p1": (1, 20), "p2": (1, 20, 21), "p3": (1, 21)}
    for dpid, (name, numbers) in enumerate(ports.items(), start=1):
        fabric.add_switch(name, dpid, numbers)
    for one, other in (("p1", "p2"), ("p2", "p3")):
        fabric.plug((one, 20), (other, 21))
    fabric.start()
    for number, name in enumerate(ports, start=1):
        said = {"eth_src": MAC + number, "arp_spa": ADDRESS + number}
        fabric.control.packet_heard(Heard((name, 1), Reason.LEARN_MAC, said), fabric.now)
    fabric.settle()
    return fabric


def test_learned_servers_and_their_ports_are_taken_over_from_the_switches() -> None:
    fabric = adopted()
    before, known = written(fabric), dict(fabric.control.fabric.servers)
    assert len(known) == 3
    fabric.restart_controller(keep_state=False)
    fabric.start()
    assert fabric.control.fabric.servers == known
    assert written(fabric) == before


@pytest.mark.parametrize("late", ["p1", "p2", "p3"])
def test_an_adopted_switch_that_is_late_finds_the_others_as_it_left_them(late: str) -> None:
    """Its neighbours' trunks are silent until it is there."""
    fabric = adopted()
    before, known = written(fabric), dict(fabric.control.fabric.servers)
    fabric.restart_controller(keep_state=False)
    fabric.connect(*(name for name in ("p1", "p2", "p3") if name != late))
    for _ in range(10):
        fabric.now += RETURN_S / 20
        fabric.discover()
        for end, other in fabric.cables.items():
            if other[0] == late:
                fabric.control.port_silent(end)
        fabric.step()
    fabric.connect(late)
    fabric.settle()
    assert fabric.control.fabric.servers == known
    assert written(fabric) == before
