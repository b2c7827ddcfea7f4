"""A fabric of any shape whose links and platforms fail in every way: with carrier, at one end, silently, unseen."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from controller.model.addresses import parse_address
from controller.model.spec import (
    Document,
    LinkSpec,
    PlatformSpec,
    ReservationSpec,
    SegmentSpec,
    ServerSpec,
    TrunkSpec,
    link_name,
)
from controller.model.topology import End
from controller.rules.lookup import SwitchTables
from controller.verifier import Network
from tests.virtual import VirtualFabric, make_port

Edge: TypeAlias = tuple[int, int, int]
"""Two platforms, by number, and the cost of a link between them; there may be several."""
How: TypeAlias = Literal[
    "both", "one end", "one end, works", "other end", "other end, works", "silent", "one way", "unseen"
]
SEEN: Final[tuple[How, ...]] = (
    "both",
    "one end",
    "one end, works",
    "other end",
    "other end, works",
    "silent",
    "one way",
)
"""Who loses carrier, and whether the wire still works; `silent`, `one way`: BFD alone tells, at both ends."""
HOWS: Final[tuple[How, ...]] = (*SEEN, "unseen")
"""`unseen`: what one end sends is lost, and nobody knows yet."""
FIRST_TRUNK: Final = 50
MBIT: Final = 1_000_000
SEGMENTS: Final = ("data", "web")


def fabric_document(edges: Iterable[Edge], members: Collection[tuple[int, str]]) -> Document:
    """Platforms p0, p1 …; a server for each member, `(platform, segment)`; the nth link on port 20 + n of both ends."""
    edges = list(edges)
    count = 1 + max(at for edge in edges for at in edge[:2])
    trunks: dict[int, dict[str, TrunkSpec]] = {at: {} for at in range(count)}
    links = {}
    for number, (one, other, cost) in enumerate(edges):
        for at in (one, other):
            trunks[at][f"t{number}"] = TrunkSpec(port=FIRST_TRUNK + number)
        first, second = sorted((f"p{one}.t{number}", f"p{other}.t{number}"))
        links[link_name(first, second)] = LinkSpec(ends=(first, second), cost=cost)
    platforms = {f"p{at}": PlatformSpec(dpid=at + 1, trunks=trunks[at]) for at in trunks}
    segments = {segment: SegmentSpec() for segment in SEGMENTS}
    servers = {f"{segment}{at}": server_on(at, segment, at) for at, segment in members}
    return Document(segments=segments, platforms=platforms, servers=servers, links=links)


def with_reservations(document: Document) -> Document:
    """The same with rates: half of the servers have something reserved to the next of their segment, some both ways,
    some protected; more than there is room for, so that links that fail and return move what is granted."""
    platforms = {
        name: spec.model_copy(
            update={
                "trunks": {label: trunk.model_copy(update={"rate": 100 * MBIT}) for label, trunk in spec.trunks.items()}
            }
        )
        for name, spec in document.platforms.items()
    }
    reservations = {}
    for segment in SEGMENTS:
        names = [name for name, spec in document.servers.items() if spec.segment == segment]
        round_about = names[:1] if len(names) > 2 else []
        for number, (source, target) in enumerate(pairwise((*names, *round_about))):
            reservations[f"{source}-{target}"] = ReservationSpec(
                source=source,
                target=target,
                rate=(40 + 10 * (number % 4)) * MBIT,
                floor=10 * MBIT,
                priority=number % 3,
                both=number % 2 == 0,
                protected=number % 3 == 0,
            )
    return document.model_copy(update={"platforms": platforms, "reservations": reservations})


def server_on(platform: int, segment: str, number: int) -> ServerSpec:
    """A server with both kinds of address; `number` is unique in its segment."""
    tenant = SEGMENTS.index(segment)
    addresses = (parse_address(f"10.{tenant}.0.{number + 1}"), parse_address(f"fd00:{tenant}::{number + 1:x}"))
    mac = f"02:00:00:00:{tenant:02x}:{number + 1:02x}"
    return ServerSpec(platform=f"p{platform}", port=1 + 2 * number + tenant, segment=segment, mac=mac, ip=addresses)


class FailingFabric(VirtualFabric):
    """Links and platforms that fail and return; each switch knows what its own ports see, and BFD watches trunks."""

    def __init__(self, document: Document) -> None:
        self.dark: set[End] = set()
        """Ends that have lost carrier."""
        self.unheard: set[End] = set()
        """Ends where BFD hears nobody."""
        self.lost: set[End] = set()
        """Ends whose sending does not arrive."""
        self.off: set[str] = set()
        """Platforms without power."""
        self._tables: dict[str, tuple[int, SwitchTables]] = {}
        super().__init__(document)

    def fail(self, ends: tuple[End, End], how: How) -> set[str]:
        """A link fails; answers the platforms at its ends."""
        seen, lost = failed(ends, how)
        self.lost |= lost
        (self.unheard if how in ("silent", "one way") else self.dark).update(seen)
        return self._look_at(ends)

    def mend(self, ends: tuple[End, End]) -> set[str]:
        """It works again, and both ends see it."""
        for state in (self.lost, self.dark, self.unheard):
            state.difference_update(ends)
        return self._look_at(ends)

    def power_off(self, name: str) -> set[str]:
        """A platform loses its power, and its rules."""
        self.off.add(name)
        self.disconnect(name)
        switch = self.switches[name]
        switch.rules.clear()
        switch.cookies.clear()
        switch.written += 1
        return {name} | self._look_at(self._ends_at(name))

    def power_on(self, name: str) -> set[str]:
        """It is there again, and connects."""
        self.off.remove(name)
        platforms = {name} | self._look_at(self._ends_at(name))
        self.connect(name)
        return platforms

    def _ends_at(self, name: str) -> list[End]:
        own = [end for end in self.cables if end[0] == name]
        return [*own, *(self.cables[end] for end in own)]

    def _look_at(self, ends: Iterable[End]) -> set[str]:
        """Ports take on what they see now, and tell it."""
        for name, number in ends:
            up = (name, number) not in self.dark and self.cables[name, number][0] not in self.off
            port = replace(make_port(number, up), live=up and (name, number) not in self.unheard)
            if self.switches[name].ports[number] != port:
                self.switches[name].ports[number] = port
                if name in self.control.connected:
                    self.control.port_changed(name, port)
        return {name for name, _ in ends}

    def discover(self) -> None:
        """Probes and BFD leave by ports that are up, and arrive where the wire carries them."""
        for name in tuple(self.control.connected):
            for number, port in self.switches[name].ports.items():
                end, other = (name, number), self.cables.get((name, number))
                if other is None and port.up and self.control.takes_probes(end):
                    self.control.port_silent(end)
                elif other and self._passes(end) and self._listens(other):
                    self.control.probe_heard(other, self.switches[name].dpid, number)
        for name in tuple(self.control.connected):
            ports = [end for end in self.cables if end[0] == name]
            heard = [end[1] for end in ports if self._passes(end) and self._passes(self.cables[end])]
            self.control.bridge_seen(name, heard, {}, self.now)

    def _passes(self, end: End) -> bool:
        """Whether what a port sends comes in at the other end."""
        both = (end, self.cables[end])
        return end not in self.lost and all(self.switches[name].ports[number].up for name, number in both)

    def _listens(self, end: End) -> bool:
        return end[0] in self.control.connected and self.control.takes_probes(end)

    def works(self, ends: tuple[End, End]) -> bool:
        """Whether a link carries both ways, and both ends know."""
        ports = [self.switches[name].ports[number] for name, number in ends]
        powered = self.off.isdisjoint(name for name, _ in ends)
        return powered and self.lost.isdisjoint(ends) and all(port.up and port.live for port in ports)

    def network(self) -> Network:
        """The switches as they are now."""
        for name, switch in self.switches.items():
            if self._tables.get(name, (-1, None))[0] != switch.written:
                self._tables[name] = (switch.written, SwitchTables(switch.rules.values()))
        tables = {name: made for name, (_, made) in self._tables.items()}
        down = frozenset(end for end in self.cables if end[0] in self.off)
        return Network(tables, self.cables, down, frozenset(self.dark | self.unheard), frozenset(self.lost))


def failed(ends: tuple[End, End], how: How) -> tuple[set[End], set[End]]:
    """Which ends see that a link has failed, and which send into nothing."""
    one, other = ends if not how.startswith("other") else ends[::-1]
    if how in ("both", "silent"):
        return {one, other}, {one, other}
    if how == "one way":
        return {one, other}, {one}
    if how == "unseen":
        return set(), {one}
    return {one}, set() if how.endswith("works") else {one, other}
