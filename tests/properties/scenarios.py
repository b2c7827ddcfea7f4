"""Random small platforms: what is plugged into one switch, as the inputs from which its rules are compiled.

Platform A is looked at. It has server ports 1 to 4, port 5 that nobody classified, and trunks: 11 and 13 to B,
12 to C. Segments have the labels 10 and 20, their trees 100 and 200.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from controller.compile.flooding import FloodInput, SegmentInput, TreeInput
from controller.compile.links import Bypass, Hop, TrunkInput
from controller.compile.owners import BaseInput, Input, LinkInput, compile_owner
from controller.compile.paths import PathInput
from controller.compile.ports import PortInput, PortKind
from controller.compile.reservations import Chosen, DirectionInput, ReservationInput, Stage
from controller.compile.servers import ServerInput
from controller.compile.shares import ShareInput
from controller.model.identity import Server
from controller.rules.fields import VLAN_PRESENT
from controller.rules.rules import Rule

HERE, OTHERS = "A", ("B", "C")
SERVER_PORTS, CLOSED_PORT, TRUNKS = (1, 2, 3, 4), 5, (11, 12, 13)
PORTS = (*SERVER_PORTS, CLOSED_PORT, *TRUNKS)
SEGMENTS = (10, 20)
VLANS = (300, 400)
GATEWAY = 77
"""The number of what is no server and has an address that nobody beyond an uplink may use."""
AROUND = {11: 12, 12: 11, 13: 11}
"""Where the bypass of each trunk leaves."""
AWAY, BACK, THROUGH = 3100, 3200, 3300
"""Bypass labels: around A's trunk n (plus n), back to A (plus n), and between others by A."""
PATHS, PASSING, UPLINK = 2048, 2100, 3
"""The labels of pinned paths that begin on A (plus n); of those that pass it or end there (plus n); an uplink."""


def tree_of(segment: int) -> int:
    """The label of a segment's tree."""
    return segment * 10


def mac_of(number: int) -> int:
    """A server's MAC."""
    return 0x02_00_00_00_00_00 | number


def ipv4_of(number: int) -> int:
    """A server's IPv4 address."""
    return 10 << 24 | number


def ipv6_of(number: int) -> int:
    """A server's IPv6 address."""
    return 0xFD << 120 | number


def link_local_of(mac: int) -> int:
    """The address of RFC 4291, appendix A."""
    return 0xFE80 << 112 | ((mac >> 24 << 40 | 0xFFFE << 24 | mac & 0xFFFFFF) ^ 1 << 57)


@dataclass(frozen=True)
class Scenario:
    """What is plugged in, and what of it is broken."""

    servers: tuple[ServerInput, ...]
    inputs: tuple[Input, ...]
    down: frozenset[int]
    spread: int

    def rules(self) -> list[Rule]:
        """The rules of platform A."""
        placed = (found for wanted in self.inputs for found in compile_owner(wanted))
        return [found.rule for found in placed if found.platform == HERE]


def _addresses(number: int) -> st.SearchStrategy[tuple[tuple[int, int], ...]]:
    own = ((ipv4_of(number), 4), (ipv6_of(number), 6), (link_local_of(mac_of(number)), 6))
    return st.sampled_from((own, own[:1], own[:2], own[1:], ()))


_PLUGGED = st.sampled_from(("plain", "tagged", "learn", "uplink", "unheard", "open", "closed"))
_LEARNED = ("learn", "uplink")


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """A platform with up to two servers a port, and some elsewhere."""
    kinds = {port: draw(_PLUGGED) for port in SERVER_PORTS}
    ports = [_port(port, kind) for port, kind in kinds.items()]
    learning = frozenset({HERE}) if set(_LEARNED) & set(kinds.values()) else frozenset()
    servers = [
        replace(server, guarded=learning if server.server.declared else frozenset())
        for port, kind in kinds.items()
        for server in _plugged(draw, port, kind)
    ]
    servers += [_elsewhere(draw, number) for number in range(20, 20 + draw(st.integers(0, 3)))]
    inputs: list[Input] = [BaseInput(HERE), *ports, *servers, *_trunk_ports(), *_links(draw), *_paths(draw)]
    inputs += [SegmentInput(label, (HERE,)) for label in SEGMENTS]
    inputs += [_tree(draw, label, ports, servers) for label in SEGMENTS]
    inputs += _reservations(draw, servers)
    inputs += _shares(draw, servers)
    down = draw(st.frozensets(st.sampled_from(TRUNKS), max_size=2))
    return Scenario(tuple(servers), tuple(inputs), down, draw(st.integers(0, 3)))


def _port(port: int, kind: str) -> PortInput:
    if kind == "learn":
        return PortInput(HERE, port, PortKind.LEARN, True, True, SEGMENTS[0], 100)
    if kind == "uplink":
        gateway = ((ipv4_of(GATEWAY), 4), (ipv6_of(GATEWAY), 6))
        return PortInput(HERE, port, PortKind.UPLINK, False, True, SEGMENTS[0], 100, refused=gateway)
    if kind == "closed":
        return PortInput(HERE, port, PortKind.CLOSED, discovers=True)
    kbps = 9000 if port == SERVER_PORTS[0] else None
    return PortInput(HERE, port, PortKind.SERVER, learns=kind in ("unheard", "open"), storm=100, kbps=kbps)


