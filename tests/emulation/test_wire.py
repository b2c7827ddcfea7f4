"""All that is compiled goes onto a real Open vSwitch and comes back equal."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator

import pytest

from apps.openflow import decode, encode
from apps.openflow.read_actions import Instructions, read_instructions
from controller.rules.rules import (
    CONTROLLER_PORT,
    Bucket,
    DecTtl,
    FlowEntry,
    Group,
    GroupType,
    Meter,
    Output,
    Owner,
    Rule,
    RuleKey,
    SetField,
    SetQueue,
    ToController,
    ToGroup,
    match,
)
from controller.rules.tables import Priority, Reason, Reg, Table, cookie, link_group, platform_group
from tests.emulation.compiled import wanted
from tests.emulation.ofpeer import ERROR, MULTIPART_REPLY, PACKET_IN, Peer

BRIDGE = f"bpw{os.getpid()}"
OWNER = Owner("base", "test")
TABLE_OF_A_PORT = 0xFFFFFFF9
"""OFPP_TABLE: a frame of ours goes through the tables."""


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as listening:
        add = ["--may-exist", "add-br", BRIDGE, "--", "set", "bridge", BRIDGE, "datapath_type=netdev"]
        secure = ["protocols=OpenFlow13", "fail_mode=secure", "--", "set-controller", BRIDGE, listening.target]
        apart = ["--", "set", "controller", BRIDGE, "connection_mode=out-of-band", "max_backoff=1000"]
        try:
            vsctl(*add, *secure, *apart)
            listening.accept()
            yield listening
        finally:
            vsctl("--if-exists", "del-br", BRIDGE)


def vsctl(*words: str) -> None:
    subprocess.run(["ovs-vsctl", "--timeout=20", *words], check=True)


def ofctl(*words: str) -> None:
    subprocess.run(["ovs-ofctl", "-O", "OpenFlow13", *words], check=True)


def install(peer: Peer, rules: Iterable[Rule], new: bool = True) -> None:
    upserts = [(rule, cookie(OWNER, rule), new) for rule in rules]
    buffer, sent = encode.encode_batch(upserts, (), 1000)
    assert refusals(peer.ask(buffer), sent) == {}


def remove(peer: Peer, keys: Iterable[RuleKey]) -> None:
    buffer, sent = encode.encode_batch((), tuple(keys), 1000)
    assert refusals(peer.ask(buffer), sent) == {}


def refusals(heard: Iterable[bytes], sent: dict[int, RuleKey]) -> dict[RuleKey, str]:
    errors = [decode.error(message) for message in heard if message[1] == ERROR]
    return {sent[error.xid]: decode.error_text(error.kind, error.code) for error in errors}


def replies(peer: Peer, request: bytes) -> list[bytes]:
    heard = peer.ask(request)
    assert not [message for message in heard if message[1] == ERROR]
    return [message for message in heard if message[1] == MULTIPART_REPLY]


def flows(peer: Peer, request: bytes | None = None) -> dict[RuleKey, decode.FlowStats]:
    parts = replies(peer, request or encode.flow_stats_request(1))
    return {entry.key: entry for part in parts for entry in decode.flow_stats(part)}


def groups(peer: Peer) -> dict[RuleKey, Group]:
    parts = replies(peer, encode.group_desc_request(1))
    return {group.key: group for part in parts for group in decode.group_desc(part)}


def meters(peer: Peer) -> dict[RuleKey, Meter]:
    parts = replies(peer, encode.meter_config_request(1))
    return {meter.key: meter for part in parts for meter in decode.meter_config(part)}


@pytest.mark.parametrize("platform", ["one", "two"])
def test_all_that_is_compiled_comes_back_equal(peer: Peer, platform: str) -> None:
    rules = wanted(platform)
    entries = {key: rule for key, rule in rules.items() if isinstance(rule, FlowEntry)}
    assert entries
    install(peer, rules.values())
    held = flows(peer)
    assert {key: entry.cookie for key, entry in held.items()} == {
        key: cookie(OWNER, rule) for key, rule in entries.items()
    }
    assert {key: read_instructions(entry.instructions) for key, entry in held.items()} == {
        key: Instructions(rule.actions, rule.goto, rule.meter) for key, rule in entries.items()
    }
    assert groups(peer) == {key: rule for key, rule in rules.items() if isinstance(rule, Group)}
    assert meters(peer) == {key: rule for key, rule in rules.items() if isinstance(rule, Meter)}


def test_more_than_one_reply_holds_is_read_whole(peer: Peer) -> None:
    entries = [FlowEntry(Table.FORWARD, Priority.NORMAL, match(eth_dst=mac), (Output(1),)) for mac in range(3000)]
    members = [Group(platform_group(index), GroupType.ALL, (Bucket((Output(1),)),) * 40) for index in range(1, 101)]
    install(peer, (*members, *entries))
    assert len(replies(peer, encode.flow_stats_request(1))) > 1
    assert flows(peer).keys() == {entry.key for entry in entries}
    assert groups(peer) == {group.key: group for group in members}


def test_what_is_deleted_is_gone_and_nothing_else(peer: Peer) -> None:
    rules = wanted("one")
    install(peer, rules.values())
    gone = [key for key, rule in rules.items() if isinstance(rule, FlowEntry)][::2]
    remove(peer, gone)
    left = {key for key, rule in rules.items() if isinstance(rule, FlowEntry)} - set(gone)
    assert flows(peer).keys() == left
    assert len(groups(peer)) == sum(isinstance(rule, Group) for rule in rules.values())
    remove(
        peer,
        sorted((key for key in rules if key not in gone), key=lambda key: ("flow", "group", "meter").index(key[0])),
    )
    assert (flows(peer), groups(peer), meters(peer)) == ({}, {}, {})


def test_a_group_and_a_meter_are_changed_in_place(peer: Peer) -> None:
    before = Group(platform_group(4), GroupType.INDIRECT, (Bucket((Output(1),)),))
    user = FlowEntry(Table.FORWARD, Priority.NORMAL, match(eth_dst=1), (ToGroup(before.number),))
    install(peer, (before, Meter(1 << 16 | 1, 100, 50, packets=True), user))
    buckets = (Bucket((Output(1),), weight=1), Bucket((DecTtl(), Output(2)), weight=1))
    after, slower = Group(before.number, GroupType.SELECT, buckets), Meter(1 << 16 | 1, 900, 90, packets=False)
    install(peer, (after, slower), new=False)
    assert (groups(peer), meters(peer)) == ({after.key: after}, {slower.key: slower})
    assert user.key in flows(peer)


def test_an_equal_key_is_replaced_with_its_cookie(peer: Peer) -> None:
    first = FlowEntry(Table.FORWARD, Priority.NORMAL, match(eth_dst=1), (Output(1),))
    second = FlowEntry(Table.FORWARD, Priority.NORMAL, match(eth_dst=1), (Output(2),))
    install(peer, (first,))
    install(peer, (second,), new=False)
    assert {key: entry.cookie for key, entry in flows(peer).items()} == {second.key: cookie(OWNER, second)}


def test_a_refusal_names_its_rule(peer: Peer) -> None:
    good = FlowEntry(Table.FORWARD, Priority.NORMAL, match(eth_dst=1), (Output(1),))
    no_group = FlowEntry(Table.FORWARD, Priority.NORMAL, match(eth_dst=2), (ToGroup(link_group(99)),))
    no_type = FlowEntry(Table.FORWARD, Priority.NORMAL, match(ipv4_src=2), (Output(1),))
    there_is_none = Group(platform_group(4), GroupType.INDIRECT, (Bucket((Output(1),)),))
    upserts = [(rule, 0, rule is not there_is_none) for rule in (no_group, good, no_type, there_is_none)]
    buffer, sent = encode.encode_batch(upserts, (), 5000)
    assert refusals(peer.ask(buffer), sent) == {
        no_group.key: "OFPET_BAD_ACTION OFPBAC_BAD_OUT_GROUP",
        no_type.key: "OFPET_BAD_MATCH OFPBMC_BAD_PREREQ",
        there_is_none.key: "OFPET_GROUP_MOD_FAILED OFPGMFC_UNKNOWN_GROUP",
    }
    assert flows(peer).keys() == {good.key}


def test_every_action_and_field_comes_back_equal(peer: Peer) -> None:
    """What no compiler uses yet is part of what a rule may say."""
    tcp = {"eth_type": 0x0800, "ip_proto": 6}
    rules = (
        FlowEntry(0, 9, match(**tcp, tcp_flags=(2, 0x12), ip_dscp=46, tcp_dst=80), (DecTtl(), SetField("ip_dscp", 8))),
        FlowEntry(
            0, 8, match(vlan_vid=(0x1000, 0x1000), vlan_pcp=5), (SetField("vlan_pcp", 1), SetField("reg2", 6, 6))
        ),
        FlowEntry(0, 7, match(xxreg1=(5 << 64, 0xFF << 64), reg2=9), (SetField("xxreg1", 1 << 100), Output(1))),
        FlowEntry(0, 6, match(), (SetField("xxreg0", 3 << 70, 15 << 70), ToController(1 << 16 | 1, 128))),
        FlowEntry(0, 5, match(eth_type=0x0800, ip_proto=1, icmpv4_type=8), (SetField("icmpv4_type", 0),)),
        FlowEntry(
            0, 4, match(eth_type=0x86DD, ipv6_dst=(0xFD << 120, 0xFFFF << 112), ip_ecn=1), (SetField("ip_ecn", 3),)
        ),
        FlowEntry(0, 2, match(reg12=2048, reg14=7, vlan_vid=0x1801, vlan_pcp=7), (SetQueue(1025), Output(1))),
        FlowEntry(0, 3, match(eth_type=0x86DD, ip_proto=58, icmpv6_type=136, nd_reserved=5, nd_options_type=2), ()),
    )
    install(peer, (Meter(1 << 16 | 1, 100, 50, packets=True), *rules))
    assert {key: read_instructions(entry.instructions) for key, entry in flows(peer).items()} == {
        rule.key: Instructions(rule.actions, rule.goto, rule.meter) for rule in rules
    }


def test_a_packet_comes_with_its_registers(peer: Peer) -> None:
    meter = Meter(1 << 16 | 1, 1000, 500, packets=True)
    note = (SetField(Reg.TAG, 0x1064), SetField(Reg.REASON, Reason.LEARN_MAC), ToController(meter.number))
    rule = FlowEntry(Table.PORT, Priority.NORMAL, match(in_port=CONTROLLER_PORT), note)
    install(peer, (meter, rule))
    frame = bytes.fromhex("ffffffffffff0200000001000806") + bytes(46)
    peer.send(encode.frame_out(TABLE_OF_A_PORT, frame, 1))
    packet = decode.packet_in(peer.receive(PACKET_IN))
    assert packet.data == frame
    assert (packet.in_port, packet.table, packet.cookie) == (CONTROLLER_PORT, Table.PORT, cookie(OWNER, rule))
    assert packet.fields[Reg.TAG] == 0x1064
    assert packet.fields[Reg.REASON] == Reason.LEARN_MAC


def test_counters_are_read(peer: Peer) -> None:
    meter = Meter(1 << 16 | 1, 1000, 500, packets=True)
    rule = FlowEntry(Table.PORT, Priority.NORMAL, match(in_port=CONTROLLER_PORT), (Output(1),), meter=meter.number)
    install(peer, (meter, rule, FlowEntry(Table.STORM, Priority.MISS, ())))
    frame = bytes.fromhex("ffffffffffff0200000001000806") + bytes(46)
    peer.ask(encode.frame_out(TABLE_OF_A_PORT, frame, 1) * 3)
    (counted,) = flows(peer, encode.flow_stats_request(1, table=Table.PORT)).values()
    assert (counted.packets, counted.octets) == (3, 180)
    (meter_counted,) = (
        stats for part in replies(peer, encode.meter_stats_request(1)) for stats in decode.meter_stats(part)
    )
    assert meter_counted == (meter.number, 3, 180, 0, 0)
    ports = [stats for part in replies(peer, encode.port_stats_request(1)) for stats in decode.port_stats(part)]
    assert [stats.port for stats in ports] == [0xFFFFFFFE]
    ours = encode.flow_stats_request(1, cookie=cookie(OWNER, rule), cookie_mask=0xFFFFFFFFFFFFFFFF)
    assert flows(peer, ours).keys() == {rule.key}


def test_rules_of_others_are_read_without_harm(peer: Peer) -> None:
    ours = FlowEntry(Table.PORT, Priority.NORMAL, match(in_port=1), (Output(2),))
    install(peer, (ours,))
    ofctl("add-flow", BRIDGE, "cookie=5,table=0,priority=300,ct_state=+trk,ip,actions=ct(commit,table=1)")
    ofctl("add-flow", BRIDGE, "cookie=6,table=0,in_port=1,tun_id=9,actions=learn(table=3,in_port=2),clear_actions")
    move = "move:NXM_NX_TUN_ID[0..5]->NXM_NX_REG0[0..5]"
    ofctl("add-group", BRIDGE, f"group_id=77,type=all,bucket=actions=ct(table=2),bucket=actions={move}")
    ofctl("add-meter", BRIDGE, "meter=9,kbps,stats,band=type=drop,rate=900")
    held = flows(peer)
    assert sorted(entry.cookie for entry in held.values()) == sorted((5, 6, cookie(OWNER, ours)))
    assert ours.key in held
    assert groups(peer).keys() == {("group", 77)}
    assert meters(peer) == {("meter", 9): Meter(9, 900, 900, packets=False)}
