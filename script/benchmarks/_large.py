"""Fabrics of a thousand platforms without switches: documents, and the state of one whose links are all up."""

from __future__ import annotations

from collections import defaultdict

import _bench  # noqa: F401  (the project on the path)

from controller.control import Control
from controller.model.fabric import Fabric
from controller.model.spec import Document, LinkSpec, PlatformSpec, SegmentSpec, ServerSpec, TrunkSpec, link_name
from controller.model.topology import Link, Port


class Sketch:
    """Platforms and links as they are drawn; ports are given out in order."""

    def __init__(self) -> None:
        self.trunks: defaultdict[str, dict[str, TrunkSpec]] = defaultdict(dict)
        self.links: dict[str, LinkSpec] = {}

    def join(self, one: str, other: str) -> None:
        """A link between two platforms."""
        first, second = sorted((self._trunk(one), self._trunk(other)))
        self.links[link_name(first, second)] = LinkSpec(ends=(first, second))

    def _trunk(self, platform: str) -> str:
        number = len(self.trunks[platform]) + 1
        self.trunks[platform][f"t{number}"] = TrunkSpec(port=number)
        return f"{platform}.t{number}"

    def document(self, servers: int = 0) -> Document:
        """With so many servers, one platform after the other."""
        platforms = {name: PlatformSpec(dpid=at + 1, trunks=t) for at, (name, t) in enumerate(self.trunks.items())}
        names = list(platforms)
        declared = {f"s{n}": _server(n, names[n % len(names)]) for n in range(servers)}
        segments = {"lan": SegmentSpec()}
        return Document(segments=segments, platforms=platforms, servers=declared, links=self.links)


def _server(number: int, platform: str) -> ServerSpec:
    mac = f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"
    ip = f"10.0.{number >> 8}.{number & 255}"
    return ServerSpec(platform=platform, port=1000 + number, segment="lan", mac=mac, ip=(ip,))


def torus(side: int) -> Sketch:
    """`side` x `side` platforms, each joined to four."""
    drawn = Sketch()
    for row in range(side):
        for column in range(side):
            drawn.join(f"p{row}-{column}", f"p{row}-{(column + 1) % side}")
            drawn.join(f"p{row}-{column}", f"p{(row + 1) % side}-{column}")
    return drawn


def fat_tree(ports: int) -> Sketch:
    """Of switches with so many ports: `ports` pods of edge and aggregation, and the core (Al-Fares et al., 2008)."""
    half, drawn = ports // 2, Sketch()
    for pod in range(ports):
        for upper in range(half):
            for place in range(half):
                drawn.join(f"agg{pod}-{upper}", f"edge{pod}-{place}")
                drawn.join(f"agg{pod}-{upper}", f"core{upper}-{place}")
    return drawn


def wired(document: Document) -> Control:
    """A controller that has seen every port and proved every wire, with no rule computed yet."""
    fabric = Fabric()
    control = Control(fabric)
    control.set_document(document)
    for platform, spec in document.platforms.items():
        for trunk in spec.trunks.values():
            fabric.set_port(platform, port(trunk.port))
    for link in fabric.declared.links.values():
        hear(control, link)
    return control


def port(number: int, up: bool = True) -> Port:
    """A port as its switch reports it."""
    return Port(number, f"eth{number}", number, up)


def hear(control: Control, link: Link) -> None:
    """Both ends hear each other."""
    one, other = link.ends
    for at, sender in ((one, other), (other, one)):
        control.probe_heard(at, control.fabric.platforms[sender[0]].dpid, sender[1])


def forget_steps(control: Control) -> None:
    """Take everything as sent and confirmed."""
    for switch in control.reconciler.switches.values():
        switch.pending.clear()


def waiting(control: Control) -> dict[str, int]:
    """What is to be sent, by kind of rule."""
    counts: defaultdict[str, int] = defaultdict(int)
    for switch in control.reconciler.switches.values():
        for key in switch.pending:
            counts[key[0]] += 1
    return dict(counts)
