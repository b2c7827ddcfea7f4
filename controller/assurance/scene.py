"""What must hold, read from the state alone and never from the rules: members, paths, who is whose neighbour."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TypeAlias
from zlib import crc32

from controller.control import Control
from controller.derive import Derivation
from controller.expected import wanted_network
from controller.model.identity import Server
from controller.model.topology import End
from controller.verifier import Network

Place: TypeAlias = tuple[str, int, int | None]
"""Where a member of a segment is: platform, port and tag."""


class Scene:
    """One state of the fabric. Server ports are taken to be up: who is behind them is no matter of rules."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self.fabric = control.fabric
        self.routing = control.routing

    @cached_property
    def network(self) -> Network:
        """The wanted rules and the wires."""
        network = wanted_network(self._control)
        return Network(network.tables, network.links, network.down & network.links.keys())

    @cached_property
    def servers(self) -> Mapping[str, Server]:
        """Servers that can be spoken to: their MAC and their platform are known."""
        servers = self.fabric.servers.items()
        return {name: s for name, s in sorted(servers) if s.mac is not None and s.platform in self.fabric.platforms}

    @cached_property
    def neighbours(self) -> Mapping[str, Mapping[str, tuple[Server, ...]]]:
        """The servers of each segment, by platform."""
        found: defaultdict[str, defaultdict[str, list[Server]]] = defaultdict(lambda: defaultdict(list))
        for server in self.servers.values():
            found[server.segment][server.platform].append(server)
        return {segment: {at: tuple(here) for at, here in by.items()} for segment, by in found.items()}

    @cached_property
    def members(self) -> Mapping[str, frozenset[Place]]:
        """The ports of each segment, heard of or not."""
        found: defaultdict[str, set[Place]] = defaultdict(set)
        for spec in self.fabric.declared.servers.values():
            found[spec.segment].add((spec.platform, spec.port, spec.vlan))
        for uplink in self.fabric.declared.uplinks.values():
            found[uplink.segment].add((uplink.platform, uplink.port, None))
        derivation = Derivation(self.fabric, self.routing)
        for end in filter(derivation.learns, self.fabric.wiring.silent):
            found[self.fabric.declared.undeclared(end[0]).segment or ""].add((*end, None))
        return {segment: frozenset(places) for segment, places in found.items()}

    @cached_property
    def segments_at(self) -> Mapping[Place, frozenset[str]]:
        """Whose a place is."""
        found: defaultdict[Place, set[str]] = defaultdict(set)
        for segment, places in self.members.items():
            for place in places:
                found[place].add(segment)
        return {place: frozenset(segments) for place, segments in found.items()}

    @cached_property
    def names(self) -> Mapping[Place, str]:
        """Who is at a place, by name."""
        return {place_of(server): server.name for server in self.fabric.servers.values()}

    @cached_property
    def link_at(self) -> Mapping[End, str]:
        """The live link that ends at a port."""
        return {end: name for name, link in self.routing.live.items() for end in link.ends}

    @cached_property
    def _island(self) -> Mapping[str, int]:
        """A number for each platform, the same for all that links which are up join."""
        beside: defaultdict[str, set[str]] = defaultdict(set)
        for link in self.routing.live.values():
            (one, _), (other, _) = link.ends
            beside[one].add(other)
            beside[other].add(one)
        island: dict[str, int] = {}
        for number, start in enumerate(sorted(self.fabric.platforms)):
            waiting = [start]
            while waiting:
                at = waiting.pop()
                if at not in island:
                    island[at] = number
                    waiting.extend(beside[at])
        return island

    def joined(self, one: str, other: str) -> bool:
        """Whether links that are up lead from one platform to another."""
        return self._island.get(one) == self._island.get(other)

    def say(self, place: Place) -> str:
        """A place for people: its server's name, else platform and port."""
        platform, port, tag = place
        tagged = "" if tag is None else f" tag {tag}"
        return self.names.get(place) or f"{platform} port {port}{tagged}"

    def foreigners(self, server: Server) -> Iterator[Server]:
        """One server of each other segment."""
        for segment, platforms in sorted(self.neighbours.items()):
            if segment != server.segment:
                yield chosen(tuple(s for _, here in sorted(platforms.items()) for s in here), server.name)


def place_of(server: Server) -> Place:
    """Where a server is."""
    return (server.platform, server.port, server.vlan)


def chosen(servers: tuple[Server, ...], name: str) -> Server:
    """One of several, always the same for a name and spread evenly over names."""
    return servers[crc32(name.encode()) % len(servers)]
