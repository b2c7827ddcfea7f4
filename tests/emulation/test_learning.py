"""Servers are learned from what they send, on real switches: found, moved, limited, aged, kept over restarts."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from commands import ip, vsctl
from fabric_api import FabricApi
from lab import Lab
from namespaces import entered

from controller.learning import ADDRESSES, learned_name
from controller.model.document import parse_document
from controller.model.spec import ServerSpec
from controller.recover import SETTLE_S
from controller.rules.packet_build import build
from tests.emulation.adopted import Adopting, adopting, packet_socket
from tests.waiting import wait_until

BROADCAST = (1 << 48) - 1
ALL_NODES = 0x333300000001
LAN = """
fabric: lan
segments: {lan: {subnet: [10.9.0.0/24, "fd09::/64"]}}
platforms:
  a:
    dpid: 0xa9
    servers:
      a1: {port: 1, segment: lan, ip: [10.9.0.1, "fd09::1"], mac: "02:00:00:00:a9:01"}
      a2: {port: 2, segment: lan, ip: [10.9.0.2, "fd09::2"], mac: "02:00:00:00:a9:02"}
    trunks: {east: {port: 20}}
  b:
    dpid: 0xb9
    servers:
      b1: {port: 1, segment: lan, ip: [10.9.0.3, "fd09::3"], mac: "02:00:00:00:b9:01"}
    trunks: {west: {port: 20}}
links: [[a.east, b.west]]
"""


class Net:
    """A lab whose controller has no document: it adopts and learns all."""

    def __init__(self, lab: Lab, controller: Adopting) -> None:
        self.lab, self.controller = lab, controller

    def server(self, mac: int, segment: str = "default") -> Any:
        """What is known of a learned server; None where it is not known."""
        found = self.controller.get(f"/servers/{learned_name(segment, mac)}")
        return found and found["status"]

    def is_at(self, mac: int, platform: str, port: int) -> bool:
        found = self.server(mac)
        return found is not None and (found["platform"], found["port"]) == (self.lab.switch(platform).bridge, port)

    def wait_at(self, mac: int, platform: str, port: int) -> None:
        wait_until(lambda: self.is_at(mac, platform, port), 5, f"not at {platform} port {port}: {self.server(mac)}")


@pytest.fixture(scope="module")
def lan() -> Iterator[Net]:
    with adopting() as controller:
        outside = {"controller": f"127.0.0.1:{controller.openflow_port}", "api": controller.api.base}
        with Lab(parse_document(LAN, "lan"), ready_s=0, **outside) as lab:
            controller.wait_found(2, 1)
            yield Net(lab, controller)


class Mouth:
    """Sends and hears whole frames on a server's card."""

    def __init__(self, lab: Lab, host: str) -> None:
        with entered(lab.host(host).pid):
            self.socket = packet_socket("eth0")

    def say(self, mac: int, to: int = BROADCAST, **fields: int) -> None:
        self.socket.send(build({"eth_src": mac, "arp_sha": mac, "eth_dst": to, **fields}, b"\0" * 30))

    def hears(self, mac: int, saying: bytes = b"") -> bool:
        """Whether a frame from this MAC, with this in it, has come in since the last call."""
        found = False
        while True:
            try:
                frame, sender = self.socket.recvfrom(2048)
            except BlockingIOError:
                return found
            arrived = sender[2] != socket.PACKET_OUTGOING and frame[6:12] == mac.to_bytes(6, "big")
            found |= arrived and saying in frame


@contextmanager
def mouths(lab: Lab, *hosts: str) -> Iterator[tuple[Mouth, ...]]:
    made = tuple(Mouth(lab, host) for host in hosts)
    try:
        yield made
    finally:
        for mouth in made:
            mouth.socket.close()


def arp(address: int) -> dict[str, int]:
    return {"eth_type": 0x0806, "arp_op": 1, "arp_spa": address, "arp_tpa": address}


