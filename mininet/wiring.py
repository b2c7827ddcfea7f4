"""Hosts, cables and switches of a lab: what the document says, built in batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from addressing import CARD, config_lines, interfaces_of, mac_of
from commands import inside, ip, run
from datapath import PlatformSwitch, kernel_datapath
from mininet.link import Link
from mininet.net import Mininet
from naming import Names
from shaping import queue_frames, shape_card

from controller.model.spec import Document, LinkSpec, ServerSpec, UplinkSpec

End = tuple[str, int]
_UPLINK = 1
"""Port of a splitter that leads to its platform."""


class Cable(Link):
    """A veth pair that is there already: Mininet is only told of it."""

    def makeIntfPair(self, *_: Any, **__: Any) -> None:  # noqa: N802 (Mininet's own name)
        """Nothing to make."""


class Wiring:
    """Puts hosts, switches and cables into a Mininet network, and takes them out again."""

    def __init__(self, document: Document, names: Names, net: Mininet) -> None:
        self.document, self.names, self.net = document, names, net
        self.switches: dict[str, PlatformSwitch] = {}
        self.splitters: dict[End, PlatformSwitch] = {}
        """Bridges behind ports with tagged servers: they put the tags on, where not every kernel has VLAN devices."""
        self.cables: dict[str, Cable] = {}
        """By name of a server, an uplink and a link."""

    @property
    def _plugged(self) -> dict[str, ServerSpec | UplinkSpec]:
        """What a host stands for."""
        return {**self.document.servers, **self.document.uplinks}

    # All at once

    def add_switches(self, target: str | None) -> None:
        """A switch node for each platform, and for each port with tagged servers; nothing runs yet."""
        for name, platform in self.document.platforms.items():
            node = name if name not in self._plugged else f"{name}.switch"
            self.switches[name] = self._add_switch(node, self.names.bridge(name), platform.dpid, target)
        tagged = {(s.platform, s.port) for s in self.document.servers.values() if s.vlan is not None}
        for number, end in enumerate(sorted(tagged), start=1):
            node, bridge = f"{end[0]}.{end[1]}", self.names.splitter(*end)
            self.splitters[end] = self._add_switch(node, bridge, (1 << 63) + number, None)

    def _add_switch(self, node: str, bridge: str, dpid: int, target: str | None) -> PlatformSwitch:
        switch = self.net.addSwitch(node, cls=PlatformSwitch, bridge=bridge, dpid=dpid, target=target)
        assert isinstance(switch, PlatformSwitch)
        return switch

    def add_hosts(self) -> None:
        """A network namespace for each server, and for what is behind each uplink."""
        for name in self._plugged:
            self.net.addHost(name)

    def add_cables(self) -> None:
        """Every server's, uplink's and link's cable, plugged into nodes and hosts, with all addresses set."""
        self._plug_switches([(end, self.switches[end[0]], switch) for end, switch in self.splitters.items()])
        seats = {name: self._seat(name) for name in self._plugged}
        ip([line for name, seat in seats.items() for line in self._server_cable(name, *seat)])
        for name, seat in seats.items():
            self._plug_server(name, *seat)
        links = {name: self._link_ends(link) for name, link in self.document.links.items()}
        ip([line for ends in links.values() for line in self._trunk_cable(*ends)])
        for name, ends in links.items():
            self._plug_link(name, *ends)

    def shape_cards(self) -> None:
        """Apply the declared rates to what servers send; the bridges' own ports have theirs from the beginning."""
        for name in self._plugged:
            self._shape_card(name)

    # One at a time, while all else runs

    def add_server(self, name: str) -> None:
        """Plug in a server that the document (now) has."""
        self.net.addHost(name)
        self._plug_in(name)

    def _plug_in(self, name: str) -> None:
        seat = self._seat(name)
        ip(self._server_cable(name, *seat))
        self._plug_server(name, *seat)
        seat[0].attach(self.cables[name].intf1)
        self._shape_card(name)

    def remove_server(self, name: str) -> None:
        """Unplug a server and end it."""
        self.unplug(name)
        self.net.delHost(self.net[name])

    def move_server(self, name: str, document: Document) -> None:
        """Unplug a server and plug it in where `document` has it; its namespace and processes stay."""
        self.unplug(name)
        self.document = document
        self._plug_in(name)

    def add_link(self, name: str) -> None:
        """Plug in a link that the document (now) has."""
        ends = self._link_ends(self.document.links[name])
        ip(self._trunk_cable(*ends))
        self._plug_link(name, *ends)
        for intf in (self.cables[name].intf1, self.cables[name].intf2):
            intf.node.attach(intf)

    def unplug(self, name: str) -> None:
        """Unplug the cable of a server or a link, and remove the ports that it was in."""
        cable = self.cables.pop(name)
        interface = cable.intf1.name
        for intf in (cable.intf1, cable.intf2):
            if isinstance(intf.node, PlatformSwitch):
                intf.node.detach(intf)
            intf.node.delIntf(intf)
        self.net.links.remove(cable)
        ip([f"link del {interface}"])

    # Cables

    def _seat(self, name: str) -> tuple[PlatformSwitch, int]:
        """The switch and port that a server is plugged into: its platform's, or those of a splitter."""
        server = self._plugged[name]
        splitter = self.splitters.get((server.platform, server.port))
        if splitter is None:
            return self.switches[server.platform], server.port
        port = _UPLINK + 1 + len(splitter.tags)
        splitter.tags[port] = self.document.servers[name].vlan or 0
        return splitter, port

    def _port_name(self, platform: str, port: int) -> str:
        return self.switches[platform].port_name(port)

    def _link_ends(self, link: LinkSpec) -> tuple[End, End]:
        one, other = (self._trunk_end(end) for end in link.ends)
        return one, other

    def _trunk_end(self, end: str) -> End:
        platform, trunk = end.split(".")
        return platform, self.document.platforms[platform].trunks[trunk].port

    def _server_cable(self, name: str, switch: PlatformSwitch, port: int) -> Iterator[str]:
        yield f"link add name {switch.port_name(port)} type veth peer name {CARD} netns {self.net[name].pid}"
        yield from _bring_up(switch.port_name(port))

    def _trunk_cable(self, one: End, other: End) -> Iterator[str]:
        yield from _patch(self._port_name(*one), self._port_name(*other))

    def _plug_server(self, name: str, switch: PlatformSwitch, port: int) -> None:
        host = self.net[name]
        if not kernel_datapath():  # userspace bridges send on what the card left to be checksummed
            run(*inside(host.pid), "ethtool", "-K", CARD, "tx", "off")
        ip(config_lines(self.document, name), host.pid)
        self._limit(switch, port, self._plugged[name].rate)
        self.cables[name] = self._cable((switch, port, switch.port_name(port)), (host, 0, CARD))
        card = self.cables[name].intf2
        card.mac = mac_of(self.document, name)
        for interface in reversed(interfaces_of(self.document, name)):
            card.ip, card.prefixLen = str(interface.ip), str(interface.network.prefixlen)

    def _plug_switches(self, patches: list[tuple[End, PlatformSwitch, PlatformSwitch]]) -> None:
        for (_platform, port), switch, splitter in patches:
            names = switch.port_name(port), splitter.port_name(_UPLINK)
            ip(_patch(*names))
            self._cable((switch, port, names[0]), (splitter, _UPLINK, names[1]))

    def _plug_link(self, name: str, *ends: End) -> None:
        for platform, port in ends:
            self._limit(self.switches[platform], port, self._trunk_rate(platform, port))
        one, other = ((self.switches[platform], port, self._port_name(platform, port)) for platform, port in ends)
        self.cables[name] = self._cable(one, other)

    def _cable(self, one: tuple[Any, int, str], other: tuple[Any, int, str]) -> Cable:
        names = {"intfName1": one[2], "intfName2": other[2]}
        quiet = {"addr1": None, "addr2": None, "up": None}  # nothing for Mininet to set
        cable = self.net.addLink(one[0], other[0], one[1], other[1], cls=Cable, **quiet, **names)
        assert isinstance(cable, Cable)
        return cable

    # Rates

    def _limit(self, switch: PlatformSwitch, port: int, rate_bps: int | None) -> None:
        """Have a port made with this rate, if any; what waits there must fit into the socket that sends it."""
        switch.rates.pop(port, None)
        if rate_bps:
            switch.rates[port] = rate_bps
            ip([f"link set {switch.port_name(port)} txqueuelen {queue_frames(rate_bps)}"])

    def _trunk_rate(self, platform: str, port: int) -> int | None:
        trunks = self.document.platforms[platform].trunks.values()
        return next((trunk.rate for trunk in trunks if trunk.port == port), None)

    def _shape_card(self, name: str) -> None:
        rate = self._plugged[name].rate
        if rate:
            shape_card(CARD, rate, self.net[name].pid)


def _patch(one: str, other: str) -> Iterator[str]:
    yield f"link add name {one} type veth peer name {other}"
    yield from _bring_up(one)
    yield from _bring_up(other)


def _bring_up(interface: str) -> Iterator[str]:
    """Up, and silent: without an IPv6 address of its own it sends nothing."""
    yield f"link set {interface} addrgenmode none"
    yield f"link set {interface} up"
