"""What a switch says, from OpenFlow 1.3 bytes: its rules, its counters, its errors, its packets.

Rules of others never raise: what we do not know keeps its bytes, and equals nothing of ours.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from apps.openflow import oxm
from apps.openflow.errors import error_text as error_text
from apps.openflow.read_actions import read_actions
from controller.rules.rules import ANY, Bucket, FlowKey, Group, GroupType, Meter, PortStats

_BODY: Final = 16
"""Where a multipart reply's entries begin."""
_SHORTEST: Final = 8
"""No entry is shorter: one that says so must not hold us up for ever."""
_FLOW: Final = struct.Struct("!HBxIIHHHH4xQQQ")
_BUCKET: Final = struct.Struct("!HHII4x")
_METER_STATS: Final = struct.Struct("!IH6xIQQII")
_PORT_STATS: Final = struct.Struct("!I4x12QII")
_PACKETS: Final = 2
_RATE_FLAGS: Final = 3
_DROP_BAND: Final = 1
_NO_RATE: Final = -1


class FlowStats(NamedTuple):
    """A flow entry and its counters; `instructions` are for `read_instructions`."""

    key: FlowKey
    cookie: int
    packets: int
    octets: int
    duration_s: float
    instructions: bytes


class MeterStats(NamedTuple):
    """A meter's counters; the band's are what it dropped."""

    number: int
    packets_in: int
    bytes_in: int
    band_packets: int
    band_bytes: int


class Error(NamedTuple):
    """What a switch could not do; `xid` is the refused message's, `data` its first bytes."""

    kind: int
    code: int
    xid: int
    data: bytes


@dataclass(frozen=True, slots=True)
class PacketIn:
    """A packet with the fields of the pipeline at that moment (`in_port`, registers that are not 0, `metadata`)."""

    in_port: int
    data: bytes
    fields: Mapping[str, int]
    table: int
    cookie: int
    reason: int


def flow_stats(message: bytes) -> Iterator[FlowStats]:
    """The flow entries of one part of a reply."""
    at = _BODY
    while at < len(message):
        length, table, seconds, nanos, priority, _, _, _, cookie, packets, octets = _FLOW.unpack_from(message, at)
        match, end = oxm.read_match(message, at + _FLOW.size)
        key = ("flow", table, priority, match)
        yield FlowStats(key, cookie, packets, octets, seconds + nanos / 1e9, message[end : at + length])
        at += max(length, _SHORTEST)


def group_desc(message: bytes) -> Iterator[Group]:
    """The groups of one part of a reply."""
    at = _BODY
    while at < len(message):
        length, kind, number = struct.unpack_from("!HBxI", message, at)
        yield Group(number, GroupType(kind), tuple(_buckets(message, at + 8, at + length)))
        at += max(length, _SHORTEST)


def _buckets(message: bytes, at: int, end: int) -> Iterator[Bucket]:
    while at < end:
        length, weight, *watched = _BUCKET.unpack_from(message, at)
        actions = read_actions(message[at + _BUCKET.size : at + length])
        port, group = (None if number == ANY else number for number in watched)
        yield Bucket(actions, port, weight, group)
        at += max(length, _SHORTEST)


def meter_config(message: bytes) -> Iterator[Meter]:
    """The meters of one part of a reply; one of a kind that we do not make has a rate of -1."""
    at = _BODY
    while at < len(message):
        length, flags, number = struct.unpack_from("!HHI", message, at)
        packets = flags & _RATE_FLAGS == _PACKETS
        rate, burst = _band(message[at + 8 : at + length])
        yield Meter(number, rate, burst, packets)
        at += max(length, _SHORTEST)


def _band(bands: bytes) -> tuple[int, int]:
    if len(bands) != 16 or bands[:2] != _DROP_BAND.to_bytes(2, "big"):
        return _NO_RATE, 0
    rate, burst = struct.unpack_from("!II", bands, 4)
    return rate, burst


def meter_stats(message: bytes) -> Iterator[MeterStats]:
    """The meters' counters of one part of a reply."""
    at = _BODY
    while at < len(message):
        number, length, _, packets, octets, _, _ = _METER_STATS.unpack_from(message, at)
        has_band = length >= _METER_STATS.size + 16
        dropped = struct.unpack_from("!QQ", message, at + _METER_STATS.size) if has_band else (0, 0)
        yield MeterStats(number, packets, octets, *dropped)
        at += max(length, _SHORTEST)


def port_stats(message: bytes) -> Iterator[PortStats]:
    """The ports' counters of one part of a reply."""
    for at in range(_BODY, len(message) - _PORT_STATS.size + 1, _PORT_STATS.size):
        yield PortStats(*_PORT_STATS.unpack_from(message, at)[:9])


def packet_in(message: bytes) -> PacketIn:
    """A packet that was sent to the controller (OpenFlow 1.3.5, 7.4.1)."""
    reason, table, cookie = struct.unpack_from("!BBQ", message, 14)
    length = int.from_bytes(message[26:28], "big")
    fields = {name: value for name, value, _ in oxm.read(message, 28, 24 + length)}
    data = message[24 + (length + 7) // 8 * 8 + 2 :]
    return PacketIn(fields.get("in_port", 0), data, fields, table, cookie, reason)


def error(message: bytes) -> Error:
    """An error message (OpenFlow 1.3.5, 7.4.4)."""
    xid, kind, code = struct.unpack_from("!IHH", message, 4)
    return Error(kind, code, xid, message[12:])
