"""Behind an uplink any number of hosts may be: they are learned by their MAC, may have any address that is nobody's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.learning import Heard, learned_name
from controller.rules.lookup import SwitchTables
from controller.rules.packet import Frame, build, parse
from controller.rules.tables import Reason
from controller.trace import read_question, trace
from controller.trace.why import Cause
from controller.verifier import Journey, Network, follow
from controller.views.kinds import KINDS
from controller.views.reading import Reading
from tests.virtual import VirtualFabric, make_port

BROADCAST = (1 << 48) - 1
GROUP = 0x333300000001
WEB1, WEB2 = 0x020000000101, 0x020000000201
OUTSIDE, OTHER = 0x02AA00000001, 0x02AA00000002
ISP, NEAR, FAR, DATA = ("p1", 10), ("p1", 1), ("p2", 1), ("p2", 3)
GATEWAY, V6_GATEWAY, WEB2_IP, WEB2_V6, WORLD = 0x0A010001, 0xFD01 << 112 | 1, 0x0A01000C, 0xFD01 << 112 | 12, 0x08080808
NAME = learned_name("web", OUTSIDE)
DOCUMENT = """
segments:
  web: {subnet: [10.1.0.0/24, "fd01::/64"], gateway: [10.1.0.1, "fd01::1"]}
  data: {}
platforms:
  p1:
    dpid: 1
    servers: {web1: {port: 1, segment: web, ip: [10.1.0.11, "fd01::b"], mac: "02:00:00:00:01:01"}}
    uplinks: {isp1: {port: 10, segment: web, rate: 1 Gbit/s}}
    trunks: {east: {port: 20}}
  p2:
    dpid: 2
    servers:
      web2: {port: 1, segment: web, ip: [10.1.0.12, "fd01::c"], mac: "02:00:00:00:02:01"}
      db1: {port: 3, segment: data, mac: "02:00:00:00:02:03", ip: 10.2.0.3}
    trunks: {west: {port: 20}}
