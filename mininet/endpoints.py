"""The servers as the experiments see them, and the sockets to them that live in this process."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Pair = tuple[int, int]
"""Two servers, by their place in the list."""

PORT = 7007
"""The UDP port of probes."""
_SO_RCVBUFFORCE = 33
_BUFFER_BYTES = 8 << 20


@dataclass(frozen=True)
class Endpoint:
    """A server as the prober needs it: `pid` is a process in its namespace."""

    name: str
    segment: str
    pid: int
    mac: str
    addresses: tuple[str, ...]

    def address(self, version: int) -> str | None:
        """Its first address of an IP version."""
        return next((text for text in self.addresses if (":" in text) == (version == 6)), None)


def pairs_of(endpoints: list[Endpoint], version: int, same_segment: bool) -> list[Pair]:
    """Ordered pairs of servers with an address of this IP version, in one segment or in two.

    In an order that gives no server all the work at once.
    """
    able = [at for at, endpoint in enumerate(endpoints) if endpoint.address(version)]
    turns = range(1, len(able))
    pairs = [(one, able[(at + turn) % len(able)]) for turn in turns for at, one in enumerate(able)]
    return [(a, b) for a, b in pairs if (endpoints[a].segment == endpoints[b].segment) == same_segment]


def open_wide(opened: socket.socket) -> socket.socket:
    """Never wait for it, and let it hold a burst."""
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
    return opened


def poll_of(sockets: Iterable[socket.socket]) -> select.epoll:
    """What tells which of these have something to read."""
    poll = select.epoll()
    for opened in sockets:
        poll.register(opened, select.EPOLLIN)
    return poll


def read_all(opened: socket.socket) -> Iterator[tuple[bytes, Any]]:
    """What is there to read, each with its sender."""
    while (got := _read(opened)) is not None:
        yield got


def _read(opened: socket.socket) -> tuple[bytes, Any] | None:
    try:
        return opened.recvfrom(4096)
    except OSError:  # nothing left; or an earlier datagram could not be delivered (ICMP): that one counts as lost
        return None


def send(opened: socket.socket, data: bytes, to: Any) -> None:
    """Send where it is possible: no neighbour, no room is a loss like any other."""
    try:
        opened.sendto(data, to)
    except OSError:
        return
