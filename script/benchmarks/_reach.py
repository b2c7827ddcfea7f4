"""Probe all ordered pairs of servers, again and again, until each was answered once."""

from __future__ import annotations

import socket
import struct
import time
from collections import deque
from contextlib import ExitStack
from itertools import permutations

import _bench  # noqa: F401  (the lab's modules on the path)
from endpoints import PORT, Endpoint, open_wide, poll_of, read_all, send
from experiments.reachability import endpoints_of
from lab import Lab
from namespaces import entered

_MESSAGE = struct.Struct("!BHH")
_WINDOW = 32
_AGAIN_S = 0.05
"""A probe without an answer makes room for the next and is sent again in its turn."""
Pair = tuple[int, int]


def reach_all(lab: Lab, began: float, limit_s: float) -> list[float]:
    """Seconds from `began` (monotonic clock) at which each pair was answered first, in order.

    Raises `TimeoutError` where a pair is not reached.
    """
    endpoints = endpoints_of(lab)
    with ExitStack() as stack:
        sockets = [stack.enter_context(_open(endpoint)) for endpoint in endpoints]
        return _Reach(endpoints, sockets).run(began, limit_s)


def _open(endpoint: Endpoint) -> socket.socket:
    with entered(endpoint.pid):
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((endpoint.address(4), PORT))
    return open_wide(opened)


class _Reach:
    """The pairs that are still to be reached, and the sockets of all servers."""

    def __init__(self, endpoints: list[Endpoint], sockets: list[socket.socket]) -> None:
        self._to = [(endpoint.address(4), PORT) for endpoint in endpoints]
        self._sockets = sockets
        self._owner = {opened.fileno(): opened for opened in sockets}
        self._reached: dict[Pair, float] = {}
        self._queue = deque(permutations(range(len(endpoints)), 2))
        self._young: deque[tuple[float, Pair]] = deque()

    def run(self, began: float, limit_s: float) -> list[float]:
        wanted = len(self._queue)
        with poll_of(self._sockets) as poll:
            while len(self._reached) < wanted:
                now = time.monotonic()
                if now - began > limit_s:
                    raise TimeoutError(f"{len(self._reached)} of {wanted} pairs were reached within {limit_s:g} s")
                self._age(now)
                self._fill(now)
                for descriptor, _event in poll.poll(0.005):
                    self._receive(self._owner[descriptor])
        return sorted(at - began for at in self._reached.values())

    def _age(self, now: float) -> None:
        while self._young and (self._young[0][1] in self._reached or now - self._young[0][0] > _AGAIN_S):
            _, pair = self._young.popleft()
            if pair not in self._reached:
                self._queue.append(pair)

    def _fill(self, now: float) -> None:
        while self._queue and len(self._young) < _WINDOW:
            pair = self._queue.popleft()
            if pair not in self._reached:
                self._young.append((now, pair))
                send(self._sockets[pair[0]], _MESSAGE.pack(0, *pair), self._to[pair[1]])

    def _receive(self, opened: socket.socket) -> None:
        for data, sender in read_all(opened):
            kind, source, target = _MESSAGE.unpack(data)
            if kind == 0:
                send(opened, _MESSAGE.pack(1, source, target), sender)
            else:
                self._reached.setdefault((source, target), time.monotonic())
