"""From the fabric's state to what each owner's rules depend on, one owner at a time.

An owner whose input has not changed is not compiled again; so the cost of a change is that of the change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from controller.compile.flooding import FloodInput, SegmentInput, TreeInput
from controller.compile.links import Bypass, Hop, TrunkInput
from controller.compile.owners import BaseInput, Input, LinkInput
from controller.compile.paths import PathInput
from controller.compile.ports import PortInput, PortKind
from controller.compile.servers import ServerInput
from controller.model.changes import Changes
from controller.model.fabric import Fabric
from controller.model.ledger import Holding, apart_name
from controller.model.topology import End, Link
from controller.paths.bypasses import WayRound
from controller.paths.trees import pruned, variant_of
from controller.pinning import Pinning
from controller.routing import Rerouted, Routing
from controller.rules.placed import Placed, Turn, path_rank
from controller.rules.rules import Owner
from controller.rules.tables import BYPASS_LABELS, LABELS, PLATFORM_INDEXES

COLLECTED: Final = ("label", "bypass", "path", "share")
"""Pools whose numbers are given back; a platform keeps its index for its return."""


class Derivation:
    """Reads the fabric; `left` tells where a server that moved was before."""

    def __init__(self, fabric: Fabric, routing: Routing) -> None:
        self._fabric, self._routing = fabric, routing
        self.pinning = Pinning(fabric, routing)
        self.left: dict[str, str] = {}
        self._platforms: tuple[str, ...] = ()
        self._others: dict[str, tuple[str, ...]] = {}

    def input_of(self, owner: Owner) -> Input | None:
        """What an owner's rules depend on; None where it has none."""
        return _READERS[owner.kind](self, owner.name)

    def order_of(self, owner: Owner, item: Placed) -> int:
        """When the turn of a rule comes; the way to a server is opened outward from its home."""
        if item.turn is not Turn.ELSEWHERE:
            return item.order
        home = self._fabric.servers[owner.name].platform
        return replace(item, rank=path_rank(self._routing.distance(item.platform, home))).order

    # Who is concerned

    def refresh(self) -> None:
        """Follow the set of platforms."""
        platforms = tuple(sorted(self._fabric.platforms))
        if platforms != self._platforms:
            self._platforms = platforms
            self._others = {name: tuple(p for p in platforms if p != name) for name in platforms}

    def everyone(self) -> Iterator[Owner]:
        """All owners there are."""
        for platform in self._platforms:
            yield Owner("base", platform)
            yield from (Owner("path", f"{other}>{platform}") for other in self._others[platform])
        yield from (Owner("port", f"{at}:{number}") for at, number in sorted(self._ends()))
        yield from (Owner("server", name) for name in self._fabric.servers)
        yield from (Owner("link", name) for name in self._routing.known)
        yield from (Owner("reservation", name) for name in self._fabric.declared.reservations)
        yield from (Owner("share", name) for name in self._fabric.declared.servers)
        for segment in self._fabric.declared.segments:
            yield Owner("segment", segment)
            self._settle_tree(segment)
            yield self._tree_owner(segment)

    def touched(self, changes: Changes, rerouted: Rerouted) -> Iterator[Owner]:
        """The owners whose input may have changed."""
        yield from (Owner("server", name) for name in changes.servers)
        yield from (Owner("port", f"{at}:{number}") for at, number in changes.ends | rerouted.ends)
        yield from (Owner("link", name) for name in rerouted.links)
        yield from (Owner("path", f"{src}>{dst}") for src, dst in rerouted.pairs)
        yield from self._granted(changes, rerouted)
        reshaped = {name for name in self._fabric.declared.segments if variant_of(name) in rerouted.forests}
        for segment in sorted(reshaped | self._segments_at(changes)):
            yield from self._trees_of(segment)

    def _granted(self, changes: Changes, rerouted: Rerouted) -> Iterator[Owner]:
        """Reservations, and those whose other rates depend on what is reserved."""
        yield from (Owner("share", name) for name in changes.servers)
        pinned = (*self.pinning.touched_by(changes.servers), *self.pinning.over(rerouted.links))
        for name in changes.reservations.union(pinned):
            yield Owner("reservation", name)
            spec = self._fabric.declared.reservations.get(name)
            for end in (spec.source, spec.target) if spec else ():
                yield Owner("share", end)
                at = self._fabric.host_end(end)
                if at is not None:
                    yield Owner("port", f"{at[0]}:{at[1]}")

    def _segments_at(self, changes: Changes) -> set[str]:
        """Segments whose members may be others; learned servers are members by their ports."""
        platforms = {platform for platform, _ in changes.ends}
        return {segment for platform in platforms if (segment := self._fabric.declared.undeclared(platform).segment)}

    def _trees_of(self, segment: str) -> Iterator[Owner]:
        """The tree's owner now; if its links force a new generation, the old owner too."""
        yield self._tree_owner(segment)
        self._settle_tree(segment)
        yield self._tree_owner(segment)

    def _ends(self) -> set[End]:
        fabric = self._fabric
        hosts = {(platform, port) for platform in self._platforms for port in fabric.declared.host_ports(platform)}
        ends = hosts | set(fabric.declared.trunks) | set(fabric.wiring.ports)
        return {end for end in ends if end[0] in fabric.platforms}

    # Numbers

    def label(self, segment: str) -> int:
        """A segment's label."""
        return self._fabric.ledger.allot("label", segment, LABELS)

    def index(self, platform: str) -> int:
        """A platform's number in group ids."""
        return self._fabric.ledger.allot("platform", platform, PLATFORM_INDEXES)

    def holdings(self) -> set[Holding]:
        """All numbers in use of the pools that are collected."""
        segments = self._fabric.declared.segments
        used = {("label", name) for segment in segments for name in (segment, self._tree_owner(segment).name)}
        for name, link in self._routing.known.items():
            for near, _ in link.ends:
                way = self._routing.way_round(name, near)
                if way is not None:
                    used.add(("bypass", apart_name(_bypass_of(link, near), _places(way))))
        return used.union(self.pinning.holdings())

    # Inputs

    def _base(self, platform: str) -> BaseInput | None:
        return BaseInput(platform) if platform in self._fabric.platforms else None

    def _port(self, name: str) -> PortInput | None:
        platform, _, number = name.rpartition(":")
        end, declared = (platform, int(number)), self._fabric.declared
        if platform not in self._fabric.platforms:
            return None
        uplink = declared.uplink_at(end)
        if uplink is not None:
            return self._uplink(end, declared.uplinks[uplink].segment)
        if declared.is_server_port(end):
            learns, kbps = self._is_open(end), self.pinning.port_kbps(end)
            return PortInput(*end, PortKind.SERVER, learns=learns, storm=declared.storm(end), kbps=kbps)
        if end not in declared.trunks and end not in self._fabric.wiring.ports:
            return None
        if end in self._routing.trunk_ends:
            return PortInput(*end, PortKind.TRUNK, discovers=True)
        if not self.learns(end):
            discovers = end in declared.trunks or declared.undeclared(platform).mode == "learn"
            return PortInput(*end, PortKind.CLOSED, discovers=discovers)
        label = self.label(declared.undeclared(platform).segment or "")
        return PortInput(*end, PortKind.LEARN, True, True, label, declared.storm(end))

    def _uplink(self, end: End, segment: str) -> PortInput:
        declared, kbps = self._fabric.declared, self.pinning.port_kbps(end)
        label, storm, refused = self.label(segment), declared.storm(end), declared.gateways(segment)
        kind = PortKind.UPLINK
        return PortInput(*end, kind, learns=True, segment=label, storm=storm, kbps=kbps, refused=refused)

    def learns(self, end: End) -> bool:
        """Whether identities are learned on a port."""
        declared = self._fabric.declared
        free = end not in declared.trunks and not declared.is_host_port(end)
        learns = declared.undeclared(end[0]).mode == "learn" and end in self._fabric.wiring.silent
        return learns and free and end not in self._routing.trunk_ends and end[0] in self._fabric.platforms

    def _is_open(self, end: End) -> bool:
        servers = self._fabric.directory.at(end)
        return any(server.declared and (server.mac is None or server.open_addresses) for server in servers)

    def _server(self, name: str) -> ServerInput | None:
        server = self._fabric.servers.get(name)
        if server is None or server.platform not in self._fabric.platforms:
            return None
        guarded = self._open_platforms(server.segment) if server.declared else frozenset()
        others, home = self._others[server.platform], self.index(server.platform)
        uplink = self._fabric.declared.uplink_at(server.end)
        number = self.pinning.uplink_number(uplink) if uplink else None
        return ServerInput(server, self.label(server.segment), home, others, self.left.get(name), guarded, number)

    def _open_platforms(self, segment: str) -> frozenset[str]:
        """Platforms where somebody may come by a MAC or an address that the document does not give it."""
        undeclared = self._fabric.declared.undeclared
        learning = [(p, spec) for p in self._platforms if (spec := undeclared(p)).mode == "learn"]
        learns = frozenset(platform for platform, spec in learning if spec.segment == segment)
        return learns | self._fabric.declared.open_platforms(segment)

    def _link(self, name: str) -> LinkInput | None:
        link = self._routing.known.get(name)
        if link is None:
            return None
        one, other = (self._trunk(link, end) for end in link.ends)
        return LinkInput((one, other))

    def _trunk(self, link: Link, end: End) -> TrunkInput:
        platform, port = end
        way = self._routing.way_round(link.name, platform)
        return TrunkInput(platform, port, *link.other(platform), self._bypass(link, way) if way else None)

    def _bypass(self, link: Link, way: WayRound) -> Bypass:
        label = self._fabric.ledger.allot_apart("bypass", _bypass_of(link, way.near), _places(way), BYPASS_LABELS)
        arrivals = _arrivals(way)
        departures = [(near, step.port_on(near)) for near, step in zip(_platforms(way), way.links, strict=True)]
        hops = tuple(
            Hop(platform, in_port, out_port)
            for (platform, in_port), (_, out_port) in zip(arrivals[:-1], departures[1:], strict=True)
        )
        return Bypass(label, departures[0][1], hops, arrivals[-1][1])

    def _path(self, name: str) -> PathInput | None:
        src, _, dst = name.partition(">")
        if src not in self._others or dst not in self._others:
            return None
        return PathInput(src, self.index(dst), self._routing.ports(src, dst), self._routing.distance(src, dst))

    def _segment(self, name: str) -> SegmentInput | None:
        if name not in self._fabric.declared.segments:
            return None
        return SegmentInput(self.label(name), self._platforms)

    # Trees

    def _tree_owner(self, segment: str) -> Owner:
        generation, _ = self._fabric.trees.get(segment, (0, frozenset()))
        return Owner("tree", f"{segment}#{generation}")

    def _settle_tree(self, segment: str) -> tuple[Link, ...]:
        """The segment's tree. Another set of links that neither grew nor shrank from the last is a new generation:
        under one label the two together might be a loop."""
        links = pruned(self._routing.forest(variant_of(segment)), self._members(segment))
        names = frozenset(link.name for link in links)
        generation, before = self._fabric.trees.get(segment, (0, names))
        generation += not (names <= before or names >= before or self._fabric.trees_are_kept)
        self._fabric.trees[segment] = (generation, names)
        return links

    def _tree(self, name: str) -> TreeInput | None:
        segment = name.rpartition("#")[0]
        if segment not in self._fabric.declared.segments or self._tree_owner(segment).name != name:
            return None
        links, members = self._settle_tree(segment), self._members(segment)
        trunks: defaultdict[str, list[int]] = defaultdict(list)
        for platform, port in sorted(end for link in links for end in link.ends):
            trunks[platform].append(port)
        label = self._fabric.ledger.allot("label", name, LABELS)
        parts = tuple(
            FloodInput(platform, tuple(sorted(members.get(platform, ()), key=_port_order)), tuple(trunks[platform]))
            for platform in sorted(trunks.keys() | members.keys())
        )
        return TreeInput(self.label(segment), label, parts)

    def _members(self, segment: str) -> dict[str, set[tuple[int, int | None]]]:
        """A segment's ports by platform, with their tags."""
        members: defaultdict[str, set[tuple[int, int | None]]] = defaultdict(set)
        for spec in self._fabric.declared.servers.values():
            if spec.segment == segment:
                members[spec.platform].add((spec.port, spec.vlan))
        for uplink in self._fabric.declared.uplinks.values():
            if uplink.segment == segment:
                members[uplink.platform].add((uplink.port, None))
        for end in self._fabric.wiring.silent:
            if self.learns(end) and self._fabric.declared.undeclared(end[0]).segment == segment:
                members[end[0]].add((end[1], None))
        return members


_READERS: Final[Mapping[str, Callable[[Derivation, str], Input | None]]] = {
    "base": Derivation._base,
    "port": Derivation._port,
    "server": Derivation._server,
    "link": Derivation._link,
    "path": Derivation._path,
    "segment": Derivation._segment,
    "tree": Derivation._tree,
    "reservation": lambda derivation, name: derivation.pinning.reservation(name),
    "share": lambda derivation, name: derivation.pinning.share(name),
}


def _port_order(port: tuple[int, int | None]) -> tuple[int, int]:
    return (port[0], port[1] or 0)


def _bypass_of(link: Link, near: str) -> str:
    return f"{link.name}>{link.other(near)[0]}"


def _platforms(way: WayRound) -> list[str]:
    """The platforms that a way leaves, in order."""
    at, found = way.near, []
    for step in way.links:
        found.append(at)
        at = step.other(at)[0]
    return found


def _arrivals(way: WayRound) -> list[End]:
    """The ports that a way comes in by, in order."""
    return [step.other(near) for near, step in zip(_platforms(way), way.links, strict=True)]


def _places(way: WayRound) -> list[str]:
    return [f"{platform}:{port}" for platform, port in _arrivals(way)]
