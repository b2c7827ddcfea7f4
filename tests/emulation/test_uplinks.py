"""Behind an uplink, on real switches: hosts with any address are reached both ways, and take nobody's identity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from addressing import CARD, mac_of
from commands import ip
from lab import Lab

from controller.learning import learned_name
from controller.model.addresses import mac_to_int
from tests.emulation.frames_made import BROADCAST, arp, datagram, plain
from tests.emulation.frames_wire import Card, token
from tests.waiting import wait_until

DOCUMENT = """
fabric: edge
segments:
  web: {subnet: [10.4.0.0/24, "fd00:4::/64"], gateway: [10.4.0.254, "fd00:4::fe"]}
platforms:
  one:
    dpid: 0x4e1
    servers: {web1: {port: 1, segment: web, ip: [10.4.0.1, "fd00:4::1"], mac: "02:00:00:04:01:01"}}
    uplinks: {isp1: {port: 10, segment: web, rate: 1 Gbit/s}}
    trunks: {east: {port: 20}}
  two:
    dpid: 0x4e2
    servers: {web2: {port: 1, segment: web, ip: [10.4.0.2, "fd00:4::2"], mac: "02:00:00:04:02:01"}}
    trunks: {west: {port: 20}}
links:
  - [one.east, two.west]
"""
OUTSIDE = {4: "192.0.2.7", 6: "2001:db8::7"}
SERVERS = {("web1", 4): "10.4.0.1", ("web1", 6): "fd00:4::1", ("web2", 4): "10.4.0.2", ("web2", 6): "fd00:4::2"}
WEB1, WEB2 = "02:00:00:04:01:01", "02:00:00:04:02:01"
SOON_S = 10.0


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(DOCUMENT) as built:
        for version, length in ((4, 32), (6, 128)):
            outside = f"{OUTSIDE[version]}/{length}"
            nets = ("10.4.0.0/24",) if version == 4 else ("fd00:4::/64",)
            own = [f"addr add {outside}{' nodad' if version == 6 else ''} dev {CARD}"]
            ip([*own, *(f"route add {net} dev {CARD}" for net in nets)], built.host("isp1").pid)
            for server in ("web1", "web2"):
                ip([f"route add {outside} dev {CARD}"], built.host(server).pid)
        yield built


def ping(lab: Lab, source: str, address: str) -> str:
    return str(lab.host(source).cmd(f"ping -c 3 -i 0.1 -W 2 {address}"))


def uplink(lab: Lab) -> dict[str, Any]:
    return dict(lab.api("/uplinks/isp1")["status"])


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("server", ["web1", "web2"])
def test_a_host_of_the_outside_world_speaks_with_servers_both_ways(lab: Lab, server: str, version: int) -> None:
    for source, address in ((server, OUTSIDE[version]), ("isp1", SERVERS[server, version])):
        told = ping(lab, source, address)
        assert " 0% packet loss" in told, told


def test_it_is_learned_by_its_mac_alone(lab: Lab) -> None:
    ping(lab, "isp1", SERVERS["web2", 4])
    name = learned_name("web", mac_to_int(mac_of(lab.document, "isp1")))
    wait_until(lambda: uplink(lab)["servers"] == [name], SOON_S, f"{name} is not learned: {uplink(lab)}")
    assert (uplink(lab)["state"], uplink(lab)["rate_bps"]) == ("up", 10**9)
    learned = lab.api(f"/servers/{name}")
    assert (learned["origin"], learned["status"]["addresses"]) == ("learned", [])
    assert (learned["status"]["platform"], learned["status"]["port"]) == ("one", 10)


FORGED = {
    "the MAC of a server": lambda own, mark: plain(WEB2, WEB1, mark),
    "its address in ARP": lambda own, mark: arp(1, own, "10.4.0.2", "10.4.0.1", mark),
    "its address in IPv4": lambda own, mark: datagram((own, WEB1), ("10.4.0.2", "10.4.0.1"), mark),
    "its address in IPv6": lambda own, mark: datagram((own, WEB1), ("fd00:4::2", "fd00:4::1"), mark),
    "the gateway's address in ARP": lambda own, mark: arp(2, own, "10.4.0.254", "10.4.0.1", mark),
    "the gateway's address in IPv6": lambda own, mark: datagram((own, WEB1), ("fd00:4::fe", "fd00:4::1"), mark),
}


def test_what_is_a_servers_or_the_gateways_does_not_come_in(lab: Lab) -> None:
    own = mac_of(lab.document, "isp1")
    sender, receiver = Card(CARD, lab.host("isp1").pid), Card(CARD, lab.host("web1").pid)
    try:
        marks = {what: token() for what in FORGED}
        fence = token()
        for what, mark in marks.items():
            sender.send(FORGED[what](own, mark))
        sender.send(plain(own, BROADCAST, fence))
        wait_until(lambda: receiver.having(fence), SOON_S, "what is its own does not come in either")
        assert [what for what, mark in marks.items() if receiver.having(mark)] == []
    finally:
        sender.close()
        receiver.close()
    ping(lab, "web1", SERVERS["web2", 4])
    assert lab.api("/servers/web2")["status"]["platform"] == "two"


def test_an_uplink_without_carrier_is_down_and_nobody_is_known_behind_it(lab: Lab) -> None:
    interface = lab.interface("one", 10)
    ping(lab, "isp1", SERVERS["web1", 4])
    wait_until(lambda: uplink(lab)["servers"], SOON_S, "nobody is learned")
    try:
        ip([f"link set {interface} down"])
        wait_until(lambda: uplink(lab)["state"] == "down", SOON_S, f"still {uplink(lab)}")
        wait_until(lambda: not uplink(lab)["servers"], SOON_S, f"still known: {uplink(lab)}")
    finally:
        ip([f"link set {interface} up"])
    wait_until(lambda: uplink(lab)["state"] == "up", SOON_S, "not up again")
