"""Rates are kept on real switches: what is granted arrives however much others send, moves without loss, and ends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from addressing import CARD
from commands import ip, run, vsctl
from fabric_api import ApiError
from lab import Lab
from steps import await_link
from stream import Flow, Stream, StreamResult
from traffic import FIRST_PORT, Load, Traffic

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
      d1: {port: 6, segment: web, ip: 10.6.0.16, mac: "02:00:00:06:01:06", vlan: 100, rate: 40 Mbit/s}
      d2: {port: 6, segment: web, ip: 10.6.0.17, mac: "02:00:00:06:01:07", vlan: 200, rate: 40 Mbit/s}
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


def assert_near(found: dict[str, float], **mbit: float) -> None:
    assert found == {server: pytest.approx(rate * MBIT, rel=SHARE) for server, rate in mbit.items()}, found


@contextmanager
def drained(lab: Lab, link: str) -> Iterator[None]:
    """Taken out of use while the body runs."""
    lab.fabric_api.put(f"/links/{link}/admin?wait=5s", {"state": "drain"})
    try:
        yield
    finally:
        lab.fabric_api.put(f"/links/{link}/admin?wait=5s", {"state": "up"})
        lab.wait_converged()


@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
def test_what_is_reserved_is_kept_and_the_others_have_the_rest(lab: Lab, protocol: str) -> None:
    asked = {"r60": rate("a1", "b1", "60 Mbit/s"), "r20": rate("a2", "b2", "20 Mbit/s")}
    sent = (90 * MBIT, 200 * MBIT) if protocol == "UDP" else (None, None)
    loads = [Load("a1", "b1", sent[0]), Load("a2", "b2", sent[1]), Load("a3", "b3", 200 * MBIT)]
    with reserved(lab, **asked), Traffic(lab, loads) as traffic:
        assert_near(traffic.rates_bps(MEASURED_S), b1=60, b2=20, b3=20)
        wait_until(lambda: is_measured(lab, "r60", 60 * MBIT), SOON_S, "what arrives is not shown")
        policed = directions(lab, "r20")[0]["policed_bps"]
        assert protocol == "TCP" or policed == pytest.approx(180 * MBIT, rel=3 * SHARE)


def test_it_is_kept_across_three_platforms(lab: Lab) -> None:
    loads = [Load("a1", "b1", 90 * MBIT), Load("a2", "b2"), Load("a3", "b3", 100 * MBIT), Load("c1", "b3", 100 * MBIT)]
    asked = {"r25": rate("a1", "b1", "25 Mbit/s"), "r10": rate("a2", "b2", "10 Mbit/s")}
    with drained(lab, DIRECT), reserved(lab, **asked):
        assert links_of(lab, "r25") == links_of(lab, "r10") == ROUND
        with Traffic(lab, loads) as traffic:
            assert_near(traffic.rates_bps(MEASURED_S), b1=25, b2=10, b3=15)


def test_it_is_kept_on_a_bypass_by_the_switches_alone(lab: Lab) -> None:
    """Two tags then; others send more than both links of the bypass hold, and have what is left of them."""
    loads = [Load("a1", "b1", 60 * MBIT), Load("a2", "c1", 100 * MBIT), Load("c1", "b2", 100 * MBIT)]
    with reserved(lab, mine=rate("a1", "b1", "35 Mbit/s", protected=True)), Traffic(lab, loads) as traffic:
        lab.kill_controller()
        try:
            lab.fail_link(DIRECT)
            assert_near(traffic.rates_bps(MEASURED_S), b1=35, c1=15, b2=15)
        finally:
            lab.mend_link(DIRECT)
            lab.start_controller()
            await_link(lab, DIRECT, up=True)


def test_it_is_kept_on_a_port_that_tagged_servers_share(lab: Lab) -> None:
    loads = [Load("a1", "d1", 60 * MBIT), Load("a2", "d2", 100 * MBIT)]
    mine = rate("a1", "d1", "30 Mbit/s", match={"udp_dst": FIRST_PORT})
    with reserved(lab, mine=mine), Traffic(lab, loads) as traffic:
        assert_near(traffic.rates_bps(MEASURED_S), d1=30, d2=10)


def test_nobody_helps_himself_by_what_he_writes_on_his_packets(lab: Lab) -> None:
    """A tagged server that says PCP 5, which is the class of what is protected, and DSCP EF."""
    splitter = lab.wiring.splitters["one", 4]
    seat = next(port for port, tag in splitter.tags.items() if tag == 100)
    splitter.dpctl("add-flow", f"priority=9,in_port={seat},actions=mod_vlan_vid:100,mod_vlan_pcp:5,output:1")
    loads = [Load("a1", "b1", 90 * MBIT), Load("a4", "b3", 200 * MBIT, tos=0xB8)]
    with reserved(lab, mine=rate("a1", "b1", "60 Mbit/s")), Traffic(lab, loads) as traffic:
        assert_near(traffic.rates_bps(MEASURED_S), b1=60, b3=40)


def test_a_server_has_a_rate_for_its_port_one_for_servers_and_one_for_uplinks(lab: Lab) -> None:
    with Traffic(lab, [Load("a5", "b1", 35 * MBIT), Load("b2", "a5", 60 * MBIT)]) as traffic:
        assert_near(traffic.rates_bps(MEASURED_S), b1=20, a5=40)
    with Traffic(lab, [Load("a5", "isp", 35 * MBIT, address=ASIDE), Load("isp", "a5", 35 * MBIT)]) as traffic:
        assert_near(traffic.rates_bps(MEASURED_S), isp=10, a5=10)


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
        with drained(lab, DIRECT):
            wait_until(lambda: links_of(lab, "mine") == ROUND, SOON_S, "it is not led over other links")
            lab.wait_converged()
        stream.go_on(0.3)
    assert lost_by(stream.result, MINE, *OTHERS) == 0, str(stream.result)


# The switches' own queues


def port_qos(lab: Lab, *place: Any) -> str:
    return vsctl("get", "Port", lab.interface(*place), "qos").strip()


def filters(device: str) -> list[str]:
    """Where they lead."""
    return sorted(re.findall(r"flowid (\S+)", run("tc", "filter", "show", "dev", device, "parent", "1:")))


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
    place, without = (
        ("three", 20),
        re.sub(r"  three:.*(?=links:)|  - [^\n]*three[^\n]*\n", "", DOCUMENT, flags=re.DOTALL),
    )
    before = port_qos(lab, *place)
    with reserved(lab, mine=rate("a1", "b1", "40 Mbit/s")):
        assert port_qos(lab, *place) != before
        ours = port_qos(lab, *TRUNK)
        lab.rewrite(without)
        wait_until(lambda: port_qos(lab, *place) == before, SOON_S, "the port has not its former qos")
        assert port_qos(lab, *TRUNK) == ours
        lab.rewrite(DOCUMENT)
        wait_until(lambda: port_qos(lab, *place) != before, SOON_S, "it is not looked after again")