links: [[p1.east, p2.west]]
"""


class Fabric(VirtualFabric):
    """With a way to send frames in, and to tell the controller of its copies."""

    def send(self, start: tuple[str, int], frame: Frame) -> Journey:
        tables = {name: SwitchTables(switch.rules.values()) for name, switch in self.switches.items()}
        return follow(Network(tables, self.cables), start, frame)

    def hear(self, mac: int = OUTSIDE, end: tuple[str, int] = ISP, **fields: int) -> None:
        heard = Heard(end, Reason.LEARN_MAC, {"eth_src": mac, **fields})
        self.control.packet_heard(heard, self.now)
        self.settle()

    def learned(self) -> set[str]:
        return {name for name, server in self.control.fabric.servers.items() if not server.declared}


@pytest.fixture
def fabric() -> Fabric:
    return started(DOCUMENT)


def started(document: str) -> Fabric:
    found = Fabric(document)
    found.start()
    return found


def ip(source: int = WORLD, mac: int = OUTSIDE, to: int = WEB2) -> Frame:
    fields = {"eth_src": mac, "eth_dst": to, "eth_type": 0x0800, "ipv4_src": source, "ipv4_dst": WEB2_IP}
    return parse(build({**fields, "ip_proto": 17}))


def ipv6(source: int, mac: int = OUTSIDE) -> Frame:
    fields = {"eth_src": mac, "eth_dst": WEB2, "eth_type": 0x86DD, "ipv6_src": source, "ipv6_dst": WEB2_V6}
    return parse(build({**fields, "ip_proto": 17}))


def arp(mac: int, address: int, inside: int | None = None, wanted: int = 0) -> Frame:
    fields = {"eth_src": mac, "eth_dst": BROADCAST, "eth_type": 0x0806, "arp_op": 1, "arp_spa": address}
    return parse(build({**fields, "arp_sha": mac if inside is None else inside, "arp_tpa": wanted}))


def advertisement(address: int) -> Frame:
    fields = {"eth_src": OUTSIDE, "eth_dst": GROUP, "eth_type": 0x86DD, "ip_proto": 58, "icmpv6_type": 136}
    told = {"ipv6_src": 0xFE80 << 112 | 5, "ipv6_nd_target": address, "ipv6_nd_tll": OUTSIDE}
    return parse(build({**fields, **told, "ipv6_dst": 0xFF02 << 112 | 1}))


def reasons(journey: Journey) -> list[int]:
    return [copy.reason for _, copy in journey.copies]


# What comes in


@pytest.mark.parametrize(
    "frame", [ip(), ipv6(0x2001 << 112 | 8), ip(0x0A0100C8)], ids=["IPv4", "IPv6", "a neighbour's"]
)
def test_a_host_that_nobody_knows_is_let_in_and_told_of(fabric: Fabric, frame: Frame) -> None:
    journey = fabric.send(ISP, frame)
    assert journey.reached == {FAR}
    assert reasons(journey) == [Reason.LEARN_MAC]


def test_who_is_known_is_let_in_without_a_copy_whatever_its_address(fabric: Fabric) -> None:
    fabric.hear()
    for frame in (ip(), ip(WORLD + 1), ipv6(0x2001 << 112 | 8), arp(OUTSIDE, 0x0A0100C8)):
        journey = fabric.send(ISP, frame)
        assert FAR in journey.reached
        assert not journey.copies


def test_what_it_floods_reaches_its_segment_alone(fabric: Fabric) -> None:
    assert fabric.send(ISP, arp(OUTSIDE, 0x0A0100C8)).reached == {NEAR, FAR}


def test_its_question_for_a_server_is_answered_by_the_switch(fabric: Fabric) -> None:
    assert fabric.send(ISP, arp(OUTSIDE, 0x0A0100C8, wanted=WEB2_IP)).reached == {ISP}


def test_a_frame_with_a_tag_is_dropped(fabric: Fabric) -> None:
    tagged = {"eth_src": OUTSIDE, "eth_dst": WEB2, "eth_type": 0x0800, "ipv4_src": WORLD}
    assert not fabric.send(ISP, parse(build(tagged, vlans=(5,)))).reached


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (ip(mac=WEB2), Reason.MAC),
        (arp(OUTSIDE, 0x0A0100C8, inside=WEB1), Reason.MAC),
        (ip(WEB2_IP), Reason.ADDRESS),
        (arp(OUTSIDE, WEB2_IP), Reason.ADDRESS),
        (ipv6(WEB2_V6), Reason.ADDRESS),
        (advertisement(WEB2_V6), Reason.ADDRESS),
        (ip(GATEWAY), Reason.ADDRESS),
        (arp(OUTSIDE, GATEWAY), Reason.ADDRESS),
        (ipv6(V6_GATEWAY), Reason.ADDRESS),
        (advertisement(V6_GATEWAY), Reason.ADDRESS),
    ],
    ids=[
        "a server's MAC",
        "a server's MAC within ARP",
        "a server's address",
        "in ARP",
        "in IPv6",
        "in an advertisement",
        "the gateway",
        "in ARP, the gateway",
        "in IPv6, the gateway",
        "in an advertisement, the gateway",
    ],
)
@pytest.mark.parametrize("known", [False, True], ids=["a stranger", "known"])
def test_what_is_a_servers_or_the_gateways_is_refused(
    fabric: Fabric, frame: Frame, reason: Reason, known: bool
) -> None:
    if known:
        fabric.hear()
    journey = fabric.send(ISP, frame)
    assert not journey.reached
    assert reasons(journey)[-1] == reason


def test_a_host_may_have_the_address_of_a_server_of_another_segment(fabric: Fabric) -> None:
    assert fabric.send(ISP, ip(0x0A020003)).reached == {FAR}


@pytest.mark.parametrize(
    ("fields", "vlans", "cause", "said"),
    [
        ({"eth_src": WEB2}, (), Cause.FORGED_MAC, "it is the MAC of web2 (platforms.p2.servers.web2"),
        (
            {"ipv4_src": WEB2_IP},
            (),
            Cause.FORGED_ADDRESS,
            "10.1.0.12: it is an address of web2 (platforms.p2.servers.web2",
        ),
        ({"ipv4_src": GATEWAY}, (), Cause.FORGED_ADDRESS, "10.1.0.1: it is the gateway of web (segments.web"),
        ({}, (7,), Cause.WRONG_TAG, "p1 port 10 (uplink isp1) sent a frame with a tag: expected none"),
    ],
)
def test_a_trace_says_why_it_was_refused(
    fabric: Fabric, fields: dict[str, int], vlans: tuple[int, ...], cause: Cause, said: str
) -> None:
    sent = {"eth_src": OUTSIDE, "eth_dst": WEB1, "eth_type": 0x0800, "ipv4_src": WORLD, **fields}
    question = read_question({"platform": "p1", "port": 10, "hex": build(sent, vlans=vlans).hex()})
    view = trace(fabric.control, question).view
    assert view.verdict == "dropped"
    assert view.reason == cause
    assert said in view.message


# Who is learned


def test_a_host_is_a_learned_server_without_addresses(fabric: Fabric) -> None:
    fabric.hear(ipv4_src=WORLD)
    server = fabric.control.fabric.servers[NAME]
    assert (server.end, server.segment, server.mac, server.addresses) == (ISP, "web", OUTSIDE, ())


def test_several_are_learned_and_each_is_found_again(fabric: Fabric) -> None:
    assert fabric.send(FAR, ip(WEB2_IP, WEB2, OUTSIDE)).reached == {NEAR, ISP}
    fabric.hear()
    fabric.hear(OTHER)
    for mac in (OUTSIDE, OTHER):
        assert fabric.send(FAR, ip(WEB2_IP, WEB2, mac)).reached == {ISP}
    assert fabric.learned() == {learned_name("web", OUTSIDE), learned_name("web", OTHER)}


def test_a_server_that_is_declared_is_not_learned_there(fabric: Fabric) -> None:
    fabric.hear(WEB2)
    assert fabric.control.fabric.servers["web2"].end == FAR
    assert not fabric.learned()


def test_a_server_that_moves_beyond_leaves_its_addresses() -> None:
    fabric = Fabric(DOCUMENT.replace("dpid: 2", "dpid: 2\n    undeclared: {mode: learn, segment: web}"))
    fabric.switches["p2"].ports[5] = make_port(5)
    fabric.start()
    fabric.hear(end=("p2", 5), arp_spa=0x0A0100C8)
    assert fabric.control.fabric.servers[NAME].addresses
    fabric.hear(end=ISP, ipv4_src=WORLD)
    server = fabric.control.fabric.servers[NAME]
    assert (server.end, server.addresses) == (ISP, ())


def test_they_are_forgotten_when_the_port_goes_down(fabric: Fabric) -> None:
    fabric.hear()
    port = fabric.switches["p1"].ports[10]
    fabric.control.port_changed("p1", replace(port, up=False))
    assert not fabric.learned()


def test_they_are_forgotten_when_the_uplink_is_taken_out(fabric: Fabric) -> None:
    fabric.hear()
    fabric.change(DOCUMENT.replace("    uplinks: {isp1: {port: 10, segment: web, rate: 1 Gbit/s}}\n", ""))
    fabric.settle()
    assert not fabric.learned()
    assert not fabric.send(ISP, ip()).reached


def test_they_are_others_when_the_uplink_goes_to_another_segment(fabric: Fabric) -> None:
    fabric.hear()
    fabric.change(DOCUMENT.replace("isp1: {port: 10, segment: web", "isp1: {port: 10, segment: data"))
    fabric.settle()
    assert not fabric.learned()
    assert fabric.send(ISP, arp(OUTSIDE, 0x0A0100C8)).reached == {DATA}


@pytest.mark.parametrize("keep_state", [True, False], ids=["state kept", "state lost"])
def test_they_are_known_after_a_restart_and_nothing_is_sent(fabric: Fabric, keep_state: bool) -> None:
    fabric.hear()
    fabric.hear(OTHER)
    written = sum(switch.written for switch in fabric.switches.values())
    known = fabric.learned()
    fabric.restart_controller(keep_state)
    fabric.start()
    assert fabric.learned() == known
    assert sum(switch.written for switch in fabric.switches.values()) == written


# What the port is


def test_no_other_switch_is_looked_for_there(fabric: Fabric) -> None:
    assert not fabric.control.takes_probes(ISP)
    fabric.control.probe_heard(ISP, 2, 3)
    fabric.settle()
    assert fabric.send(ISP, ip()).reached == {FAR}


def test_an_alarm_about_it_names_the_uplink(fabric: Fabric) -> None:
    fabric.hear()
    fabric.control.packet_heard(Heard(ISP, Reason.MAC, {"eth_src": WEB2}), fabric.now)
    (alarm,) = [alarm for alarm in fabric.control.alarms.standing() if alarm.kind == "violation"]
    said = "p1 port 10 (uplink isp1) sent as 02:00:00:00:02:01, which is not a MAC of that port: dropped"
    assert alarm.message == said
    (kind,) = [kind for kind in KINDS if kind.name == "uplink"]
    assert kind.view(Reading(fabric.control), "isp1").status.alarms == (alarm,)


def test_an_uplink_is_shown_with_who_is_behind_it(fabric: Fabric) -> None:
    fabric.hear()
    kinds = {kind.name: kind for kind in KINDS}
    reading = Reading(fabric.control)
    uplink = kinds["uplink"].view(reading, "isp1")
    assert (uplink.origin, uplink.spec.rate, uplink.status.state) == ("file", 10**9, "up")
    assert (uplink.status.segment, uplink.status.port_name, uplink.status.servers) == ("web", "eth10", (NAME,))
    (port,) = [port for port in kinds["platform"].view(reading, "p1").status.ports if port.number == 10]
    assert (port.kind, port.uplink, port.servers) == ("uplink", "isp1", (NAME,))
    assert kinds["server"].view(reading, NAME).origin == "learned"


def test_an_uplink_whose_port_has_no_carrier_is_down(fabric: Fabric) -> None:
    port = fabric.switches["p1"].ports[10]
    fabric.control.port_changed("p1", replace(port, up=False))
    (kind,) = [kind for kind in KINDS if kind.name == "uplink"]
    assert kind.view(Reading(fabric.control), "isp1").status.state == "down"
