"""Bad frames, thousands of them: the controller stays up, says nothing of errors, and others notice nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab import Lab

from controller.model.spec import ServerSpec
from tests.emulation.frames_hostile import hostile
from tests.emulation.frames_made import arp
from tests.emulation.frames_wire import Card, Ping, Wires, token, wired
from tests.waiting import wait_until

DOCUMENT = """
fabric: hostile
undeclared: {mode: learn, segment: red}
segments:
  red:  {subnet: [10.1.0.0/24, "fd00:1::/64"]}
  blue: {subnet: [10.2.0.0/24, "fd00:2::/64"]}
platforms:
  one:
    dpid: 1
    servers:
      foul: {port: 1, segment: red, ip: [10.1.0.1, "fd00:1::1"], mac: "02:00:00:00:01:01"}
      calm: {port: 2, segment: red, ip: [10.1.0.2, "fd00:1::2"], mac: "02:00:00:00:01:02"}
      blue1: {port: 3, segment: blue, ip: 10.2.0.1, mac: "02:00:00:00:01:03"}
    trunks: {east: {port: 20}}
  two:
    dpid: 2
    servers:
      far: {port: 1, segment: red, ip: [10.1.0.3, "fd00:1::3"], mac: "02:00:00:00:02:01"}
      blue2: {port: 2, segment: blue, ip: 10.2.0.2, mac: "02:00:00:00:02:02"}
    trunks: {west: {port: 20}}
links:
  - [one.east, two.west]
"""
FOUL, GUEST, LAST = "02:00:00:00:01:01", "02:00:00:00:01:09", "02:00:00:00:01:99"
FRAMES, PORTION = 4000, 128
SOON_S, FOUND_S = 10.0, 30.0


@pytest.fixture(scope="module")
def wires() -> Iterator[Wires]:
    with Lab(DOCUMENT) as lab, wired(lab) as built:
        yield built


@pytest.fixture
def guest(wires: Wires) -> Iterator[Card]:
    """A card at a port that nobody declared, where servers are learned."""
    lab = wires.lab
    lab.add_server("guest", ServerSpec(platform="one", port=9, segment="red", mac=GUEST, ip=["10.1.0.9"]))
    wait_until(lambda: learned(lab, GUEST), FOUND_S, "the port does not learn")
    wires.servers["guest"] = Card("eth0", lab.host("guest").pid)
    yield wires.servers["guest"]
    wires.servers.pop("guest").close()
    lab.remove_server("guest")


def learned(lab: Lab, mac: str) -> bool:
    names = {item["name"] for item in lab.api("/servers")["items"]}
    return f"red.{mac.replace(':', '-')}" in names


def pour_under_probe(wires: Wires, sender: str, frames: list[bytes]) -> int:
    """Send them, and again, while others ping each other; how many pings were lost."""
    ping = Ping(wires.lab, "calm", "10.1.0.3", 500)
    wires.pour(sender, frames)
    while ping.running():
        wires.pour(sender, frames[:PORTION])
    return ping.lost()


def alarms(lab: Lab) -> set[tuple[str, str]]:
    return {(alarm["kind"], alarm["subject"]) for alarm in lab.api("/fabric")["status"]["alarms"]}


def controller_is_well(lab: Lab) -> None:
    assert lab.controller is not None
    assert lab.controller.running()
    lab.wait_converged(SOON_S)
    assert not {kind for kind, _ in alarms(lab)} & {"internal", "refused_rule", "slow_switch"}
    log = lab.controller.log.read_text()
    assert "Traceback" not in log
    assert "ERROR" not in log


def declared_as_before(lab: Lab) -> None:
    for name, spec in lab.document.servers.items():
        if spec.platform and name != "guest":
            status = lab.api(f"/servers/{name}")["status"]
            assert (status["state"], status["port"], status["mac"]) == ("present", spec.port, spec.mac)
    (link,) = lab.api("/links")["items"]
    assert link["status"]["state"] == "up"


def test_bad_frames_at_a_server_port_harm_nobody(wires: Wires) -> None:
    assert pour_under_probe(wires, "foul", hostile(1, FRAMES, FOUL)) == 0
    wires.settle("foul")
    wait_until(lambda: ("violation", "one:1") in alarms(wires.lab), SOON_S, "the controller did not hear of them")
    controller_is_well(wires.lab)
    declared_as_before(wires.lab)


def test_bad_frames_at_a_learning_port_harm_nobody(wires: Wires, guest: Card) -> None:
    lab = wires.lab
    assert pour_under_probe(wires, "guest", hostile(2, FRAMES, GUEST)) == 0

    def heard_to_the_end() -> bool:
        """Behind them all, a server as any other: when it is learned, all that was copied before it was read."""
        guest.send(arp(1, LAST, "10.1.0.99", "10.1.0.99"))
        return learned(lab, LAST)

    wait_until(heard_to_the_end, FOUND_S, "nothing is learned any more")
    controller_is_well(lab)
    declared_as_before(lab)


def test_bad_frames_do_not_come_to_another_segment(wires: Wires) -> None:
    mark = token()
    wires.pour("foul", [frame + mark for frame in hostile(3, FRAMES, FOUL) if len(frame) + len(mark) <= 1514])
    wires.settle("foul")
    got = wires.got(mark)
    assert got["calm"] > 0
    assert not got.keys() & {"blue1", "blue2"}
    controller_is_well(wires.lab)