def pings(lab: Lab, source: str, target: str, *options: str) -> str:
    command = ["ping", "-q", *options, lab.host(target).IP()]
    return str(lab.host(source).popen(command, stdout=subprocess.PIPE, text=True).communicate()[0])


# How they are found

ND = {"eth_type": 0x86DD, "ip_proto": 58, "icmpv6_type": 136, "nw_ttl": 255}
V6 = 0xFD09 << 112 | 0xAA
SAID: Mapping[str, tuple[int, dict[str, int], list[str]]] = {
    "ARP": (BROADCAST, arp(0x0A0900AA), ["10.9.0.170"]),
    "IPv4": (BROADCAST, {"eth_type": 0x0800, "ipv4_src": 0x0A0900AB, "ipv4_dst": 0x0A0900FF}, ["10.9.0.171"]),
    "ND": (ALL_NODES, {**ND, "ipv6_src": V6, "ipv6_dst": 0xFF02 << 112 | 1, "ipv6_nd_target": V6}, ["fd09::aa"]),
    "DHCP": (
        BROADCAST,
        {"eth_type": 0x0800, "ipv4_dst": 0xFFFFFFFF, "ip_proto": 17, "udp_src": 68, "udp_dst": 67},
        [],
    ),
}


@pytest.mark.parametrize("protocol", SAID)
def test_one_packet_tells_who_a_server_is_and_where(lan: Net, protocol: str) -> None:
    mac = 0x020000AA0000 + list(SAID).index(protocol)
    to, fields, addresses = SAID[protocol]
    with mouths(lan.lab, "a2") as (mouth,):
        mouth.say(mac, to, **fields)
        lan.wait_at(mac, "a", 2)
    wait_until(lambda: lan.server(mac)["addresses"] == addresses, 5, f"{addresses}, but {lan.server(mac)}")


def test_a_server_has_sixteen_addresses_at_most(lan: Net) -> None:
    mac = 0x020000AA0100
    with mouths(lan.lab, "a2") as (mouth,):

        def known() -> list[str]:
            for number in range(ADDRESSES + 4):
                mouth.say(mac, **arp(0x0A096400 + number))
            return (lan.server(mac) or {"addresses": []})["addresses"]

        wait_until(lambda: len(known()) == ADDRESSES, 5, "too few")
        last = 0x020000AA0101

        def heard_after_them() -> bool:
            mouth.say(last, **arp(0x0A096500))
            return lan.is_at(last, "a", 2)

        wait_until(heard_after_them, 5, "nothing is learned any more")
    assert len(lan.server(mac)["addresses"]) == ADDRESSES


# How they move


def test_a_move_is_followed_at_the_first_packet(lan: Net) -> None:
    """As a virtual machine moves: no port goes down. Both directions are tried every few milliseconds."""
    mac, peer = 0x020000AA0200, 0x020000AA0201
    with mouths(lan.lab, "a1", "a2", "b1") as (near, old, new):
        near.say(peer, **arp(0x0A0900D1))
        old.say(mac, **arp(0x0A0900D0))
        lan.wait_at(mac, "a", 2)
        lan.wait_at(peer, "a", 1)
        time_to = {}
        for name, place, was in (("moved", new, old), ("moved back", old, new)):
            wait_until(lambda was=was: answered(near, was, peer, mac), 5, "never reached where it is")
            drain(near, new, old)
            place.say(mac, peer, eth_type=0x88B5)
            started = time.monotonic()
            wait_until(lambda: near.hears(mac), 2, "the first packet after the move is lost")
            wait_until(lambda place=place: answered(near, place, peer, mac), 2, "not followed")
            time_to[name] = time.monotonic() - started
            drain(near, new, old)
            assert not answered(near, was, peer, mac)
            guard_is_gone(lan, mac, "a" if was is old else "b")
        print(f"followed after (s): {time_to}")
        assert max(time_to.values()) < 1


