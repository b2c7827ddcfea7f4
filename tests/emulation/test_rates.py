"""Rates are kept on real switches: what is granted arrives however much others send, moves without loss, and ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from addressing import CARD
from commands import ip, run, vsctl
from fabric_api import ApiError
from lab import Lab
from received import rates_bps
from steps import await_link
from stream import Flow, Stream, StreamResult
from traffic import Load, Traffic

from tests.waiting import wait_until

MBIT = 1_000_000
SHARE = 0.1
"""How far a rate may be from what was granted here; the experiment `rates` tells how near it is."""
MEASURED_S = 3.0
SOON_S = 15.0
ASIDE = "10.6.0.200"
DOCUMENT = """
fabric: rates
bfd: 100 ms
hold: 1 s
segments: {web: {subnet: 10.6.0.0/24}}
platforms:
  one:
    dpid: 0x6e1
    servers:
      a1: {port: 1, segment: web, ip: 10.6.0.11, mac: "02:00:00:06:01:01"}
      a2: {port: 2, segment: web, ip: 10.6.0.12, mac: "02:00:00:06:01:02"}
      a3: {port: 3, segment: web, ip: 10.6.0.13, mac: "02:00:00:06:01:03"}
      a4: {port: 4, segment: web, ip: 10.6.0.14, mac: "02:00:00:06:01:04", vlan: 100}
      a5:
        {port: 5, segment: web, ip: 10.6.0.15, mac: "02:00:00:06:01:05",
         rate: 40 Mbit/s, fabric_rate: 20 Mbit/s, uplink_rate: 10 Mbit/s}
    trunks: {east: {port: 20, rate: 100 Mbit/s}, south: {port: 21, rate: 50 Mbit/s}}
  two:
    dpid: 0x6e2
    servers:
      b1: {port: 1, segment: web, ip: 10.6.0.21, mac: "02:00:00:06:02:01"}
      b2: {port: 2, segment: web, ip: 10.6.0.22, mac: "02:00:00:06:02:02"}
      b3: {port: 3, segment: web, ip: 10.6.0.23, mac: "02:00:00:06:02:03"}
    uplinks: {isp: {port: 9, segment: web, rate: 80 Mbit/s}}
    trunks: {west: {port: 20, rate: 100 Mbit/s}, south: {port: 21, rate: 50 Mbit/s}}
  three:
    dpid: 0x6e3
    servers:
      c1: {port: 1, segment: web, ip: 10.6.0.31, mac: "02:00:00:06:03:01"}
    trunks: {west: {port: 20, rate: 50 Mbit/s}, east: {port: 21, rate: 50 Mbit/s}}
links:
  - [one.east, two.west]
  - [one.south, three.west]
  - [two.south, three.east]
