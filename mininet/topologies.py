"""Topologies for Mininet's own `mn`, where Backplane works without a document.

    mn --custom mininet/topologies.py --topo ring,platforms=4,servers=2,trunks=2 \\
       --controller remote --switch ovs,protocols=OpenFlow13,datapath=user

A platform is `s1`, `s2` … with the dpid of its number; its servers are `h1s1`, `h2s1` … on ports 1, 2 …;
`trunks` parallel cables join two platforms, on the ports after the servers'.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

from mininet.topo import Topo


class FabricTopo(Topo):
    """Platforms with servers; a subclass says which platforms are joined."""

    def build(self, platforms: int = 1, servers: int = 4, trunks: int = 1, **_: Any) -> None:
        """`platforms`: how many; `servers`: on each; `trunks`: parallel cables between two joined platforms."""
        if platforms < 1 or servers < 0 or trunks < 1:
            raise ValueError(f"{type(self).__name__}: expected platforms >= 1, servers >= 0 and trunks >= 1")
        for number in range(1, platforms + 1):
            self.add_platform(number, servers)
        for one, other in self.joined(platforms):
            for _cable in range(trunks):
                self.addLink(f"s{one}", f"s{other}")

    def add_platform(self, number: int, servers: int) -> None:
        """One switch, with its servers on ports 1, 2 …"""
        switch = self.addSwitch(f"s{number}", dpid=f"{number:016x}")
        for port in range(1, servers + 1):
            self.addLink(self.addHost(f"h{port}s{number}"), switch, port2=port)

    def joined(self, _platforms: int) -> list[tuple[int, int]]:
        """The pairs of platforms that are joined, by number."""
        return []


class Platform(FabricTopo):
    """One platform: `--topo platform,servers=16`."""

    def build(self, servers: int = 16, **_: Any) -> None:
        """`servers`: how many."""
        super().build(1, servers)


class Chain(FabricTopo):
    """A daisy chain: `--topo chain,platforms=4,servers=4,trunks=1`."""

    def build(self, platforms: int = 4, servers: int = 4, trunks: int = 1, **_: Any) -> None:
        super().build(platforms, servers, trunks)

    def joined(self, platforms: int) -> list[tuple[int, int]]:
        return [(number, number + 1) for number in range(1, platforms)]


class Ring(Chain):
    """A chain whose ends are joined too: `--topo ring,platforms=4,servers=4,trunks=1`."""

    def joined(self, platforms: int) -> list[tuple[int, int]]:
        closing = [(platforms, 1)] if platforms > 2 else []
        return super().joined(platforms) + closing


class Star(FabricTopo):
    """Platforms around a central switch without servers, `s1`: `--topo star,platforms=4,servers=4,trunks=1`."""

    def build(self, platforms: int = 4, servers: int = 4, trunks: int = 1, **_: Any) -> None:
        """`platforms`: how many there are around the central one."""
        super().build(platforms + 1, servers, trunks)

    def add_platform(self, number: int, servers: int) -> None:
        super().add_platform(number, 0 if number == 1 else servers)

    def joined(self, platforms: int) -> list[tuple[int, int]]:
        return [(1, number) for number in range(2, platforms + 1)]


class Mesh(Chain):
    """Every platform joined to every other: `--topo mesh,platforms=4,servers=4,trunks=1`."""

    def joined(self, platforms: int) -> list[tuple[int, int]]:
        return list(combinations(range(1, platforms + 1), 2))


topos = {"platform": Platform, "chain": Chain, "ring": Ring, "star": Star, "mesh": Mesh}
