"""Rules to OpenFlow 1.3 messages: one buffer for a batch, one message a rule, one transaction number each."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from apps.openflow.actions import action_bytes, instruction_bytes
from apps.openflow.match import match_bytes
from controller.rules.rules import ANY, CONTROLLER_PORT, Bucket, FlowEntry, Group, Meter, Output, Rule, RuleKey

_VERSION: Final = 4
_PACKET_OUT, _FLOW_MOD, _GROUP_MOD, _METER_MOD, _BARRIER_REQUEST = 13, 14, 15, 29, 20
_ADD, _MODIFY, _DELETE, _DELETE_STRICT = 0, 1, 2, 4
_DROP_BAND: Final = 1
_KBPS, _PACKETS, _BURST, _STATS = 1, 2, 4, 8
_NO_BUFFER: Final = 0xFFFFFFFF
_LONGEST: Final = 0xFFFF

_HEADER: Final = struct.Struct("!BBHI")
_FLOW: Final = struct.Struct("!HHIQ8xBB4xH")
"""Header; cookie, its mask; table, command, timeouts (none), priority. `match_bytes` holds what follows."""
_FLOW_TYPE: Final = _VERSION << 8 | _FLOW_MOD


def encode_batch(
    upserts: Sequence[tuple[Rule, int, bool]], deletes: Sequence[RuleKey], first_xid: int
) -> tuple[bytes, dict[int, RuleKey]]:
    """One message a rule, in the order given, and which key each transaction number is about.

    `upserts` are ``(rule, cookie, new)``: `new` is whether the switch holds nothing under the rule's key. Flow
    entries are always added, which replaces an equal key and, unlike a modification, its cookie. Raises
    `ValueError` for a rule that has no encoding, and names it.
    """
    parts: list[bytes] = []
    sent: dict[int, RuleKey] = {}
    for xid, (rule, cookie, new) in enumerate(upserts, first_xid):
        sent[xid] = rule.key
        try:
            parts.append(_flow(rule, cookie, xid) if type(rule) is FlowEntry else _numbered(rule, new, xid))
        except struct.error as problem:
            raise ValueError(f"{rule}: {problem}") from problem
    for xid, key in enumerate(deletes, first_xid + len(upserts)):
        sent[xid] = key
        parts.append(_delete(key, xid))
    return b"".join(parts), sent


def _message(kind: int, xid: int, body: bytes) -> bytes:
    return _HEADER.pack(_VERSION, kind, 8 + len(body), xid) + body


def _flow(rule: FlowEntry, cookie: int, xid: int) -> bytes:
    tail = match_bytes(rule.match) + instruction_bytes(rule.actions, rule.goto, rule.meter)
    return _FLOW.pack(_FLOW_TYPE, 32 + len(tail), xid, cookie, rule.table, _ADD, rule.priority) + tail


def _numbered(rule: Rule, new: bool, xid: int) -> bytes:
    command = _ADD if new else _MODIFY
    if isinstance(rule, Group):
        return _group(rule, command, xid)
    assert isinstance(rule, Meter)
    return _meter(rule, command, xid)


def _group(group: Group, command: int, xid: int) -> bytes:
    body = struct.pack("!HBxI", command, group.type, group.number) + b"".join(map(_bucket, group.buckets))
    if 8 + len(body) > _LONGEST:
        raise ValueError(f"group {group.number:#x}: {8 + len(body)} bytes, expected at most {_LONGEST}")
    return _message(_GROUP_MOD, xid, body)


def _bucket(bucket: Bucket) -> bytes:
    actions = action_bytes(bucket.actions)
    port, group = (ANY if number is None else number for number in (bucket.watch_port, bucket.watch_group))
    return struct.pack("!HHII4x", 16 + len(actions), bucket.weight, port, group) + actions


def _meter(meter: Meter, command: int, xid: int) -> bytes:
    band = struct.pack("!HHII4x", _DROP_BAND, 16, meter.rate, meter.burst)
    return _message(_METER_MOD, xid, struct.pack("!HHI", command, meter_flags(meter), meter.number) + band)


def meter_flags(meter: Meter) -> int:
    """A meter's flags: its unit, and that it has a burst and counts."""
    return (_PACKETS if meter.packets else _KBPS) | _BURST | _STATS


def _delete(key: RuleKey, xid: int) -> bytes:
    if len(key) == 4:
        _, table, priority, match = key
        tail = match_bytes(match)
        return _FLOW.pack(_FLOW_TYPE, 32 + len(tail), xid, 0, table, _DELETE_STRICT, priority) + tail
    kind, number = key
    if kind == "group":
        return _message(_GROUP_MOD, xid, struct.pack("!HBxI", _DELETE, 0, number))
    return _message(_METER_MOD, xid, struct.pack("!HHI", _DELETE, 0, number))


# Requests

_REQUEST: Final = 18
FLOW_STATS, _PORT_STATS, GROUP_DESC, _METER_STATS, METER_CONFIG = 1, 4, 7, 9, 10
_ALL_TABLES: Final = 0xFF


def _request(kind: int, xid: int, body: bytes = b"") -> bytes:
    return _message(_REQUEST, xid, struct.pack("!HH4x", kind, 0) + body)


def flow_stats_request(xid: int, table: int | None = None, cookie: int = 0, cookie_mask: int = 0) -> bytes:
    """Ask for all flow entries, or those of a table, or those whose cookie agrees under a mask."""
    where = _ALL_TABLES if table is None else table
    wanted = struct.pack("!B3xII4xQQ", where, ANY, ANY, cookie, cookie_mask)
    everything = struct.pack("!HH4x", 1, 4)
    return _request(FLOW_STATS, xid, wanted + everything)


def group_desc_request(xid: int) -> bytes:
    """Ask for all groups."""
    return _request(GROUP_DESC, xid)


def meter_config_request(xid: int) -> bytes:
    """Ask for all meters."""
    return _request(METER_CONFIG, xid, struct.pack("!I4x", ANY))


def meter_stats_request(xid: int) -> bytes:
    """Ask for the counters of all meters."""
    return _request(_METER_STATS, xid, struct.pack("!I4x", ANY))


def port_stats_request(xid: int) -> bytes:
    """Ask for the counters of all ports."""
    return _request(_PORT_STATS, xid, struct.pack("!I4x", ANY))


def barrier_request(xid: int) -> bytes:
    """Ask to be told when all that was sent before has been processed (OpenFlow 1.3.5, 7.3.8)."""
    return _message(_BARRIER_REQUEST, xid, b"")


def frame_out(port: int, frame: bytes, xid: int) -> bytes:
    """Send a frame of our own out of a port (OpenFlow 1.3.5, 7.3.7)."""
    actions = action_bytes((Output(port),))
    head = struct.pack("!IIH6x", _NO_BUFFER, CONTROLLER_PORT, len(actions))
    return _message(_PACKET_OUT, xid, head + actions + frame)
