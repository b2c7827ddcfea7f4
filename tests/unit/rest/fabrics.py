"""Small fabrics without switches: what is wanted by a document, what is seen by hand; and how they are shown."""

from __future__ import annotations

from controller.control import Control
from controller.learning import Heard
from controller.model.document import parse_document
from controller.model.fabric import Fabric
from controller.model.topology import End, Port
from controller.rules.rules import Installed
from controller.rules.tables import Reason
from controller.views.kinds import KINDS, AnyResource
from controller.views.reading import Reading

BY_NAME = {kind.name: kind for kind in KINDS}
DOCUMENT = """
fabric: lab
segments:
  web:  {subnet: 10.1.0.0/24}
  data: {subnet: 10.2.0.0/24}
platforms:
  chassis1:
    dpid: 1
    servers:
      web1: {port: 1, segment: web, ip: 10.1.0.11, mac: "02:00:00:00:01:01", rate: 10 Gbit/s}
      db1:  {port: 2, segment: data, ip: 10.2.0.11}
    trunks:
      east-a: {port: 20, rate: 10 Gbit/s}
      east-b: {port: 21, rate: 10 Gbit/s}
      north:  {port: 22}
      spur:   {port: 23}
  chassis2:
    dpid: 2
    servers:
      web2: {port: 1, segment: web, ip: 10.1.0.12, mac: "02:00:00:00:02:01"}
    trunks:
      west-a: {port: 20, rate: 1 Gbit/s}
      west-b: {port: 21}
      north:  {port: 22}
  chassis3:
    dpid: 3
    uplinks:
      isp1: {port: 10, segment: web, rate: 1 Gbit/s}
    trunks:
      left:  {port: 20}
      right: {port: 21}
  remote:
    dpid: 4
    servers:
      web3: {port: 1, segment: web, ip: 10.1.0.13, mac: "02:00:00:00:04:01"}
    trunks:
      home: {port: 20}
links:
  - [chassis1.east-a, chassis2.west-a]
  - [chassis1.east-b, chassis2.west-b]
  - [chassis1.north, chassis3.left]
  - [chassis2.north, chassis3.right]
  - [chassis1.spur, remote.home]
reservations:
  copy: {from: web1, to: web2, rate: 200 Mbit/s, floor: 50 Mbit/s, match: {tcp_dst: 873}}
"""
EAST_A = "chassis1.east-a--chassis2.west-a"
EAST_B = "chassis1.east-b--chassis2.west-b"
SPUR = "chassis1.spur--remote.home"
PORTS = {"chassis1": (1, 2, 20, 21, 22, 23), "chassis2": (1, 20, 21, 22), "chassis3": (10, 20, 21), "remote": (1, 20)}
WIRES = (
    (("chassis1", 20), ("chassis2", 20)),
    (("chassis1", 21), ("chassis2", 21)),
    (("chassis1", 22), ("chassis3", 20)),
    (("chassis2", 22), ("chassis3", 21)),
    (("chassis1", 23), ("remote", 20)),
)
DPIDS = {"chassis1": 1, "chassis2": 2, "chassis3": 3, "remote": 4}


def declared_fabric() -> Control:
    """The document alone: nothing is connected."""
    control = Control(Fabric())
    control.set_document(parse_document(DOCUMENT, "lab.yaml"))
    control.refresh()
    return control


def running_fabric() -> Control:
    """All connected, wired as declared, and every rule confirmed."""
    control = declared_fabric()
    for name in PORTS:
        connect(control, name)
    for one, other in WIRES:
        wire(control, one, other)
    settle(control)
    return control


def port(platform: str, number: int, up: bool = True) -> Port:
    return Port(number, f"{platform}-p{number}", 0x02_00_00_00_00_00 + number, up)


def connect(control: Control, name: str) -> None:
    """A switch says hello and is read: it holds nothing."""
    control.switch_connected(DPIDS[name], name, [port(name, number) for number in PORTS[name]])
    control.switch_read(name, Installed({}, {}, {}), 0.0)


def wire(control: Control, one: End, other: End) -> None:
    """Both ends hear each other."""
    for at, sender in ((one, other), (other, one)):
        control.probe_heard(at, control.fabric.platforms[sender[0]].dpid, sender[1])


def settle(control: Control) -> None:
    """Confirm steps until nothing is left to do."""
    for now in range(1000):
        for platform in control.next_step(float(now)):
            control.step_confirmed(platform, {}, float(now))
        if control.converged:
            return
    raise AssertionError("the rules do not come to rest")


def learning_fabric() -> Control:
    """No document: two bridges, one wire between them, one server heard."""
    control = Control(Fabric())
    for dpid, name in ((1, "s1"), (2, "s2")):
        control.switch_connected(dpid, name, [Port(n, f"{name}-eth{n}", n, True) for n in (1, 2)])
        control.switch_read(name, Installed({}, {}, {}), 0.0)
    wire(control, ("s1", 2), ("s2", 2))
    control.port_silent(("s1", 1))
    settle(control)
    fields = {"eth_src": 0x020000000101, "arp_spa": 0x0A000001}
    control.packet_heard(Heard(("s1", 1), Reason.LEARN_MAC, fields), 0.0)
    settle(control)
    return control


def view(control: Control, kind: str, name: str) -> AnyResource:
    """One resource, as the API shows it now."""
    return BY_NAME[kind].view(Reading(control), name)
