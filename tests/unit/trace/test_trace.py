"""A trace says what becomes of a packet, whose rules decided it, why it ends and what would let it pass."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.control import Control
from controller.model.fabric import Fabric
from controller.rules.packet import build
from controller.rules.rules import EXACT, FlowEntry, PushVlan, SetField, ToGroup
from controller.rules.tables import Table, link_group
from controller.trace import BadQuestion, Lines, TraceView, UnknownName, read_question, trace
from controller.trace.why import Cause
from tests.unit.rest.fabrics import learning_fabric
from tests.virtual import VirtualFabric, make_port

EXAMPLES = Path(__file__).parents[3] / "examples"
CUT = "chassis1.east--chassis2.west"


def text(name: str) -> str:
    return (EXAMPLES / f"{name}.yaml").read_text()


def line(name: str, start: str) -> int:
    """Where a line of an example begins so."""
    return next(n for n, row in enumerate(text(name).splitlines(), 1) if row.strip().startswith(start))


def fabric(name: str) -> VirtualFabric:
    virtual = VirtualFabric(text(name))
    virtual.start()
    return virtual


@pytest.fixture(scope="module")
def ring() -> Control:
    return fabric("ring").control


def ask(control: Control, name: str = "ring", /, **body: Any) -> TraceView:
    lines = Lines(text(name), f"{name}.yaml")
    given = {key.removesuffix("_"): value for key, value in body.items()}
    return trace(control, read_question(given), lines).view


def steps(view: TraceView) -> list[tuple[str, str]]:
    return [(visit.platform, step.where) for visit in view.visits for step in visit.steps]


# What arrives


def test_a_packet_to_a_neighbour_is_delivered_to_the_neighbour(ring: Control) -> None:
    view = ask(ring, from_="web1", to="web2", protocol="tcp", dst_port=443)
    assert (view.verdict, view.reason, view.remedy) == ("delivered", None, None)
    assert [(d.platform, d.port, d.servers, d.changed) for d in view.deliveries] == [("chassis1", 2, ("web2",), ())]
    assert view.packet.text.endswith("ipv4 10.1.0.11 > 10.1.0.12 tcp 49152 > 443")
    assert view.basis == "wanted"
    assert view.confirmed


def test_each_step_names_its_owner_and_the_line_of_the_document(ring: Control) -> None:
    view = ask(ring, from_="web1", to="web3")
    first = view.visits[0].steps[0]
    assert (first.where, first.match) == ("table port", "eth_src=02:00:00:00:01:01 in_port=1 vlan_vid=none")
    assert first.owner is not None
    assert (first.owner.kind, first.owner.name) == ("server", "web1")
    assert first.owner.place == "platforms.chassis1.servers.web1"
    assert first.owner.line == line("ring", "web1:")
    owners = {step.owner.name: step.owner for visit in view.visits for step in visit.steps if step.owner}
    assert (owners["web3"].place, owners["web3"].line) == ("platforms.chassis2.servers.web3", line("ring", "web3:"))
    assert (owners[CUT].place, owners[CUT].line) == ("links[0]", line("ring", "- [chassis1.east, chassis2.west]"))
    assert (owners["web"].place, owners["web"].line) == ("segments.web", line("ring", "web:"))
    assert owners["chassis2:21"].place == "platforms.chassis2.trunks.west"


def test_without_the_text_of_the_document_places_have_no_line(ring: Control) -> None:
    view = trace(ring, read_question({"from": "web1", "to": "web3"})).view
    owners = [step.owner for visit in view.visits for step in visit.steps if step.owner]
    assert {owner.line for owner in owners} == {None}
    assert "links[0]" in {owner.place for owner in owners}


def test_it_tells_groups_buckets_labels_and_links_on_the_way(ring: Control) -> None:
    view = ask(ring, from_="web1", to="web3")
    assert [(visit.platform, visit.link) for visit in view.visits] == [("chassis1", None), ("chassis2", CUT)]
    assert ("chassis1", "link group of port 22, bucket 0") in steps(view)
    (out,) = view.visits[0].outputs
    assert (out.port, out.link, out.up) == (22, CUT, True)
    assert out.changed[0].startswith("tags none become")
    assert view.deliveries[0].changed == ()


def test_a_packet_takes_the_bypass_of_a_link_that_is_taken_to_be_down(ring: Control) -> None:
    view = ask(ring, from_="web1", to="web3", down=[CUT])
    assert view.verdict == "delivered"
    assert [visit.platform for visit in view.visits] == ["chassis1", "chassis4", "chassis3", "chassis2"]
    assert ("chassis1", "link group of port 22, bucket 1") in steps(view)


def test_equal_ways_are_told_of(ring: Control) -> None:
    view = ask(ring, from_="web1", to="web5")
    assert view.verdict == "delivered"
    assert view.notes == ("chassis1 chooses one of 2 equal ways by hash: this is one of them",)


@pytest.mark.parametrize(("protocol", "said"), [("arp", "10.1.0.13 is at 02:00:00:00:02:01"), ("nd", "fd00:1::13")])
def test_a_question_is_answered_by_the_switch(ring: Control, protocol: str, said: str) -> None:
    view = ask(ring, from_="web1", to="web3", protocol=protocol)
    assert view.verdict == "delivered"
    assert view.message.startswith("chassis1 answers it itself")
    assert said in view.message
    assert "eth_dst ff:ff:ff:ff:ff:ff becomes 02:00:00:00:01:01" in view.deliveries[0].changed or protocol == "nd"


def test_a_broadcast_arrives_at_all_others_of_the_segment(ring: Control) -> None:
    view = ask(ring, from_="web1", to="ff:ff:ff:ff:ff:ff", protocol="udp")
    assert view.verdict == "delivered"
    assert {name for d in view.deliveries for name in d.servers} == {f"web{n}" for n in range(2, 9)}


@pytest.mark.parametrize("to", ["10.1.0.13", "fd00:1::13", "02:00:00:00:02:01", "web3"])
def test_a_server_is_found_by_each_of_its_identifiers(ring: Control, to: str) -> None:
    view = ask(ring, from_="web1", to=to)
    assert (view.verdict, view.packet.target) == ("delivered", "web3")


def test_ipv6_is_spoken_where_it_is_asked_for(ring: Control) -> None:
    assert "ipv6 fd00:1::11 > fd00:1::13 icmpv6" in ask(ring, from_="web1", to="web3", version=6).packet.text


def test_a_tagged_server_sends_and_gets_its_tag() -> None:
    virtual = VirtualFabric(TAGGED)
    virtual.start()
    view = trace(virtual.control, read_question({"from": "a1", "to": "a2"})).view
    assert view.verdict == "delivered"
    assert " vlan 100 " in view.packet.text
    back = trace(virtual.control, read_question({"from": "a2", "to": "a1"})).view
    assert back.verdict == "delivered"
    assert back.deliveries[0].changed == ("tags none become 100",)


TAGGED = """
segments: {a: {}}
platforms:
  c1:
    dpid: 1
    servers:
      a1: {port: 1, segment: a, vlan: 100, mac: "02:00:00:00:00:01", ip: 10.0.0.1}
      a2: {port: 2, segment: a, mac: "02:00:00:00:00:03", ip: 10.0.0.3}
      a3: {port: 3, segment: a, ip: 10.0.0.4}