def _plugged(draw: st.DrawFn, port: int, kind: str) -> Iterator[ServerInput]:
    segment = SEGMENTS[0] if kind in _LEARNED else draw(st.sampled_from(SEGMENTS))
    count = {"closed": 0, "tagged": 2, "learn": draw(st.integers(0, 2)), "uplink": draw(st.integers(0, 2))}.get(kind, 1)
    for index in range(count):
        number = 2 * port + index
        mac = None if kind == "unheard" else mac_of(number)
        vlan = VLANS[index] if kind == "tagged" else None
        addresses = () if kind == "uplink" else draw(_addresses(number))
        server = Server(f"s{number}", HERE, port, "", mac, addresses, vlan, kind not in _LEARNED)
        server = replace(server, open_addresses=kind == "open")
        uplink = UPLINK if kind == "uplink" else None
        yield ServerInput(server, SEGMENTS[index] if kind == "tagged" else segment, 1, OTHERS, uplink=uplink)


def _elsewhere(draw: st.DrawFn, number: int) -> ServerInput:
    home = draw(st.sampled_from(OTHERS))
    server = Server(f"s{number}", home, 1, "", mac_of(number), draw(_addresses(number)))
    uplink = draw(st.sampled_from((None, UPLINK)))
    return ServerInput(server, draw(st.sampled_from(SEGMENTS)), 2 + OTHERS.index(home), (HERE,), uplink=uplink)


def _reservations(draw: st.DrawFn, servers: list[ServerInput]) -> Iterator[ReservationInput]:
    """From servers here to others of their segments, by a trunk or none; some that pass, some that end here."""
    here = [found for found in servers if found.server.platform == HERE and found.server.mac is not None]
    fields = ((), (("ip_proto", 17),), (("ip_proto", 17), ("udp_dst", 2)), (("ip_dscp", 46),))
    taken = set()
    for number in range(draw(st.integers(0, 3)) if here else 0):
        sender, chosen = draw(st.sampled_from(here)), draw(st.sampled_from(fields))
        target = draw(st.sampled_from([found for found in servers if found.segment == sender.segment]))
        key = (sender.server.name, target.server.name, chosen)
        if target.server.mac is None or key in taken:
            continue
        taken.add(key)
        trunk = None if target.server.platform == HERE else draw(st.sampled_from(TRUNKS))
        stages = () if trunk is None else (Stage(target.server.platform, 21, None),)
        what = Chosen(sender.segment, sender.server.mac, None, target.server.mac, None, chosen)
        yield ReservationInput(
            (DirectionInput(what, HERE, PATHS + number, trunk, stages, 5000, 1000, draw(st.booleans())),)
        )
    for number in range(draw(st.integers(0, 2))):
        arrival, leaving = draw(st.permutations(TRUNKS))[:2]
        stage = Stage(HERE, arrival, draw(st.sampled_from((leaving, None))))
        what = Chosen(draw(st.sampled_from(SEGMENTS)), mac_of(20), None, mac_of(2), None)
        passing = DirectionInput(what, "B", PASSING + number, 41, (stage,), 5000, 1000, draw(st.booleans()))
        yield ReservationInput((passing,))


def _shares(draw: st.DrawFn, servers: list[ServerInput]) -> Iterator[ShareInput]:
    rates = st.sampled_from((None, 4000))
    for index, found in enumerate(servers, 1):
        server = found.server
        if server.declared and server.platform == HERE and draw(st.booleans()):
            tag = VLAN_PRESENT | server.vlan if server.vlan is not None else 0
            own = (server.port, tag, found.segment, server.mac)
            yield ShareInput(HERE, *own, index, draw(rates), draw(rates), draw(rates), ((HERE, SERVER_PORTS[0]),))


def _trunk_ports() -> list[PortInput]:
    return [PortInput(HERE, trunk, PortKind.TRUNK, discovers=True) for trunk in TRUNKS]


def _links(draw: st.DrawFn) -> Iterator[LinkInput]:
    for trunk in TRUNKS:
        far, way = ("C" if trunk == 12 else "B"), AROUND[trunk]
        away = Bypass(AWAY + trunk, way, (), 31) if draw(st.booleans()) else None
        back = Bypass(BACK + trunk, 31, (), way) if draw(st.booleans()) else None
        yield LinkInput((TrunkInput(HERE, trunk, far, 21, away), TrunkInput(far, 21, HERE, trunk, back)))
    by_here = Bypass(THROUGH, 31, (Hop(HERE, 11, 12),), 31)
    turning = Bypass(THROUGH + 1, 31, (Hop(HERE, 12, 13),), 31)
    yield LinkInput((TrunkInput("B", 41, "C", 41, by_here), TrunkInput("C", 41, "B", 41, turning)))


def _paths(draw: st.DrawFn) -> Iterator[PathInput]:
    for index, _ in enumerate(OTHERS, start=2):
        ways = draw(st.lists(st.sampled_from(TRUNKS), unique=True, max_size=3))
        yield PathInput(HERE, index, tuple(ways), 1)


def _tree(draw: st.DrawFn, segment: int, ports: list[PortInput], servers: list[ServerInput]) -> TreeInput:
    members = {
        (found.server.port, found.server.vlan)
        for found in servers
        if found.server.platform == HERE and found.server.declared and found.segment == segment
    }
    learned = (PortKind.LEARN, PortKind.UPLINK)
    members |= {(port.number, None) for port in ports if port.kind in learned and port.segment == segment}
    trunks = draw(st.lists(st.sampled_from(TRUNKS), unique=True, max_size=3))
    local = tuple(sorted(members, key=lambda member: (member[0], member[1] or 0)))
    return TreeInput(segment, tree_of(segment), (FloodInput(HERE, local, tuple(sorted(trunks))),))
