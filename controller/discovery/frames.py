"""Our own discovery frames: LLDP (IEEE 802.1AB) with a signed TLV that no server can forge or replay.

Chassis and port ID are there for people and their tools; what counts is the signed TLV.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Final

from controller.rules.protocols import DISCOVERY_DST, DISCOVERY_TYPE

_TTL_S: Final = 5
_OUR_TLV: Final = bytes.fromhex("02bac901")
"""A locally administered OUI and the subtype: how our TLV begins."""
_END, _CHASSIS, _PORT, _TTL, _ORGANIZATION = 0, 1, 2, 3, 127
_LOCALLY_ASSIGNED: Final = b"\x07"
_HEADER: Final = struct.Struct("!6s6sH")
_CLAIM: Final = struct.Struct("!QIQ")
_DIGEST_BYTES: Final = 16
_CLOCK_WENT_BACK: Final = 1 << 40
"""More probes than one run of a controller sends."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Who sent a genuine discovery frame; `counter` is higher than in all that it sent before."""

    dpid: int
    port_no: int
    counter: int


class Refusal(Enum):
    """Why a frame is not taken as a probe."""

    TRUNCATED = "it ends too early"
    NOT_DISCOVERY = "it is not an LLDP frame to the nearest bridge"
    FOREIGN = "it is LLDP of something else"
    FORGED = "it is not signed with this controller's key"
    REPLAYED = "it has been seen before, or is of an earlier run"


class _Truncated(Exception):
    """A TLV is longer than what is left of the frame."""


def build_probe(key: bytes, dpid: int, port_no: int, counter: int, port_mac: int) -> bytes:
    """A discovery frame to send out of a port. `port_mac` is its source address; `counter` must only grow."""
    claim = _CLAIM.pack(dpid, port_no, counter)
    tlvs = (
        _tlv(_CHASSIS, _LOCALLY_ASSIGNED + f"{dpid:016x}".encode()),
        _tlv(_PORT, _LOCALLY_ASSIGNED + str(port_no).encode()),
        _tlv(_TTL, struct.pack("!H", _TTL_S)),
        _tlv(_ORGANIZATION, _OUR_TLV + claim + _digest(key, claim)),
        _tlv(_END, b""),
    )
    return _HEADER.pack(DISCOVERY_DST.to_bytes(6, "big"), port_mac.to_bytes(6, "big"), DISCOVERY_TYPE) + b"".join(tlvs)


def read_probe(key: bytes, frame: bytes) -> Probe | Refusal:
    """Who sent a frame, or why it is refused; whatever the bytes are, nothing is raised."""
    if len(frame) < _HEADER.size:
        return Refusal.TRUNCATED
    destination, _, ethertype = _HEADER.unpack_from(frame)
    if int.from_bytes(destination, "big") != DISCOVERY_DST or ethertype != DISCOVERY_TYPE:
        return Refusal.NOT_DISCOVERY
    try:
        signed = _find_signed(frame[_HEADER.size :])
    except _Truncated:
        return Refusal.TRUNCATED
    return Refusal.FOREIGN if signed is None else _verify(key, signed)


def first_counter(last_known: int, clock_ns: int) -> int:
    """The counter to start from, above all of earlier runs.

    `last_known` is the one that the last run started from (0: none); the clock leads, unless it went back.
    """
    return max(clock_ns, last_known + _CLOCK_WENT_BACK if last_known else 0)


class ReplayGuard:
    """Takes each probe once, and none with a counter below `floor`."""

    def __init__(self, floor: int) -> None:
        self._floor = floor
        self._last: dict[tuple[int, int], int] = {}

    def accept(self, probe: Probe) -> bool:
        """Whether a probe is newer than all that was accepted of its sender's port."""
        sender = (probe.dpid, probe.port_no)
        if probe.counter < self._floor or probe.counter <= self._last.get(sender, -1):
            return False
        self._last[sender] = probe.counter
        return True

    def refuse_below(self, floor: int) -> None:
        """From now on, what was sent before `floor` is too old."""
        self._floor = max(self._floor, floor)


def _tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!H", kind << 9 | len(value)) + value


def _tlvs(data: bytes) -> Iterator[tuple[int, bytes]]:
    """TLVs up to the end mark, which a frame must have (802.1AB 9.2.7); padding may follow it."""
    at = 0
    while True:
        if at + 2 > len(data):
            raise _Truncated
        (head,) = struct.unpack_from("!H", data, at)
        kind, size = head >> 9, head & 0x1FF
        if kind == _END:
            return
        if at + 2 + size > len(data):
            raise _Truncated
        yield kind, data[at + 2 : at + 2 + size]
        at += 2 + size


def _find_signed(data: bytes) -> bytes | None:
    """What our TLV holds; None where there is none."""
    ours = [value for kind, value in _tlvs(data) if kind == _ORGANIZATION and value.startswith(_OUR_TLV)]
    return ours[0][len(_OUR_TLV) :] if ours else None


def _verify(key: bytes, signed: bytes) -> Probe | Refusal:
    if len(signed) < _CLAIM.size + _DIGEST_BYTES:
        return Refusal.TRUNCATED
    claim, digest = signed[: _CLAIM.size], signed[_CLAIM.size :]
    if not hmac.compare_digest(digest, _digest(key, claim)):
        return Refusal.FORGED
    return Probe(*_CLAIM.unpack(claim))


def _digest(key: bytes, claim: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104), truncated."""
    return hmac.digest(key, claim, sha256)[:_DIGEST_BYTES]
