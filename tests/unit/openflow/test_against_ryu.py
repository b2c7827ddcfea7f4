"""Ryu reads our messages as we mean them, and we read Ryu's."""

from __future__ import annotations

from typing import Any

from ryu.ofproto import ofproto_parser, ofproto_protocol
from ryu.ofproto import ofproto_v1_3 as ofproto
from ryu.ofproto import ofproto_v1_3_parser as parser

from apps.openflow import decode, encode
from apps.openflow.actions import action_bytes
from controller.rules.rules import (
    Bucket,
    ClearInPort,
    DecTtl,
    FlowEntry,
    Group,
    GroupType,
    Meter,
    Move,
    Output,
    PopVlan,
    PushVlan,
    Resubmit,
    RuleKey,
    SetField,
    ToGroup,
    match,
)

DATAPATH = ofproto_protocol.ProtocolDesc(version=ofproto.OFP_VERSION)


def read(message: bytes) -> Any:
    """A message as Ryu reads it."""
    return ofproto_parser.msg(DATAPATH, *ofproto_parser.header(message), message)


def added(entry: FlowEntry, cookie: int = 0) -> Any:
    return read(encode.encode_batch(((entry, cookie, True),), (), 77)[0])


def deleted(key: RuleKey) -> Any:
    return read(encode.encode_batch((), (key,), 77)[0])


def test_a_flow_entry_is_added() -> None:
    entry = FlowEntry(3, 300, match(in_port=7), (Output(2),), goto=10, meter=4)
    message = added(entry, cookie=0xBAC << 52)
    assert (message.command, message.table_id, message.priority) == (ofproto.OFPFC_ADD, 3, 300)
    assert (message.cookie, message.cookie_mask, message.flags) == (0xBAC << 52, 0, 0)
    assert (message.idle_timeout, message.hard_timeout) == (0, 0)
    assert (message.buffer_id, message.out_port, message.out_group) == (0xFFFFFFFF,) * 3
    kinds = [type(instruction) for instruction in message.instructions]
    assert kinds == [parser.OFPInstructionMeter, parser.OFPInstructionActions, parser.OFPInstructionGotoTable]
    assert (message.instructions[0].meter_id, message.instructions[2].table_id) == (4, 10)


def test_every_field_that_ryu_knows_has_its_value() -> None:
    fields = {
        "in_port": 7,
        "eth_dst": ("01:00:00:00:00:00", "01:00:00:00:00:00"),
        "eth_src": "02:00:00:00:00:01",
        "eth_type": 0x86DD,
        "vlan_vid": (0x1000, 0x1000),
        "ip_proto": 58,
        "ipv6_src": ("fe80::", "ffc0::"),
        "icmpv6_type": 135,
        "ipv6_nd_target": "fd00::1",
        "reg9": 5,
        "xxreg1": 1,
    }
    ours = match(
        in_port=7,
        eth_dst=(1 << 40, 1 << 40),
        eth_src=0x020000000001,
        eth_type=0x86DD,
        vlan_vid=(0x1000, 0x1000),
        ip_proto=58,
        ipv6_src=(0xFE80 << 112, 0xFFC0 << 112),
        icmpv6_type=135,
        ipv6_nd_target=0xFD00 << 112 | 1,
        reg9=5,
        xxreg1=1,
    )
    assert dict(added(FlowEntry(0, 1, ours)).match.items()) == dict(parser.OFPMatch(**fields).items())


def test_every_action_that_ryu_knows_is_the_same() -> None:
    ours = (
        PushVlan(),
        SetField("vlan_vid", 0x1005),
        SetField("eth_src", 1),
        SetField("reg3", 2, 3),
        Move("arp_sha", 0, "eth_src", 0, 48),
        ClearInPort(),
        Resubmit(7),
        DecTtl(),
        PopVlan(),
        ToGroup(9),
        Output(3),
        Output(ofproto.OFPP_CONTROLLER),
    )
    theirs = [
        parser.OFPActionPushVlan(0x8100),
        parser.OFPActionSetField(vlan_vid=0x1005),
        parser.OFPActionSetField(eth_src="00:00:00:00:00:01"),
        parser.NXActionRegLoad2(dst="reg3", value=2, mask=3),
        parser.NXActionRegMove("arp_sha", "eth_src", 48),
        parser.NXActionRegLoad(15, "in_port_nxm", 0),
        parser.NXActionResubmitTable(ofproto.OFPP_IN_PORT & 0xFFFF, 7),
        parser.OFPActionDecNwTtl(),
        parser.OFPActionPopVlan(),
        parser.OFPActionGroup(9),
        parser.OFPActionOutput(3, 0),
        parser.OFPActionOutput(ofproto.OFPP_CONTROLLER, ofproto.OFPCML_NO_BUFFER),
    ]
    for our_action, their_action in zip(ours, theirs, strict=True):
        buffer = bytearray()
        their_action.serialize(buffer, 0)
        assert action_bytes((our_action,)) == bytes(buffer)


