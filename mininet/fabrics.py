"""Fabrics of a shape, as documents: a ring, a mesh, parallel links, a fat-tree, a torus."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network
from itertools import combinations

from controller.model.document import dump_document
from controller.model.spec import Document, LinkSpec, PlatformSpec, SegmentSpec, ServerSpec, TrunkSpec, link_name

STORM = 10_000
"""A flooded stream of 1,000/s is not to meet the storm control."""
FIRST_TRUNK = 21
"""Servers have the ports 1, 2 …"""
_SUBNETS = ("10.7.0.0/16", "fd00:7::/64")


class Sketch:
    """Platforms and links as they are drawn; trunks get their ports in order, from `first_port` on."""

    def __init__(self, first_port: int = 1) -> None:
        self.trunks: defaultdict[str, dict[str, TrunkSpec]] = defaultdict(dict)
        self.links: dict[str, LinkSpec] = {}
        self._first_port = first_port

    def join(self, one: str, other: str) -> None:
        """A link between two platforms; one more each time."""
        first, second = sorted((self._trunk(one), self._trunk(other)))
        self.links[link_name(first, second)] = LinkSpec(ends=(first, second))

    def _trunk(self, platform: str) -> str:
        number = len(self.trunks[platform])
        self.trunks[platform][f"t{number + 1}"] = TrunkSpec(port=self._first_port + number)
        return f"{platform}.t{number + 1}"

    @property
    def platforms(self) -> dict[str, PlatformSpec]:
        """In the order in which they were drawn, which numbers them from 1."""
        return {name: PlatformSpec(dpid=at, trunks=t) for at, (name, t) in enumerate(self.trunks.items(), start=1)}


def draw_torus(drawn: Sketch, side: int) -> Sketch:
    """`side` x `side` platforms, each joined to four."""
    for row in range(side):
        for column in range(side):
            drawn.join(f"p{row}-{column}", f"p{row}-{(column + 1) % side}")
            drawn.join(f"p{row}-{column}", f"p{(row + 1) % side}-{column}")
    return drawn


def draw_fat_tree(drawn: Sketch, ports: int) -> Sketch:
    """Of switches with so many ports: `ports` pods of edge and aggregation, and the core (Al-Fares et al., 2008)."""
    half = ports // 2
    for pod in range(ports):
        for upper in range(half):
            for place in range(half):
                drawn.join(f"agg{pod}-{upper}", f"edge{pod}-{place}")
                drawn.join(f"agg{pod}-{upper}", f"core{upper}-{place}")
    return drawn


def ring(platforms: int = 4) -> str:
    """A ring with two servers on each platform."""
    return _joined("ring", [(at, at % platforms + 1) for at in range(1, platforms + 1)])


def mesh(platforms: int = 5) -> str:
    """Every platform joined to every other, two servers on each."""
    return _joined("mesh", list(combinations(range(1, platforms + 1), 2)))


def parallel(links: int = 2) -> str:
    """Two platforms joined by so many links, two servers on each."""
    return _joined("parallel", [(1, 2)] * links)


def fat_tree(ports: int = 4) -> str:
    """Edge, aggregation and core of switches with so many ports; one server on each edge switch."""
    drawn = draw_fat_tree(Sketch(FIRST_TRUNK), ports)
    edges = [name for name in drawn.trunks if name.startswith("edge")]
    return dump_document(with_servers(drawn, edges, "fat-tree"))


FABRICS: dict[str, Callable[[], str]] = {"ring": ring, "mesh": mesh, "parallel": parallel, "fat-tree": fat_tree}
"""Documents as text, by the name of their shape, in the sizes that they are measured in."""


def _joined(name: str, pairs: Sequence[tuple[int, int]]) -> str:
    drawn = Sketch(FIRST_TRUNK)
    for one, other in pairs:
        drawn.join(f"p{one}", f"p{other}")
    return dump_document(with_servers(drawn, [*drawn.trunks, *drawn.trunks], name))


def with_servers(drawn: Sketch, seats: Sequence[str], fabric: str) -> Document:
    """A server for each seat (a platform's name), all in one segment, with MAC, IPv4 and IPv6 address."""
    servers, used = {}, defaultdict[str, int](int)
    for number, platform in enumerate(seats, start=1):
        used[platform] += 1
        servers[f"s{number}"] = _server(number, platform, used[platform])
    segments = {"lan": SegmentSpec(subnet=tuple(map(ip_network, _SUBNETS)))}
    return Document(
        fabric=fabric, storm=STORM, segments=segments, platforms=drawn.platforms, servers=servers, links=drawn.links
    )


def _server(number: int, platform: str, port: int) -> ServerSpec:
    addresses = (ip_address(f"10.7.{number >> 8}.{number & 255}"), ip_address(f"fd00:7::{number:x}"))
    mac = f"02:07:00:00:{number >> 8:02x}:{number & 255:02x}"
    return ServerSpec(platform=platform, port=port, segment="lan", mac=mac, ip=addresses)
