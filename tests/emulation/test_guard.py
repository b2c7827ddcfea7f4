"""A server speaks for itself alone: what is spoofed is dropped, counted and reported; what is its own passes."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from datapath import set_interface
from lab import Lab

from controller.discovery.frames import build_probe
from controller.model.spec import ServerSpec
from controller.rules.packet_build import build
from controller.rules.protocols import DISCOVERY_TYPE
from tests.emulation.frames_made import (
    ALL_NODES,
    BROADCAST,
    advertisement,
    arp,
    datagram,
    number,
    plain,
    solicitation,
)
from tests.emulation.frames_wire import Card, Wires, token, wired
from tests.waiting import wait_until

DOCUMENT = """
fabric: guarded
segments:
  red: {subnet: [10.1.0.0/24, "fd00:1::/64"]}
platforms:
  one:
    dpid: 1
    servers:
      spy: {port: 1, segment: red, ip: [10.1.0.1, "fd00:1::1"], mac: "02:00:00:00:01:01"}
      owner: {port: 2, segment: red, ip: [10.1.0.2, "fd00:1::2"], mac: "02:00:00:00:01:02"}
      shy: {port: 3, segment: red, ip: 10.1.0.3}
      free: {port: 4, segment: red, mac: "02:00:00:00:01:04"}
      thief: {port: 5, segment: red, ip: 10.1.0.5, mac: "02:00:00:00:01:05"}
      new: {port: 6, segment: red, ip: 10.1.0.6}
    trunks: {east: {port: 20}}
  two:
    dpid: 2
    undeclared: {mode: learn, segment: red}
    servers:
      far: {port: 1, segment: red, ip: [10.1.0.4, "fd00:1::4"], mac: "02:00:00:00:02:01"}
    trunks: {west: {port: 20}}
links:
  - [one.east, two.west]