def answered(speaker: Mouth, listener: Mouth, mac: int, to: int) -> bool:
    """Whether a packet gets from one to the other, within a moment."""
    speaker.say(mac, to, eth_type=0x88B5)
    deadline = time.monotonic() + 0.05
    while not (heard := listener.hears(mac)) and time.monotonic() < deadline:
        pass
    return heard


def drain(*listeners: Mouth) -> None:
    for listener in listeners:
        listener.hears(0)


def guard_is_gone(lan: Net, mac: int, platform: str) -> None:
    text = ":".join(f"{mac:012x}"[at : at + 2] for at in range(0, 12, 2))

    def gone() -> bool:
        return f"dl_src={text}" not in lan.lab.switch(platform).dpctl("dump-flows", "table=0")

    wait_until(gone, 5, "what let it send from its old place stays")


def test_a_server_that_moves_to_and_fro_is_a_conflict_and_stays(lan: Net) -> None:
    mac = 0x020000AA0300
    name = learned_name("default", mac)
    with mouths(lan.lab, "a2", "b1") as both:

        def conflict() -> bool:
            for mouth in both:
                mouth.say(mac, **arp(0x0A0900E0))
            found = lan.server(mac)
            return found is not None and found["state"] == "conflict"

        wait_until(conflict, 10, "no conflict")
        before = lan.server(mac)
        for mouth in both:
            mouth.say(mac, **arp(0x0A0900E0))
        behind = 0x020000AA0301  # is heard after them
        both[1].say(behind, **arp(0x0A0900E1))
        lan.wait_at(behind, "b", 1)
    after = lan.server(mac)
    assert (after["platform"], after["port"]) == (before["platform"], before["port"])
    alarm = next(a for a in lan.controller.api.get("/fabric")["status"]["alarms"] if a["kind"] == "conflict")
    assert alarm["subject"] == name
    assert "moved more than 3 times" in alarm["message"]
    assert all(lan.lab.switch(platform).bridge in alarm["message"] for platform in ("a", "b"))


def test_a_port_that_goes_down_forgets_its_servers(lan: Net) -> None:
    mac = 0x020000AA0400
    with mouths(lan.lab, "b1") as (mouth,):
        mouth.say(mac, **arp(0x0A0900F0))
        lan.wait_at(mac, "b", 1)
        ip([f"link set {lan.lab.interface('b', 1)} down"])
        wait_until(lambda: lan.server(mac) is None, 5, "still known")
        ip([f"link set {lan.lab.interface('b', 1)} up"])

        def again() -> bool:
            mouth.say(mac, **arp(0x0A0900F0))
            return lan.is_at(mac, "b", 1)

        wait_until(again, 5, "not learned again")


# A peer that comes


@contextmanager
def plain_bridge(net: Net) -> Iterator[tuple[str, str]]:
    """A bridge of nobody behind port 30 of a; its name, and an interface behind it."""
    bridge, far, a = f"{net.lab.names.prefix}9", f"{net.lab.names.prefix}far", net.lab.switch("a")
    inner = a.port_name(30)
    for one, other in ((f"{bridge}-1", far), (f"{bridge}-2", inner)):
        ip([f"link add {one} type veth peer name {other}"])
        ip([f"link set {name} addrgenmode none up" for name in (one, other)])
    settings = ["datapath_type=netdev", "fail_mode=standalone", "protocols=OpenFlow13"]
    settings += [f"other_config:datapath-id={0xC9:016x}"]
    port = f"-- add-port {bridge} {bridge}-%d -- set Interface {bridge}-%d ofport_request=%d"
    ports = " ".join(port % (number, number, number) for number in (1, 2)).split()
    try:
        vsctl("add-br", bridge, "--", "set", "Bridge", bridge, *settings, *ports)
        vsctl("add-port", a.bridge, inner, "--", "set", "Interface", inner, "ofport_request=30")
        yield bridge, far
    finally:
        vsctl("--if-exists", "del-port", a.bridge, inner, "--", "--if-exists", "del-br", bridge)
        ip([f"link del {bridge}-1", f"link del {bridge}-2"])