"""


def test_a_server_whose_mac_is_not_known_is_asked_for_first() -> None:
    virtual = VirtualFabric(TAGGED)
    virtual.start()
    view = trace(virtual.control, read_question({"from": "a2", "to": "a3", "protocol": "tcp"})).view
    assert view.verdict == "delivered"
    assert "the MAC of a3 is not known" in view.notes[0]
    assert "who has 10.0.0.4? tell 10.0.0.3" in view.packet.text
    assert ("a3",) in [d.servers for d in view.deliveries]


# What does not, and why


def test_segments_are_closed_to_each_other_in_words_with_the_lines(ring: Control) -> None:
    view = ask(ring, from_="web1", to="db3", protocol="tcp")
    assert (view.verdict, view.reason and view.reason.value) == ("dropped", "other_segment")
    one, other = line("ring", "web1:"), line("ring", "db3:")
    assert view.message == (
        f"web1 is in segment web (platforms.chassis1.servers.web1, line {one}), "
        f"db3 in segment data (platforms.chassis2.servers.db3, line {other}): segments are closed to each other"
    )
    assert view.remedy == "declare both in one segment: db3 in web, or web1 in data"


DROPPED = [
    ({"to": "db1", "protocol": "arp"}, "other_segment", "segments are closed to each other", "db1 in web"),
    (
        {"to": "web2", "src_mac": "02:00:00:00:09:09"},
        "forged_mac",
        "chassis1 port 1 (web1) may not send as 02:00:00:00:09:09: its MAC is 02:00:00:00:01:01",
        "declare mac: '02:00:00:00:09:09' of web1",
    ),
    (
        {"to": "web2", "src_ip": "10.1.0.99"},
        "forged_address",
        "chassis1 port 1 (web1) may not send from 10.1.0.99: its addresses are 10.1.0.11, fd00:1::11",
        "add 10.1.0.99 to the ip of web1 (platforms.chassis1.servers.web1, line",
    ),
    (
        {"to": "web2", "src_ip": "fd00:1::99", "version": 6},
        "forged_address",
        "may not send from fd00:1::99",
        "add fd00:1::99",
    ),
    ({"to": "db1", "src_ip": "10.1.0.12"}, "forged_address", "may not send from 10.1.0.12", "add 10.1.0.12"),
    ({"to": "web2", "vlan": 7}, "wrong_tag", "sent a frame with tag 7: expected no tag", "vlan: 7"),
    ({"to": "10.1.0.77"}, "unknown_destination", "nobody in segment web is known", "declare a server"),
    ({"to": "33:33:00:00:00:01", "storm": True}, "storm", "floods more than 1000 packets/s", "raise storm"),
    ({"to": "01:80:c2:00:00:00"}, "link_protocol", "not forwarded by bridges", None),
]


@pytest.mark.parametrize(("body", "reason", "message", "remedy"), DROPPED, ids=lambda value: str(value)[:40])
def test_what_is_dropped_says_why(
    ring: Control, body: dict[str, Any], reason: str, message: str, remedy: str | None
) -> None:
    view = ask(ring, from_="web1", **body)
    assert (view.verdict, view.reason and view.reason.value) == ("dropped", reason)
    assert message in view.message
    assert (remedy or "") in (view.remedy or "")
    assert bool(remedy) == bool(view.remedy)


def test_a_mac_forged_inside_the_packet_is_told_apart(ring: Control) -> None:
    arp = {"arp_op": 1, "arp_sha": 0x0200000000AA, "arp_spa": 0x0A01000B, "arp_tpa": 0x0A01000C}
    data = build({"eth_src": 0x020000000101, "eth_dst": (1 << 48) - 1, "eth_type": 0x0806, **arp})
    view = ask(ring, from_="web1", hex=data.hex())
    assert view.reason is not None
    assert view.reason.value == "forged_mac"
    assert "may not send as 02:00:00:00:00:aa inside the packet" in view.message


def test_a_link_that_is_down_is_named_where_there_is_no_other_way() -> None:
    virtual = fabric("daisy-chain")
    virtual.unplug(("chassis1", 22))
    virtual.settle()
    view = ask(virtual.control, "daisy-chain", from_="web1", to="web7")
    assert (view.verdict, view.reason and view.reason.value) == ("dropped", "no_path")
    at = line("daisy-chain", "- [chassis1.east, chassis2.west]")
    assert view.message == f"no path from chassis1 to chassis4 (web7): link {CUT} (links[0], line {at}) is down"
    assert view.remedy == f"mend {CUT}"


def test_a_link_taken_to_be_down_is_no_path_where_it_has_no_bypass() -> None:
    view = ask(fabric("daisy-chain").control, "daisy-chain", from_="web1", to="web3", down=[CUT])
    assert (view.verdict, view.reason and view.reason.value) == ("dropped", "no_path")
    assert CUT in view.message


def test_a_link_that_somebody_shut_is_told_apart_from_one_that_failed() -> None:
    virtual = fabric("daisy-chain")
    virtual.control.set_admin(("links", CUT), "down")
    virtual.settle()
    view = ask(virtual.control, "daisy-chain", from_="web1", to="web3")
    assert view.reason is not None
    assert (view.verdict, view.reason.value) == ("dropped", "no_path")
    assert "is shut by an override" in view.message
    assert view.remedy == f"set the admin of {CUT} (or its platform) to up"


def test_platforms_that_nothing_joins_have_no_path() -> None:
    virtual = VirtualFabric(
        "{segments: {a: {}}, platforms: {c1: {dpid: 1, servers: {"
        'a1: {port: 1, segment: a, mac: "02:00:00:00:00:01"}}}, c2: {dpid: 2, servers: {'
        'a2: {port: 1, segment: a, mac: "02:00:00:00:00:02"}}}}}'
    )
    virtual.start()
    view = trace(virtual.control, read_question({"from": "a1", "to": "a2"})).view
    assert (view.verdict, view.message) == ("dropped", "no path from c1 to c2 (a2): no links lead there")
    alone = trace(virtual.control, read_question({"from": "a1", "to": "ff:ff:ff:ff:ff:ff"})).view
    assert alone.reason is not None
    assert alone.reason.value == "alone"
    assert "nobody else of segment a is within reach of c1" in alone.message


def test_a_port_without_carrier_is_named() -> None:
    virtual = fabric("ring")
    virtual.control.port_changed("chassis2", make_port(1, up=False))
    virtual.settle()
    view = ask(virtual.control, from_="web1", to="web3")
    assert view.reason is not None
    assert (view.verdict, view.reason.value) == ("dropped", "port_down")
    assert view.message == "chassis2 port 1 (web3) is down"


def label_of(control: Control, segment: str) -> int:
    return next(n for pool, name, n in control.fabric.ledger.held() if (pool, name) == ("label", segment))


def frame(**fields: int) -> str:
    return build({"eth_src": 0x0200000000EE, "eth_dst": 0x0200000000EF, "eth_type": 0x88B5, **fields}).hex()


def test_a_port_that_nobody_declared_is_closed(ring: Control) -> None:
    view = ask(ring, platform="chassis1", port=9, hex=frame())
    assert view.reason is not None
    assert (view.verdict, view.reason.value) == ("dropped", "closed_port")
    assert "chassis1 port 9 is closed" in view.message


def test_a_trunk_that_was_not_found_as_declared_takes_nothing() -> None:
    control = VirtualFabric(text("ring")).control
    control.refresh()
    view = ask(control, platform="chassis1", port=22, hex=frame())
    assert view.reason is not None
    assert view.reason.value == "closed_port"
    assert "chassis1.east (chassis1 port 22) is a trunk" in view.message
    assert not view.confirmed


def test_a_frame_without_a_label_on_a_trunk_is_dropped(ring: Control) -> None:
    view = ask(ring, platform="chassis1", port=22, hex=frame())
    assert view.reason is not None
    assert view.reason.value == "no_label"


def test_an_unknown_server_is_not_flooded_where_it_comes_by_a_link(ring: Control) -> None:
    view = ask(ring, platform="chassis1", port=22, hex=frame(vlan_vid=0x1000 | label_of(ring, "web")))
    assert view.reason is not None
    assert (view.verdict, view.reason.value) == ("dropped", "unknown_destination")
    assert "what comes by a link is not flooded" in view.message


def test_an_unknown_mac_is_flooded_in_its_segment(ring: Control) -> None:
    view = ask(ring, from_="web1", to="02:00:00:00:77:77")
    assert view.verdict == "delivered"
    assert len(view.deliveries) == 7


# To the controller, and for ever


def test_discovery_goes_to_the_controller() -> None:
    control = learning_fabric()
    data = build({"eth_src": 1, "eth_dst": 0x0180C200000E, "eth_type": 0x88CC})
    view = trace(control, read_question({"platform": "s1", "port": 2, "hex": data.hex()})).view
    assert (view.verdict, view.visits[0].to_controller) == ("to_controller", ("discovery",))


def test_what_is_learned_is_copied_and_goes_on() -> None:
    control = learning_fabric()
    data = build({"eth_src": 0x0200000000EE, "eth_dst": 0x020000000101, "eth_type": 0x88B5})
    control.port_silent(("s1", 1))
    view = trace(control, read_question({"platform": "s1", "port": 1, "hex": data.hex()})).view
    assert view.visits[0].to_controller == ("to learn its MAC",)


def test_a_learned_server_has_no_place_in_a_document() -> None:
    control = learning_fabric()
    (name,) = control.fabric.servers
    view = trace(control, read_question({"from": name, "to": "ff:ff:ff:ff:ff:ff"})).view
    owner = view.visits[0].steps[0].owner
    assert owner is not None
    assert (owner.name, owner.place, owner.line) == (name, None, None)


def test_a_loop_is_told_with_the_ports_that_it_comes_by() -> None:
    control = fabric("ring").control
    mac = control.fabric.servers["web5"].mac
    away = (PushVlan(), SetField("vlan_vid", 0x1000 | label_of(control, "web")), ToGroup(link_group(22)))
    for switch in control.reconciler.switches.values():
        for key, item in tuple(switch.wanted.items()):
            rule = item.rule
            if isinstance(rule, FlowEntry) and rule.table == Table.FORWARD and ("eth_dst", mac, EXACT) in rule.match:
                switch.wanted[key] = replace(item, rule=replace(rule, actions=away))
    view = ask(control, from_="web1", to="web5")
    assert view.verdict == "looped"
    assert view.loops
    assert "again and again" in view.message


# What may be asked


BAD = [
    ({}, ["from", "to"]),
    ([], [""]),
    ({"from": "web1", "to": "web1"}, ["to"]),
    ({"from": "web1", "to": "web2", "protocl": "tcp"}, ["protocl"]),
    ({"from": "web1", "to": "web2", "protocol": "tpc"}, ["protocol"]),
    ({"from": "web1", "to": "web2", "dst_port": 70000}, ["dst_port"]),
    ({"from": "web1", "to": "web2", "flags": ["syn", "sin"]}, ["flags[1]"]),
    ({"from": "web1", "to": "web2", "flags": "syn"}, ["flags"]),
    ({"from": "web1", "to": "web2", "version": 5}, ["version"]),
    ({"from": "web1", "to": "10.1.0.12", "version": 6}, ["version"]),
    ({"from": "web1", "to": "web2", "src_mac": "no"}, ["src_mac"]),
    ({"from": "web1", "to": "web2", "src_ip": "fd00::1"}, ["src_ip"]),
    ({"from": "web1", "to": "web2", "platform": "chassis1"}, ["platform"]),
    ({"from": "web1", "to": "fd00:1::12", "protocol": "arp"}, ["to"]),
    ({"from": "web1", "hex": "00"}, ["hex"]),
    ({"from": "web1", "hex": "zz" * 20}, ["hex"]),
    ({"from": "web1", "hex": "00" * 20, "to": "web2"}, ["to"]),
    ({"platform": "chassis1", "hex": "00" * 20}, ["port"]),
    ({"hex": "00" * 20}, ["from"]),
    ({"from": "web1", "to": "web2", "storm": "yes"}, ["storm"]),
    ({"from": 1, "to": "web2"}, ["from"]),
]


@pytest.mark.parametrize(("body", "places"), BAD, ids=lambda value: str(value)[:50])
def test_a_question_that_makes_no_sense_names_its_places(ring: Control, body: Any, places: list[str]) -> None:
    with pytest.raises(BadQuestion) as found:
        trace(ring, read_question(body))
    assert [problem.place for problem in found.value.problems] == places
    assert all(problem.message and "pydantic" not in problem.message for problem in found.value.problems)


UNKNOWN = [
    ({"from": "wep1", "to": "web2"}, "there is no server 'wep1'; did you mean 'web1'?"),
    ({"from": "web1", "to": "wep2"}, "there is no server 'wep2', and it is no IP address or MAC; did you mean 'web2'?"),
    ({"platform": "chasis1", "port": 1, "hex": "00" * 20}, "there is no platform 'chasis1'; did you mean 'chassis1'?"),
    ({"from": "web1", "to": "web2", "down": ["chassis1.east"]}, "there is no link 'chassis1.east'"),
]


@pytest.mark.parametrize(("body", "said"), UNKNOWN, ids=lambda value: str(value)[:40])
def test_an_unknown_name_is_answered_with_the_one_that_was_probably_meant(
    ring: Control, body: dict[str, Any], said: str
) -> None:
    with pytest.raises(UnknownName) as found:
        trace(ring, read_question(body))
    assert said in str(found.value)


def test_a_fabric_without_anything_has_no_server() -> None:
    with pytest.raises(UnknownName):
        trace(Control(Fabric()), read_question({"from": "web1", "to": "web2"}))


# What the page says


def test_what_the_page_shows_is_what_one_gets() -> None:
    page = (EXAMPLES.parent / "docs" / "api.md").read_text(encoding="utf-8")
    section = page.partition("## Following a packet")[2].partition("\n## ")[0]
    words, data, step, answer = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL))
    control = fabric("two-chassis").control
    lines = Lines(text("two-chassis"))
    told = json.loads(trace(control, read_question(words), lines).view.model_dump_json())
    assert told.items() >= answer.items()
    assert trace(control, read_question(data)).view.verdict == "delivered"
    near = json.loads(trace(control, read_question({"from": "web1", "to": "web2"}), lines).view.model_dump_json())
    assert step in near["visits"][0]["steps"]


def test_the_page_names_every_reason() -> None:
    page = (EXAMPLES.parent / "docs" / "api.md").read_text(encoding="utf-8")
    told = page.partition("The reasons are a closed list: ")[2].partition(".\n")[0]
    named = re.findall(r"[a-z_]+", re.sub(r"\(.*?\)", "", told))
    assert named == [cause.value for cause in Cause]
