"""Who reaches whom: one process with sockets in every server's namespace, all in one event loop.

A probe is a UDP datagram; the far end counts it and answers. The kernels ask for neighbours as any server does.
16,256 pairs take seconds, where a `ping` for each would take minutes.
"""

from __future__ import annotations

import secrets
import socket
import struct
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from endpoints import PORT, Endpoint, Pair, open_wide, pairs_of, poll_of, read_all, send
from namespaces import entered

_MESSAGE = struct.Struct("!8sBIIH")
_ASK, _ANSWER = range(2)
_WINDOW = 32
_YOUNG_S = 0.05
"""A probe that has waited longer no longer holds up the next ones; it is still awaited."""

Probe = tuple[int, int, int]
"""From, to, round."""


@dataclass
class Found:
    """What became of the probes from one server to another, in one IP version."""

    sent: int = 0
    arrived: int = 0
    answered: int = 0
    duplicates: int = 0
    first_ms: float | None = None
    """From the first probe to its answer, all neighbour discovery included."""

    @property
    def lost(self) -> int:
        """Probes without an answer."""
        return self.sent - self.answered


def probe(endpoints: list[Endpoint], version: int, rounds: int, patience_s: float) -> dict[Pair, Found]:
    """Probe all pairs within segments, `rounds` times; lost is what is not there `patience_s` after the last."""
    found = {pair: Found() for pair in pairs_of(endpoints, version, same_segment=True)}
    with _sockets(endpoints, version) as sockets:
        for number in range(rounds):
            turn = _Round(endpoints, version, sockets)
            turn.run([(*pair, number) for pair in found], patience_s)
            turn.report(found, first=number == 0)
    return found


@contextmanager
def _sockets(endpoints: list[Endpoint], version: int) -> Iterator[dict[int, socket.socket]]:
    with ExitStack() as opened:
        yield {
            at: opened.enter_context(_datagram_socket(endpoint, version))
            for at, endpoint in enumerate(endpoints)
            if endpoint.address(version)
        }


def _datagram_socket(endpoint: Endpoint, version: int) -> socket.socket:
    with entered(endpoint.pid):
        opened = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((endpoint.address(version), PORT))
    return open_wide(opened)


@dataclass
class _Round:
    """One probe for each pair, on its way."""

    endpoints: list[Endpoint]
    version: int
    sockets: dict[int, socket.socket]
    run_id: bytes = field(default_factory=lambda: secrets.token_bytes(8))
    started: dict[Probe, float] = field(default_factory=dict)
    seen: Counter[Probe] = field(default_factory=Counter)
    answers: Counter[Probe] = field(default_factory=Counter)
    took_ms: dict[Probe, float] = field(default_factory=dict)

    def run(self, probes: list[Probe], patience_s: float) -> None:
        """Send all, a window at a time, and take in what comes."""
        owner = {opened.fileno(): opened for opened in self.sockets.values()}
        queue, young, deadline = deque(probes), deque[Probe](), time.monotonic() + patience_s
        with poll_of(self.sockets.values()) as poll:
            while queue or (len(self.answers) < len(probes) and time.monotonic() < deadline):
                while young and self._grown(young[0]):
                    young.popleft()
                while queue and len(young) < _WINDOW:
                    young.append(self._ask(queue.popleft()))
                    deadline = time.monotonic() + patience_s
                for descriptor, _event in poll.poll(0.01):
                    self._receive(owner[descriptor])

    def _grown(self, probe: Probe) -> bool:
        return probe in self.answers or time.monotonic() - self.started[probe] > _YOUNG_S

    def _ask(self, probe: Probe) -> Probe:
        source, target, _number = probe
        self.started[probe] = time.monotonic()
        message = _MESSAGE.pack(self.run_id, _ASK, *probe)
        send(self.sockets[source], message, (self.endpoints[target].address(self.version), PORT))
        return probe

    def _receive(self, opened: socket.socket) -> None:
        for data, sender in read_all(opened):
            if len(data) == _MESSAGE.size and data.startswith(self.run_id):
                self._message(opened, sender, data)

    def _message(self, opened: socket.socket, sender: Any, data: bytes) -> None:
        _run, kind, *rest = _MESSAGE.unpack(data)
        probe: Probe = (rest[0], rest[1], rest[2])
        if kind == _ASK:
            self.seen[probe] += 1
            send(opened, _MESSAGE.pack(self.run_id, _ANSWER, *probe), sender)
        else:
            self.answers[probe] += 1
            self.took_ms.setdefault(probe, round((time.monotonic() - self.started[probe]) * 1000, 3))

    def report(self, found: dict[Pair, Found], first: bool) -> None:
        """Add what was seen to what was found."""
        for probe in self.started:
            pair, seen, answers = found[probe[0], probe[1]], self.seen[probe], self.answers[probe]
            pair.sent += 1
            pair.arrived += seen > 0
            pair.answered += answers > 0
            pair.duplicates += max(seen - 1, 0) + max(answers - seen, 0)
            if first:
                pair.first_ms = self.took_ms.get(probe)
