"""Trying to get from one segment into another, and watching whether anything arrives."""

from __future__ import annotations

import secrets
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

from addressing import CARD
from endpoints import PORT, Endpoint, Pair, open_wide, pairs_of, poll_of, read_all, send
from frames import udp_frame
from namespaces import entered

_PAYLOAD = struct.Struct("!8sI")
_ALL_PROTOCOLS = 3
_OUTGOING = 4
_BURST = 32
_PAUSE_S = 0.002
_BROADCAST = "ff:ff:ff:ff:ff:ff"


def forge(endpoints: list[Endpoint], version: int, quiet_s: float = 0.5) -> Counter[Pair]:
    """Try to get from each segment into the others; who (of the others) got a frame from whom, how often.

    Each server sends to the MAC and address of every server of another segment, as if it were on the wire with it,
    and one broadcast. Every namespace is watched for whatever arrives, until `quiet_s` after the last.
    """
    with ExitStack() as opened:
        sockets = [opened.enter_context(_packet_socket(endpoint)) for endpoint in endpoints]
        watch = _Watch(endpoints, sockets, secrets.token_bytes(8))
        for sent, (source, frame) in enumerate(_forgeries(endpoints, version, watch.run_id)):
            send(sockets[source], frame, (CARD, 0))
            if sent % _BURST == 0:
                watch.listen(_PAUSE_S)
        watch.listen(quiet_s)
    return watch.crossed


def _packet_socket(endpoint: Endpoint) -> socket.socket:
    with entered(endpoint.pid):
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS))
    return open_wide(opened)


def _forgeries(endpoints: list[Endpoint], version: int, run_id: bytes) -> Iterator[tuple[int, bytes]]:
    told: set[int] = set()
    for source, target in pairs_of(endpoints, version, same_segment=False):
        one, other = endpoints[source], endpoints[target]
        addresses, payload = (one.address(version) or "", other.address(version) or ""), _PAYLOAD.pack(run_id, source)
        yield source, udp_frame((one.mac, other.mac), addresses, PORT, payload)
        if source not in told:
            told.add(source)
            yield source, udp_frame((one.mac, _BROADCAST), addresses, PORT, payload)


class _Watch:
    """Sees every forged frame that comes into any namespace."""

    def __init__(self, endpoints: list[Endpoint], sockets: list[socket.socket], run_id: bytes) -> None:
        self.run_id, self.crossed = run_id, Counter[Pair]()
        self._endpoints, self._sockets = endpoints, sockets
        self._owner = {opened.fileno(): at for at, opened in enumerate(sockets)}

    def listen(self, time_s: float) -> None:
        """Take in what arrives within this time."""
        deadline = time.monotonic() + time_s
        with poll_of(self._sockets) as poll:
            while (left := deadline - time.monotonic()) > 0:
                for descriptor, _event in poll.poll(left):
                    self._count(self._owner[descriptor])

    def _count(self, receiver: int) -> None:
        for data, sender in read_all(self._sockets[receiver]):
            at = data.find(self.run_id)
            if at >= 0 and sender[2] != _OUTGOING:
                _run, source = _PAYLOAD.unpack(data[at : at + _PAYLOAD.size])
                if self._endpoints[source].segment != self._endpoints[receiver].segment:
                    self.crossed[source, receiver] += 1
