"""Leaves the messages that we decode ourselves as bytes, so that Ryu spends no time on them.

Ryu builds an object for every field of every flow entry, and drops a whole reply where it does not know an
action; `apps.openflow.decode` reads the bytes instead.
"""

from __future__ import annotations

import struct
from typing import Any

from ryu.ofproto import ofproto_v1_3 as ofproto
from ryu.ofproto import ofproto_v1_3_parser as parser

_STATS = {
    ofproto.OFPMP_FLOW: parser.OFPFlowStatsReply,
    ofproto.OFPMP_GROUP_DESC: parser.OFPGroupDescStatsReply,
    ofproto.OFPMP_METER_CONFIG: parser.OFPMeterConfigStatsReply,
    ofproto.OFPMP_METER: parser.OFPMeterStatsReply,
    ofproto.OFPMP_PORT_STATS: parser.OFPPortStatsReply,
}
_multipart = parser._MSG_PARSERS[ofproto.OFPT_MULTIPART_REPLY]


def _raw(cls: Any, datapath: Any, version: int, kind: int, length: int, xid: int, buf: bytes) -> Any:
    message = cls(datapath)
    message.set_headers(version, kind, length, xid)
    message.set_buf(buf)
    return message


def _multipart_reply(datapath: Any, version: int, kind: int, length: int, xid: int, buf: bytes) -> Any:
    (stats,) = struct.unpack_from("!H", buf, ofproto.OFP_HEADER_SIZE)
    if stats in _STATS:
        return _raw(_STATS[stats], datapath, version, kind, length, xid, buf)
    return _multipart(datapath, version, kind, length, xid, buf)


def _packet_in(datapath: Any, version: int, kind: int, length: int, xid: int, buf: bytes) -> Any:
    return _raw(parser.OFPPacketIn, datapath, version, kind, length, xid, buf)


def install() -> None:
    """Take over from Ryu's parsers, once for the process."""
    parser._MSG_PARSERS[ofproto.OFPT_MULTIPART_REPLY] = _multipart_reply
    parser._MSG_PARSERS[ofproto.OFPT_PACKET_IN] = _packet_in
