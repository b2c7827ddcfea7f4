"""Fabrics of a thousand platforms without switches: documents, and the state of one whose links are all up."""

from __future__ import annotations

from collections import defaultdict

import _bench  # noqa: F401  (the project on the path)
from fabrics import Sketch, draw_fat_tree, draw_torus

from controller.control import Control
from controller.model.fabric import Fabric
from controller.model.spec import Document, SegmentSpec, ServerSpec
from controller.model.topology import Link, Port


def torus(side: int) -> Sketch:
    """`side` x `side` platforms, each joined to four."""
    return draw_torus(Sketch(), side)


def fat_tree(ports: int) -> Sketch:
    """Edge, aggregation and core of switches with so many ports."""
    return draw_fat_tree(Sketch(), ports)


def document_of(drawn: Sketch, servers: int = 0) -> Document:
    """With so many servers, one platform after the other."""
    names = list(drawn.platforms)
    declared = {f"s{n}": _server(n, names[n % len(names)]) for n in range(servers)}
    segments = {"lan": SegmentSpec()}
    return Document(segments=segments, platforms=drawn.platforms, servers=declared, links=drawn.links)


def _server(number: int, platform: str) -> ServerSpec:
    mac = f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"
    ip = f"10.0.{number >> 8}.{number & 255}"
    return ServerSpec(platform=platform, port=1000 + number, segment="lan", mac=mac, ip=(ip,))


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
