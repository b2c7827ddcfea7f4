"""Listening at the cables: which links the datagrams of a running stream pass now, and where they arrive.

Nothing is asked of a controller, so that it is the same for all ways to switch, and with the controller stopped.
"""

from __future__ import annotations

import select
import socket
import time
from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import networkx as nx
from endpoints import open_wide
from stream import Flow, Stream

from controller.model.spec import Document

if TYPE_CHECKING:
    from lab import Lab

_ALL = 0x0003
_UDP_BYTES = 8
_FRAME_BYTES = 128
_OUTGOING = 4
"""The packet type of what this machine sends out of an interface (packet(7), PACKET_OUTGOING)."""
_LISTEN_S = 0.03
"""Thirty datagrams of each flow, on a machine that is not busy."""


@dataclass(frozen=True)
class Hop:
    """A link, and the platform that it is entered from."""

    link: str
    platform: str


Way = tuple[Hop, ...]
Passing = tuple[int, bool]
"""A UDP port, and whether its datagrams leave the switch here."""


def heard(interfaces: Collection[str], token: bytes, seconds: float) -> dict[str, Counter[Passing]]:
    """How many of a stream's datagrams pass these interfaces within some time, by their UDP port, out or in."""
    found: dict[str, Counter[Passing]] = {name: Counter() for name in interfaces}
    with ExitStack() as stack:
        taps = {name: stack.enter_context(_tap(name)) for name in interfaces}
        names = {opened.fileno(): name for name, opened in taps.items()}
        poll = stack.enter_context(select.epoll())
        for number in names:
            poll.register(number, select.EPOLLIN)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for number, _ in poll.poll(left):
                found[names[number]] += _read(taps[names[number]], token)
    return found


def _tap(interface: str) -> socket.socket:
    opened = open_wide(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
    opened.bind((interface, _ALL))
    return opened


def _read(tap: socket.socket, token: bytes) -> Counter[Passing]:
    """Of what waits to be read; the token stands right behind the UDP header, however many labels a frame has."""
    found: Counter[Passing] = Counter()
    for _ in range(64):
        try:
            frame, address = tap.recvfrom(_FRAME_BYTES)
        except BlockingIOError:
            break
        at = frame.find(token) - _UDP_BYTES
        if at > 0:
            found[int.from_bytes(frame[at + 2 : at + 4], "big"), address[2] == _OUTGOING] += 1
    return found


def ways_of(lab: Lab, stream: Stream) -> dict[Flow, Way]:
    """The links that each flow passes from its source to its target; flows that do not arrive are left out.

    Of a flooded flow, which passes a whole tree: the part that leads to the target.
    """
    ends = {lab.wiring.cables[name].intf1.name: name for name in lab.document.links}
    seen = {ends[name]: passing for name, passing in heard(ends, stream.token, 2 * _LISTEN_S).items()}
    ways = {flow: _way(lab, flow, _passed(lab.document, seen, port)) for flow, port in stream.ports.items()}
    return {flow: way for flow, way in ways.items() if way is not None}


def _passed(document: Document, seen: dict[str, Counter[Passing]], port: int) -> nx.DiGraph[str]:
    """The links that most datagrams to a port pass: now and then a switch that learns lets one go everywhere."""
    most = max((count for passing in seen.values() for (to, _), count in passing.items() if to == port), default=0)
    graph: nx.DiGraph[str] = nx.DiGraph()
    for link, passing in seen.items():
        one, other = platforms_of(document, link)
        for start, end, out in ((one, other, True), (other, one, False)):
            if 2 * passing[port, out] > most:
                graph.add_edge(start, end, link=link)
    return graph


def _way(lab: Lab, flow: Flow, graph: nx.DiGraph[str]) -> Way | None:
    source, target = ends_of(lab.document, flow)
    if source == target:
        return ()
    if not {source, target} <= set(graph) or not nx.has_path(graph, source, target):
        return None
    path = nx.shortest_path(graph, source, target)
    return tuple(Hop(graph.edges[one, other]["link"], one) for one, other in pairwise(path))


def platforms_of(document: Document, link: str) -> tuple[str, str]:
    """The platforms of a link's first and second end."""
    one, other = (end.split(".")[0] for end in document.links[link].ends)
    return one, other


def ends_of(document: Document, flow: Flow) -> tuple[str, str]:
    """The platforms that a flow begins and ends on."""
    return document.servers[flow.source].platform, document.servers[flow.target].platform


def joined(document: Document, links: Iterable[str]) -> nx.Graph[str]:
    """The platforms that some links join."""
    return nx.Graph(platforms_of(document, name) for name in links)


def arriving(lab: Lab, stream: Stream, flows: Collection[Flow]) -> set[Flow]:
    """Those of these flows whose datagrams reach their target's port now."""
    doors = {flow: lab.wiring.cables[flow.target].intf1.name for flow in flows}
    passing = heard(set(doors.values()), stream.token, _LISTEN_S) if flows else {}
    return {flow for flow, door in doors.items() if (stream.ports[flow], True) in passing[door]}