def test_a_peer_that_appears_makes_a_trunk_of_a_learning_port(lan: Net) -> None:
    """A plain switch with a server behind it is itself brought under the controller."""
    mac = 0x020000AA0500
    with plain_bridge(lan) as (bridge, far), packet_socket(far) as mouth:
        frame = build({"eth_src": mac, "arp_sha": mac, "eth_dst": BROADCAST, **arp(0x0A0900F5)})

        def learned(platform: str, port: int) -> bool:
            mouth.send(frame)
            found = lan.server(mac)
            return found is not None and (found["platform"], found["port"]) == (platform, port)

        wait_until(lambda: learned(lan.lab.switch("a").bridge, 30), 5, "not learned behind the plain switch")
        vsctl("set", "Bridge", bridge, "fail_mode=secure", "--", "set-controller", bridge, lan.controller.target)
        lan.controller.wait_found(3, 2)
        assert lan.server(mac) is None
        wait_until(lambda: learned(bridge, 1), 5, "not learned where it is")
    wait_until(lambda: lan.controller.api.get("/fabric")["status"]["absent"] == [bridge], 20, "still there")


# What outlives the controller


def wait_settled(lan: Net) -> None:
    """Both platforms connected, with their link up and all sent; a third was taken away for good."""

    def settled() -> bool:
        fabric = lan.controller.get("/fabric")
        links = lan.controller.get("/links") or {"items": []}
        up = [link for link in items(links) if link["status"]["state"] == "up"]
        known = {lan.lab.switch(name).bridge for name in "ab"}
        return bool(fabric and fabric["status"]["converged"] and up and not known & set(fabric["status"]["absent"]))

    wait_until(settled, 20, "not settled")


def items(answer: Any) -> list[Any]:
    return list(answer["items"] if isinstance(answer, dict) else answer)


def youngest_s(lab: Lab, platform: str) -> float:
    """The age of the youngest flow entry."""
    dump = lab.switch(platform).dpctl("dump-flows")
    return min(float(age) for age in re.findall(r"duration=([0-9.]+)s", dump))


def restart(lan: Net, meanwhile: Callable[[], None] = lambda: None) -> set[int]:
    """Kill the controller under a ping every 2 ms over the link, and start it again; the pings that were lost."""
    pings(lan.lab, "a1", "b1", "-c1", "-W2")
    wait_settled(lan)
    with tempfile.TemporaryFile("w+") as said:
        ping = lan.lab.host("a1").popen(["ping", "-i", "0.002", lan.lab.host("b1").IP()], stdout=said)
        lan.controller.kill()
        meanwhile()
        lan.controller.start()
        wait_settled(lan)
        settled = time.monotonic()
        wait_until(lambda: time.monotonic() > settled + SETTLE_S, 2 * SETTLE_S, "no time passes")
        wait_settled(lan)
        ping.send_signal(signal.SIGINT)
        ping.wait()
        said.seek(0)
        answered = [int(number) for number in re.findall(r"icmp_seq=(\d+)", said.read())]
    assert len(answered) == len(set(answered)) > 100, "answered twice, or hardly at all"
    print(f"{len(answered)} pings answered")
    return set(range(1, max(answered))) - set(answered)  # the last ones may still have been under way


def test_a_restart_without_a_document_rewrites_nothing_and_loses_nothing(lan: Net) -> None:
    assert "1 received" in pings(lan.lab, "a1", "b1", "-c1", "-W2")
    known = lan.server(0x020000AA0200)
    wait_until(lambda: min(youngest_s(lan.lab, name) for name in "ab") > 1.5, 10, "the rules do not come to rest")
    started = time.monotonic()
    assert not restart(lan)
    elapsed = time.monotonic() - started
    assert min(youngest_s(lan.lab, name) for name in "ab") > elapsed
    assert lan.server(0x020000AA0200) == known