"""
SPY, SPY4, SPY6 = "02:00:00:00:01:01", "10.1.0.1", "fd00:1::1"
OWNER, OWNER4, OWNER6 = "02:00:00:00:01:02", "10.1.0.2", "fd00:1::2"
OWNER_LOCAL, SPY_LOCAL = "fe80::ff:fe00:102", "fe80::ff:fe00:101"
"""Link-local addresses made of the MACs (EUI-64)."""
STABLE = "fe80::5bad:beef:1234:5678"
STRANGER = "02:66:66:66:66:66"
SOON_S = 10.0
COUNTED_S = 25.0
"""Counters are read every 10 s."""
OTHERS = {"owner", "shy", "free", "thief", "new", "far"}


@pytest.fixture(scope="module")
def wires() -> Iterator[Wires]:
    with Lab(DOCUMENT) as lab, wired(lab) as built:
        yield built


def alarms(lab: Lab, kind: str) -> dict[str, str]:
    standing = lab.api("/fabric")["status"]["alarms"]
    return {alarm["subject"]: alarm["message"] for alarm in standing if alarm["kind"] == kind}


def port(lab: Lab, platform: str, port_no: int) -> dict[str, Any]:
    ports = lab.api(f"/platforms/{platform}")["status"]["ports"]
    return next(shown for shown in ports if shown["number"] == port_no)


def server(lab: Lab, name: str) -> dict[str, Any]:
    return dict(lab.api(f"/servers/{name}")["status"])


# Spoofed


def _spoofed(mark: bytes) -> dict[str, bytes]:
    owner = (OWNER6, OWNER)
    return {
        "MAC, broadcast": plain(OWNER, BROADCAST, mark),
        "MAC, unicast": plain(OWNER, "02:00:00:00:02:01", mark),
        "MAC of nobody": plain(STRANGER, BROADCAST, mark),
        "MAC 0": plain("00:00:00:00:00:00", BROADCAST, mark),
        "MAC of a group": plain("03:00:00:00:01:01", BROADCAST, mark),
        "IPv4": datagram((SPY, OWNER), (OWNER4, OWNER4), mark),
        "IPv4 of nobody": datagram((SPY, OWNER), ("10.1.0.99", OWNER4), mark),
        "IPv4 0.0.0.0 that is not DHCP": datagram((SPY, BROADCAST), ("0.0.0.0", "255.255.255.255"), mark),
        "IPv4 with the owner's MAC": datagram((OWNER, "02:00:00:00:02:01"), (OWNER4, "10.1.0.4"), mark),
        "ARP sha": arp(2, OWNER, SPY4, "10.1.0.4", mark, source=SPY),
        "ARP spa": arp(2, SPY, OWNER4, "10.1.0.4", mark),
        "ARP question spa": arp(1, SPY, OWNER4, "10.1.0.99", mark),
        "ARP unicast spa": arp(2, SPY, OWNER4, "10.1.0.4", mark, to="02:00:00:00:02:01"),
        "ARP announcement": arp(1, SPY, OWNER4, OWNER4, mark),
        "ARP sha and spa": arp(2, OWNER, OWNER4, "10.1.0.4", mark, source=SPY),
        "IPv6": datagram((SPY, OWNER), (OWNER6, OWNER6), mark),
        "IPv6 of nobody": datagram((SPY, OWNER), ("fd00:1::99", OWNER6), mark),
        "IPv6 link-local of another MAC": datagram((SPY, OWNER), (OWNER_LOCAL, SPY_LOCAL), mark),
        "IPv6 source a group": datagram((SPY, OWNER), (ALL_NODES, OWNER6), mark),
        "IPv6 source ::": datagram((SPY, OWNER), ("::", OWNER6), mark),
        "IPv4 in IPv6": datagram((SPY, OWNER), ("::ffff:10.1.0.1", OWNER6), mark),
        "NS sll": solicitation(SPY, SPY6, "fd00:1::99", mark, sll=OWNER),
        "NS source": solicitation(SPY, OWNER6, "fd00:1::99", mark, sll=SPY),
        "NS source without sll": solicitation(SPY, OWNER6, "fd00:1::99", mark),
        "NS unicast source": solicitation(SPY, OWNER6, "fd00:1::4", mark, sll=SPY, to=owner),
        "DAD with an sll": solicitation(SPY, "::", "fd00:1::99", mark, sll=OWNER),
        "NA target": advertisement(SPY, SPY6, OWNER6, mark, tll=SPY),
        "NA target without tll": advertisement(SPY, SPY6, OWNER6, mark),
        "NA target link-local": advertisement(SPY, SPY6, OWNER_LOCAL, mark, tll=SPY),
        "NA source": advertisement(SPY, OWNER6, SPY6, mark, tll=SPY),
        "NA tll": advertisement(SPY, SPY6, SPY6, mark, tll=OWNER),
        "NA source and target": advertisement(SPY, OWNER6, OWNER6, mark, tll=SPY),
        "NA unicast": advertisement(SPY, SPY6, OWNER6, mark, tll=SPY, to=("fd00:1::4", "02:00:00:00:02:01")),
    }


@pytest.mark.parametrize("what", _spoofed(b""))
def test_what_is_spoofed_comes_to_nobody(wires: Wires, what: str) -> None:
    mark = token()
    assert wires.copies("spy", mark, _spoofed(mark)[what]) == {}
    assert wires.on_trunks(mark) == {}


def test_every_violation_is_counted_at_the_port(wires: Wires) -> None:
    wires.settle()
    frames = list(_spoofed(token()).values())
    counted = port(wires.lab, "one", 5)["violations"]
    thieves = [frame.replace(b"\x02\x00\x00\x00\x01\x01", b"\x02\x00\x00\x00\x01\x05") for frame in frames]
    wires.pour("thief", thieves * 4)
    expected = counted + 4 * len(thieves)

    def seen() -> int:
        return int(port(wires.lab, "one", 5)["violations"])

    wait_until(lambda: seen() >= expected, COUNTED_S, f"{seen()} violations are counted, not {expected}")
    assert port(wires.lab, "one", 2)["violations"] == 0


def test_a_violation_is_an_alarm_that_names_port_server_and_what_was_wrong(wires: Wires) -> None:
    wires.servers["spy"].send(plain(STRANGER, BROADCAST, token()))
    wait_until(lambda: STRANGER in alarms(wires.lab, "violation").get("one:1", ""), SOON_S, "no alarm for a MAC")
    assert "one port 1 (spy)" in alarms(wires.lab, "violation")["one:1"]
    wires.servers["spy"].send(arp(2, SPY, OWNER4, "10.1.0.4"))
    wait_until(lambda: "address" in alarms(wires.lab, "violation").get("one:1", ""), SOON_S, "no alarm for an address")
    assert "one:2" not in alarms(wires.lab, "violation")


def test_what_was_spoofed_changed_nobodys_identity(wires: Wires) -> None:
    wires.pour("spy", _spoofed(token()).values())
    wires.settle()
    shown = server(wires.lab, "owner")
    assert (shown["mac"], shown["port"]) == (OWNER, 2)
    assert {OWNER4, OWNER6} <= set(shown["addresses"])
    mark = token()
    assert wires.copies("far", mark, plain("02:00:00:00:02:01", OWNER, mark)) == {"owner": 1}


# Its own


def _dhcp(mark: bytes) -> bytes:
    ether = {"eth_src": number(SPY), "eth_dst": number(BROADCAST), "eth_type": 0x0800, "ip_proto": 17}
    ends = {"ipv4_src": 0, "ipv4_dst": number("255.255.255.255"), "udp_src": 68, "udp_dst": 67}
    return build(ether | ends, mark)


def _router_solicitation(mark: bytes) -> bytes:
    ether = {"eth_src": number(SPY), "eth_dst": number("33:33:00:00:00:02"), "eth_type": 0x86DD, "ip_proto": 58}
    ends = {"ipv6_src": 0, "ipv6_dst": number("ff02::2"), "icmpv6_type": 133}
    return build(ether | ends, mark)


def _own(mark: bytes) -> dict[str, bytes]:
    return {
        "no known protocol": plain(SPY, BROADCAST, mark),
        "IPv4": datagram((SPY, BROADCAST), (SPY4, "10.1.0.255"), mark),
        "IPv6": datagram((SPY, "33:33:00:00:00:fb"), (SPY6, "ff02::fb"), mark),
        "IPv6 link-local of its MAC": datagram((SPY, "33:33:00:00:00:fb"), (SPY_LOCAL, "ff02::fb"), mark),
        "ARP reply": arp(2, SPY, SPY4, SPY4, mark),
        "ARP probe": arp(1, SPY, "0.0.0.0", "10.1.0.99", mark),
        "DHCP": _dhcp(mark),
        "DAD": solicitation(SPY, "::", "fd00:1::99", mark),
        "DAD link-local": solicitation(SPY, "::", SPY_LOCAL, mark),
        "NS from its link-local": solicitation(SPY, SPY_LOCAL, "fd00:1::99", mark, sll=SPY),
        "NA": advertisement(SPY, SPY6, SPY6, mark, tll=SPY),
        "NA without tll": advertisement(SPY, SPY6, SPY6, mark),
        "NA of its link-local": advertisement(SPY, SPY_LOCAL, SPY_LOCAL, mark, tll=SPY),
        "NA of one address by the other": advertisement(SPY, SPY_LOCAL, SPY6, mark, tll=SPY),
        "router solicitation": _router_solicitation(mark),
    }


@pytest.mark.parametrize("what", _own(b"..mark"))
def test_what_is_a_servers_own_comes_to_all(wires: Wires, what: str) -> None:
    mark = token()
    assert wires.copies("spy", mark, _own(mark)[what]) == Counter(OTHERS)


def test_a_stable_private_link_local_address_is_determined(wires: Wires) -> None:
    """RFC 7217: it has nothing of the MAC. What comes before it is determined may be lost."""
    hello = solicitation(OWNER, STABLE, "fd00:1::99", token(), sll=OWNER)

    def determined() -> bool:
        wires.servers["owner"].send(hello)
        return STABLE in server(wires.lab, "owner")["addresses"]

    wait_until(determined, SOON_S, "it was not determined")
    wires.lab.wait_converged(SOON_S)
    mark = token()
    to_all = (STABLE, "ff02::fb")
    assert wires.copies("owner", mark, datagram((OWNER, "33:33:00:00:00:fb"), to_all, mark)) == Counter(
        OTHERS - {"owner"} | {"spy"}
    )
    stolen = token()
    assert wires.copies("spy", stolen, datagram((SPY, "33:33:00:00:00:fb"), to_all, stolen)) == {}


def test_determining_a_link_local_address_is_no_alarm(wires: Wires) -> None:
    assert "one:2" not in alarms(wires.lab, "violation")


# What the document leaves open


def test_a_declared_server_without_mac_is_determined_when_it_speaks_and_kept(wires: Wires) -> None:
    mac, mark = wires.mac("shy"), token()
    wires.servers["shy"].send(arp(1, mac, "10.1.0.3", "10.1.0.3", mark))
    wait_until(lambda: server(wires.lab, "shy")["mac"] == mac, SOON_S, "its MAC was not determined")
    assert server(wires.lab, "shy")["state"] == "present"
    wires.lab.wait_converged(SOON_S)
    wires.settle()
    answer = token()
    assert wires.copies("far", answer, plain("02:00:00:00:02:01", mac, answer)) == {"shy": 1}
    other = token()
    assert wires.copies("shy", other, plain(STRANGER, BROADCAST, other)) == {}
    assert server(wires.lab, "shy")["mac"] == mac


@pytest.fixture
def new(wires: Wires) -> str:
    """A declared server that has not spoken yet: the MAC that it had went with its port, and its kernel is quiet."""
    lab, name = wires.lab, "new"
    interface = lab.interface("one", 6)
    lab.host(name).cmd("sysctl -w net.ipv6.conf.all.disable_ipv6=1")
    set_interface(interface, up=False)
    wait_until(lambda: server(lab, name)["state"] == "unreachable", SOON_S, "its port is not seen down")
    set_interface(interface, up=True)
    wait_until(lambda: server(lab, name)["state"] == "silent", SOON_S, "it is not waited for")
    lab.wait_converged(SOON_S)
    return name


def test_a_declared_server_without_mac_cannot_take_anothers(wires: Wires, new: str) -> None:
    mark = token()
    wires.servers[new].send(plain(OWNER, BROADCAST, mark), arp(1, OWNER, "10.1.0.6", "10.1.0.6", mark))
    wires.servers[new].send(arp(1, wires.mac(new), OWNER4, OWNER4, mark))  # with this it is determined
    assert wires.copies(new, mark) == {}
    wait_until(lambda: server(wires.lab, new)["mac"] == wires.mac(new), SOON_S, "its own MAC was not determined")
    assert server(wires.lab, "owner")["port"] == 2


def test_a_declared_server_without_addresses_may_use_those_it_is_heard_to_use(wires: Wires) -> None:
    mac = wires.mac("free")
    wires.servers["free"].send(arp(1, mac, "10.1.0.44", "10.1.0.44"))
    wait_until(lambda: "10.1.0.44" in server(wires.lab, "free")["addresses"], SOON_S, "its address was not determined")
    wires.lab.wait_converged(SOON_S)
    mark = token()
    question = arp(1, SPY, SPY4, "10.1.0.44", mark)
    assert wires.copies("spy", mark, question) == {"spy": 1}  # the switch answers
    stolen = token()
    wires.copies("free", stolen, arp(2, mac, OWNER4, "10.1.0.4", stolen))
    assert OWNER4 not in server(wires.lab, "free")["addresses"]


@pytest.mark.parametrize("address", [OWNER4, OWNER6])
def test_a_server_without_declared_addresses_cannot_take_anothers(wires: Wires, address: str) -> None:
    mac, mark = wires.mac("free"), token()
    frame = (
        arp(2, mac, OWNER4, "10.1.0.4", mark)
        if address == OWNER4
        else advertisement(mac, OWNER6, OWNER6, mark, tll=mac)
    )
    assert wires.copies("free", mark, frame) == {}


# Links


@pytest.fixture
def learning(wires: Wires) -> Iterator[Card]:
    """A card at a port of `two` that nobody declared, where servers are learned."""
    lab, spec = wires.lab, ServerSpec(platform="two", port=9, segment="red", mac="02:00:00:00:02:09", ip=["10.1.0.9"])
    lab.add_server("guest", spec)
    try:
        wait_until(lambda: port(lab, "two", 9)["kind"] == "learn", COUNTED_S, "the port does not learn")
        card = Card("eth0", lab.host("guest").pid)
        yield card
        card.close()
    finally:
        lab.remove_server("guest")


def probes_seen(wires: Wires) -> list[bytes]:
    frames = [frame for card in wires.trunks.values() for frame in card.look()]
    return [frame for frame in frames if frame[12:14] == DISCOVERY_TYPE.to_bytes(2, "big")]


def made_up() -> list[bytes]:
    return [build_probe(secrets.token_bytes(32), 2, at, 1 << 62, number(SPY)) for at in (1, 9, 20, 30)]


def links_as_seen(lab: Lab) -> dict[str, tuple[str, tuple[str | None, ...]]]:
    ports = {
        f"{name}:{shown['number']}": (shown["kind"], (shown["link"], shown["hears"]))
        for name in ("one", "two")
        for shown in lab.api(f"/platforms/{name}")["status"]["ports"]
        if shown["number"] < 30
    }
    links = {link["name"]: (link["status"]["state"], ()) for link in lab.api("/links")["items"]}
    return ports | links


def test_a_declared_server_cannot_forge_a_link(wires: Wires) -> None:
    lab = wires.lab
    recorded = wait_until(lambda: probes_seen(wires), SOON_S, "no discovery frame was seen on the trunk")
    before, dropped = links_as_seen(lab), lab.api("/platforms/one")["status"]["dropped"].get("link_protocol", 0)
    forged = [*recorded[-8:], *made_up()]
    wires.pour("spy", forged)
    seen_by = {name for name, card in wires.servers.items() for frame in forged if card.having(frame)}
    assert seen_by == set()

    def counted() -> bool:
        now = lab.api("/platforms/one")["status"]["dropped"].get("link_protocol", 0)
        return int(now) >= dropped + len(forged)

    wait_until(counted, COUNTED_S, "the discovery frames of a server were not counted as dropped")
    assert links_as_seen(lab) == before


def test_a_server_that_is_learned_cannot_forge_a_link(wires: Wires, learning: Card) -> None:
    """Where discovery listens: a probe that is replayed at once, or made up, is none."""
    lab, before = wires.lab, links_as_seen(wires.lab)
    wait_until(lambda: probes_seen(wires), SOON_S, "no discovery frame was seen on the trunk")
    known = len(probes_seen(wires))
    fresh = wait_until(lambda: probes_seen(wires)[known:], SOON_S, "no further discovery frame was seen")
    learning.send(*probes_seen(wires)[-8:], *fresh, *made_up())
    name = "red.02-00-00-00-02-99"

    def learned() -> bool:
        """What is sent behind them: when it is learned, they were read."""
        learning.send(arp(1, "02:00:00:00:02:99", "10.1.0.99", "10.1.0.99"))
        return name in {shown["name"] for shown in lab.api("/servers")["items"]}

    wait_until(learned, SOON_S, "no server was learned")
    assert links_as_seen(lab) == before | {"two:9": ("learn", (None, None))}
    assert "two port 9" in alarms(lab, "forged_probe")
    assert server(lab, name)["port"] == 9