def test_a_flow_entry_is_deleted_by_its_whole_key() -> None:
    message = deleted(FlowEntry(3, 300, match(in_port=7)).key)
    assert (message.command, message.table_id, message.priority) == (ofproto.OFPFC_DELETE_STRICT, 3, 300)
    assert (message.out_port, message.out_group, message.cookie_mask) == (0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert dict(message.match.items()) == {"in_port": 7}


def serialized(message: Any, xid: int) -> bytes:
    """A message as Ryu would send it."""
    message.set_xid(xid)
    message.serialize()
    return bytes(message.buf)


def test_groups_are_what_ryu_would_send() -> None:
    group = Group(5, GroupType.FAST_FAILOVER, (Bucket((Output(1),), watch_port=1), Bucket((), watch_port=2, weight=3)))
    buckets = [
        parser.OFPBucket(0, 1, ofproto.OFPG_ANY, [parser.OFPActionOutput(1, 0)]),
        parser.OFPBucket(3, 2, ofproto.OFPG_ANY, []),
    ]
    for command, new in ((ofproto.OFPGC_ADD, True), (ofproto.OFPGC_MODIFY, False)):
        theirs = parser.OFPGroupMod(DATAPATH, command, ofproto.OFPGT_FF, 5, buckets)
        assert encode.encode_batch(((group, 0, new),), (), 7)[0] == serialized(theirs, 7)
    gone = parser.OFPGroupMod(DATAPATH, ofproto.OFPGC_DELETE, ofproto.OFPGT_ALL, 5)
    assert encode.encode_batch((), (group.key,), 7)[0] == serialized(gone, 7)


def test_meters_are_what_ryu_would_send() -> None:
    bands = [parser.OFPMeterBandDrop(100, 50)]
    for packets, unit in ((True, ofproto.OFPMF_PKTPS), (False, ofproto.OFPMF_KBPS)):
        for command, new in ((ofproto.OFPMC_ADD, True), (ofproto.OFPMC_MODIFY, False)):
            flags = unit | ofproto.OFPMF_BURST | ofproto.OFPMF_STATS
            theirs = parser.OFPMeterMod(DATAPATH, command, flags, 6, bands)
            ours, _ = encode.encode_batch(((Meter(6, 100, 50, packets), 0, new),), (), 7)
            assert ours == serialized(theirs, 7)
    gone = parser.OFPMeterMod(DATAPATH, ofproto.OFPMC_DELETE, 0, 6, [])
    assert encode.encode_batch((), (("meter", 6),), 7)[0] == serialized(gone, 7)


def test_requests_are_what_ryu_would_send() -> None:
    everything = ofproto.OFPP_ANY, ofproto.OFPG_ANY
    table = parser.OFPFlowStatsRequest(DATAPATH, 0, 4, *everything, 0xA0, 0xF0, parser.OFPMatch())
    pairs = [
        (encode.flow_stats_request(5), parser.OFPFlowStatsRequest(DATAPATH, 0)),
        (encode.flow_stats_request(5, 4, 0xA0, 0xF0), table),
        (encode.group_desc_request(5), parser.OFPGroupDescStatsRequest(DATAPATH, 0)),
        (encode.meter_config_request(5), parser.OFPMeterConfigStatsRequest(DATAPATH, 0)),
        (encode.meter_stats_request(5), parser.OFPMeterStatsRequest(DATAPATH, 0)),
        (encode.port_stats_request(5), parser.OFPPortStatsRequest(DATAPATH, 0)),
        (encode.barrier_request(5), parser.OFPBarrierRequest(DATAPATH)),
    ]
    for ours, theirs in pairs:
        assert ours == serialized(theirs, 5)


def test_a_frame_goes_out() -> None:
    out = parser.OFPPacketOut(DATAPATH, 0xFFFFFFFF, ofproto.OFPP_CONTROLLER, [parser.OFPActionOutput(3, 0)], b"frame")
    assert encode.frame_out(3, b"frame", 5) == serialized(out, 5)


def test_a_packet_in_is_read() -> None:
    fields = parser.OFPMatch(in_port=3, metadata=9, reg8=0x1064, reg9=4)
    message = parser.OFPPacketIn(DATAPATH, 0xFFFFFFFF, 5, ofproto.OFPR_ACTION, 2, 77, fields, b"frame")
    assert decode.packet_in(_packet_in(message)) == decode.PacketIn(
        3, b"frame", {"in_port": 3, "metadata": 9, "reg8": 0x1064, "reg9": 4}, 2, 77, ofproto.OFPR_ACTION
    )


def _packet_in(message: Any) -> bytes:
    """Ryu does not serialize packet-ins: the body in OpenFlow 1.3.5's order (7.4.1)."""
    body = bytearray(24)
    length = message.match.serialize(body, 24)
    head = encode._HEADER.pack(4, ofproto.OFPT_PACKET_IN, 24 + length + 2 + len(message.data), 1)
    body[:8] = head
    body[8:24] = ofproto_parser.struct.pack(
        "!IHBBQ", message.buffer_id, message.total_len, message.reason, message.table_id, message.cookie
    )
    return bytes(body) + bytes(2) + bytes(message.data)


def test_an_error_is_read_and_named() -> None:
    refused = parser.OFPErrorMsg(DATAPATH, ofproto.OFPET_FLOW_MOD_FAILED, ofproto.OFPFMFC_TABLE_FULL, b"what was sent")
    error = decode.error(serialized(refused, 99))
    assert error == (ofproto.OFPET_FLOW_MOD_FAILED, ofproto.OFPFMFC_TABLE_FULL, 99, b"what was sent")
    assert decode.error_text(*error[:2]) == "OFPET_FLOW_MOD_FAILED OFPFMFC_TABLE_FULL"
    assert decode.error_text(ofproto.OFPET_BAD_ACTION, 999) == "OFPET_BAD_ACTION code 999"
    assert decode.error_text(12345, 6) == "error type 12345 code 6"