"""
DIRECT, ROUND = "one.east--two.west", ["one.south--three.west", "three.east--two.south"]
TRUNK = ("one", 20)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(DOCUMENT) as built:
        ip([f"addr add {ASIDE}/24 dev {CARD}"], built.host("isp").pid)
        yield built


@contextmanager
def reserved(lab: Lab, **asked: dict[str, Any]) -> Iterator[None]:
    """Reservations by name, granted and kept while the body runs."""
    try:
        for name, spec in asked.items():
            lab.fabric_api.put(f"/reservations/{name}?wait=5s", spec)
        for name in asked:
            wait_until(partial(is_kept, lab, name), SOON_S, f"{name} is not kept")
        yield
    finally:
        for resource in lab.api("/reservations")["items"]:
            lab.fabric_api.delete(f"/reservations/{resource['name']}?wait=5s")


def rate(source: str, target: str, asked: str, **more: Any) -> dict[str, Any]:
    return {"from": source, "to": target, "rate": asked, **more}


def status(lab: Lab, name: str) -> dict[str, Any]:
    return dict(lab.api(f"/reservations/{name}")["status"])


def directions(lab: Lab, name: str) -> list[dict[str, Any]]:
    return list(status(lab, name)["directions"])


def is_kept(lab: Lab, name: str) -> bool:
    found = directions(lab, name)
    return bool(found) and all(direction["kept_by"] in ("mark", "queue") for direction in found)


def is_measured(lab: Lab, name: str, bps: int) -> bool:
    return directions(lab, name)[0]["measured_bps"] == pytest.approx(bps, rel=SHARE)


# Under an overload


@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
def test_what_is_reserved_is_kept_and_the_others_have_the_rest(lab: Lab, protocol: str) -> None:
    asked = {"r60": rate("a1", "b1", "60 Mbit/s"), "r20": rate("a2", "b2", "20 Mbit/s")}
    sent = (90 * MBIT, 200 * MBIT) if protocol == "UDP" else (None, None)
    loads = [Load("a1", "b1", sent[0]), Load("a2", "b2", sent[1]), Load("a3", "b3", 200 * MBIT)]
    with reserved(lab, **asked), Traffic(lab, loads):
        found = rates_bps(lab, ["b1", "b2", "b3"], MEASURED_S)
        assert found["b1"] == pytest.approx(60 * MBIT, rel=SHARE), found
        assert found["b2"] == pytest.approx(20 * MBIT, rel=SHARE), found
        assert found["b3"] == pytest.approx(20 * MBIT, rel=2 * SHARE), found
        wait_until(lambda: is_measured(lab, "r60", 60 * MBIT), SOON_S, "what arrives is not shown")
        policed = directions(lab, "r20")[0]["policed_bps"]
        assert protocol == "TCP" or policed == pytest.approx(180 * MBIT, rel=3 * SHARE)


def test_nobody_helps_himself_by_what_he_writes_on_his_packets(lab: Lab) -> None:
    """A tagged server that says PCP 5, which is the class of what is protected, and DSCP EF."""
    splitter = lab.wiring.splitters["one", 4]
    seat = next(port for port, tag in splitter.tags.items() if tag == 100)
    splitter.dpctl("add-flow", f"priority=9,in_port={seat},actions=mod_vlan_vid:100,mod_vlan_pcp:5,output:1")
    loads = [Load("a1", "b1", 90 * MBIT), Load("a4", "b3", 200 * MBIT, tos=0xB8)]
    with reserved(lab, mine=rate("a1", "b1", "60 Mbit/s")), Traffic(lab, loads):
        found = rates_bps(lab, ["b1", "b3"], MEASURED_S)
    assert found["b1"] == pytest.approx(60 * MBIT, rel=SHARE), found
    assert found["b3"] == pytest.approx(40 * MBIT, rel=SHARE), found


def test_a_server_has_a_rate_for_its_port_one_for_servers_and_one_for_uplinks(lab: Lab) -> None:
    sends = [Load("a5", "b1", 25 * MBIT), Load("a5", "isp", 14 * MBIT, address=ASIDE), Load("b2", "a5", 60 * MBIT)]
    with Traffic(lab, sends):
        found = rates_bps(lab, ["b1", "isp", "a5"], MEASURED_S)
    assert found["b1"] == pytest.approx(20 * MBIT, rel=SHARE), found
    assert found["isp"] == pytest.approx(10 * MBIT, rel=SHARE), found
    assert found["a5"] == pytest.approx(40 * MBIT, rel=SHARE), found
    with Traffic(lab, [Load("isp", "a5", 30 * MBIT)]):
        found = rates_bps(lab, ["a5"], MEASURED_S)
    assert found["a5"] == pytest.approx(10 * MBIT, rel=SHARE), found


# Asked for, granted, refused


def test_there_is_granted_what_is_left_and_more_when_more_is_left(lab: Lab) -> None:
    with reserved(lab, big=rate("a1", "b1", "70 Mbit/s"), flexible=rate("a2", "b2", "80 Mbit/s", floor="30 Mbit/s")):
        assert (status(lab, "flexible")["state"], status(lab, "flexible")["granted_bps"]) == ("reduced", 50 * MBIT)
        with pytest.raises(ApiError) as refused:
            lab.fabric_api.put("/reservations/more", rate("a3", "b3", "40 Mbit/s"))
        _, code, body = str(refused.value).split(" ", 2)
        offer = json.loads(body)["offer"]
        assert (code, offer["rate_bps"], offer["held_by"]) == ("409", 30 * MBIT, ["big", "flexible"]), offer
        assert [each["name"] for each in lab.api("/reservations")["items"]] == ["big", "flexible"]
        lab.fabric_api.delete("/reservations/big?wait=5s")
        assert (status(lab, "flexible")["state"], status(lab, "flexible")["granted_bps"]) == ("granted", 80 * MBIT)
        assert directions(lab, "flexible")[0]["links"] == [DIRECT]


# Links fail, return and are drained


MINE, OTHERS = Flow("a1", "b1"), (Flow("a2", "c1"), Flow("c1", "a2"), Flow("b2", "c1"))


def links_of(lab: Lab, name: str) -> list[str]:
    return list(directions(lab, name)[0]["links"])


def lost_by(found: StreamResult, *flows: Flow) -> int:
    """Of some flows, beyond what the machine itself dropped."""
    return max(sum(each.lost for each in found.flows if each.flow in flows) - found.overrun - found.overflown, 0)


def test_a_failed_link_moves_what_is_reserved_and_costs_the_others_nothing(lab: Lab) -> None:
    with reserved(lab, mine=rate("a1", "b1", "40 Mbit/s", protected=True)):
        assert links_of(lab, "mine") == [DIRECT]
        with Stream(lab, [MINE, *OTHERS]) as stream:
            stream.go_on(0.3)
            lab.fail_link(DIRECT)
            wait_until(lambda: links_of(lab, "mine") == ROUND, SOON_S, "it is not led over other links")
            lab.wait_converged()
            stream.go_on(0.3)
        assert status(lab, "mine")["granted_bps"] == 40 * MBIT
        lab.mend_link(DIRECT)
        await_link(lab, DIRECT, up=True)
    assert lost_by(stream.result, *OTHERS) == 0, str(stream.result)
    assert lost_by(stream.result, MINE) <= 80, str(stream.result)
    assert not stream.result.duplicated, str(stream.result)


def test_a_path_that_changes_without_a_fault_loses_nothing(lab: Lab) -> None:
    with reserved(lab, mine=rate("a1", "b1", "40 Mbit/s")), Stream(lab, [MINE, *OTHERS]) as stream:
        stream.go_on(0.3)
        try:
            lab.fabric_api.put(f"/links/{DIRECT}/admin?wait=5s", {"state": "drain"})
            wait_until(lambda: links_of(lab, "mine") == ROUND, SOON_S, "it is not led over other links")
            lab.wait_converged()
        finally:
            lab.fabric_api.put(f"/links/{DIRECT}/admin?wait=5s", {"state": "up"})
        lab.wait_converged()
        stream.go_on(0.3)
    assert lost_by(stream.result, MINE, *OTHERS) == 0, str(stream.result)


# The switches' own queues


def port_qos(lab: Lab, *place: Any) -> str:
    return vsctl("get", "Port", lab.interface(*place), "qos").strip()


def filters(device: str) -> list[str]:
    """What each tests and where it leads, without their numbers."""
    shown = run("tc", "filter", "show", "dev", device, "parent", "1:").splitlines()
    return [line.partition("flowid")[2].split()[0] if "flowid" in line else line for line in shown if "pref" not in line or "flowid" in line]


def classes(device: str) -> list[str]:
    return sorted(line.partition(" rate ")[0] for line in run("tc", "class", "show", "dev", device).splitlines())


def test_a_port_has_its_former_qos_again_when_nothing_is_reserved_any_more(lab: Lab) -> None:
    before = port_qos(lab, *TRUNK)
    assert before != "[]"
    with reserved(lab, mine=rate("a1", "b1", "40 Mbit/s")):
        assert port_qos(lab, *TRUNK) != before
    wait_until(lambda: port_qos(lab, *TRUNK) == before, SOON_S, "the port has not its former qos")
    left = vsctl("--columns=external_ids", "list", "QoS") + vsctl("--columns=external_ids", "list", "Queue")
    assert f"backplane-port={lab.interface(*TRUNK)}" not in left


BREAK = {
    "filters": lambda device: run("tc", *f"filter del dev {device} parent 1:".split()),
    "the qos": lambda device: vsctl("clear", "Port", device, "qos"),
    "the device's queues": lambda device: run("tc", *f"qdisc del dev {device} root".split()),
}


@pytest.mark.parametrize("what", BREAK)
def test_queues_that_somebody_takes_away_are_made_again(lab: Lab, what: str) -> None:
    device = lab.interface(*TRUNK)
    with reserved(lab, mine=rate("a1", "b1", "40 Mbit/s")):
        right = filters(device), classes(device), port_qos(lab, *TRUNK)
        BREAK[what](device)
        assert (filters(device), classes(device), port_qos(lab, *TRUNK)) != right

        def is_right() -> bool:
            return (filters(device), classes(device), port_qos(lab, *TRUNK)) == right

        wait_until(is_right, SOON_S, "they are not made again")
        wait_until(lambda: is_kept(lab, "mine"), SOON_S, "it is not kept again")


def test_a_platform_that_is_let_go_has_its_former_qos_again(lab: Lab) -> None:
    """The last test: the fabric is another one then."""
    place, server = ("two", 20), ("one", 5)
    with reserved(lab, mine=rate("a1", "b1", "40 Mbit/s")):
        ours = port_qos(lab, *place)
    wait_until(lambda: port_qos(lab, *place) != ours, SOON_S, "the trunk has not its former qos")
    assert ours != "[]"
    assert lab.interface(*server) in vsctl("--columns=external_ids", "list", "QoS")