def test_with_its_state_lost_it_keeps_what_the_switches_have(lan: Net) -> None:
    known = lan.server(0x020000AA0200)
    assert not restart(lan, lambda: forget_all(lan.controller.state_dir))
    assert "1 received" in pings(lan.lab, "b1", "a2", "-c1", "-W2")
    assert lan.server(0x020000AA0200) == known


def forget_all(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != "controller.log":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


# Beside declared servers

MIXED = """
fabric: mixed
undeclared: {mode: learn, segment: lan, age: 2}
segments: {lan: {subnet: 10.9.0.0/24}}
platforms:
  a:
    dpid: 0xd9
    servers:
      known: {port: 1, segment: lan, ip: 10.9.0.1, mac: "02:00:00:00:d9:01"}
      asker: {port: 2, segment: lan, ip: 10.9.0.2, mac: "02:00:00:00:d9:02"}
"""


@pytest.fixture(scope="module")
def mixed() -> Iterator[Lab]:
    with Lab(MIXED) as lab:
        spec = ServerSpec(platform="a", port=3, segment="lan", mac="02:00:00:00:d9:03", ip=("10.9.0.3",))
        lab.add_server("stranger", spec)
        wait_until(lambda: "1 received" in pings(lab, "stranger", "known", "-c1", "-W1"), 10, "not learned")
        yield lab


def test_a_learned_server_never_takes_what_is_declared(mixed: Lab) -> None:
    api, known = FabricApi(mixed.fabric_api.base), 0x02000000D901
    before = api.get("/servers/known")["status"]
    with mouths(mixed, "stranger", "known", "asker") as (thief, owner, asker):
        for _ in range(3):
            thief.say(known, **arp(0x0A0900C0))
            thief.say(0x02000000D903, **arp(0x0A090001))
        wait_until(lambda: violations(mixed) == 6, 5, "not all of it is stopped by the guard")
        assert not asker.hears(known, saying=(0x0A0900C0).to_bytes(4, "big"))
        asker.say(0x02000000D902, known, eth_type=0x88B5)
        wait_until(lambda: owner.hears(0x02000000D902), 2, "its packets are led astray")
    after = api.get("/servers/known")["status"]
    assert {**after, "alarms": []} == {**before, "alarms": []}
    alarms = api.get("/fabric")["status"]["alarms"]
    assert any(alarm["kind"] == "violation" and "a port 3" in alarm["message"] for alarm in alarms)
    stranger = api.get("/servers/lan.02-00-00-00-d9-03")["status"]
    assert "10.9.0.3" in stranger["addresses"]
    assert "10.9.0.1" not in stranger["addresses"]


def violations(lab: Lab) -> int:
    """What the guard has dropped at the stranger's port."""
    dump = lab.switch("a").dpctl("dump-flows", "table=20,in_port=3")
    return int(re.findall(r"n_packets=(\d+)", dump)[0])


def test_a_silent_server_is_forgotten_and_one_that_speaks_is_not(mixed: Lab) -> None:
    silent, speaks = 0x02000000D9A0, 0x02000000D9A1
    api = FabricApi(mixed.fabric_api.base)

    def known() -> set[str]:
        return {found["name"] for found in items(api.get("/servers"))}

    with mouths(mixed, "stranger") as (mouth,):
        mouth.say(silent, **arp(0x0A0900A0))
        wait_until(lambda: learned_name("lan", silent) in known(), 5, "not learned")

        def gone() -> bool:
            mouth.say(speaks, **arp(0x0A0900A1))
            return learned_name("lan", silent) not in known()

        wait_until(gone, 40, "not forgotten")
        assert learned_name("lan", speaks) in known()
