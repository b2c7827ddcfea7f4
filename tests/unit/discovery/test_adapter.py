"""`apps.discovery` between a real `Control` and cables that are queues."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from apps.discovery import Discovery
from controller.control import Control
from controller.discovery.frames import Refusal, build_probe
from controller.model.desired import Desired
from controller.model.document import parse_document
from controller.model.fabric import Fabric
from controller.model.topology import End, Port

KEY = bytes(32)
COUNTER = 1000
IN_TIME_S = 5.0
A, B, ALONE = ("left", 1), ("right", 1), ("left", 2)
DECLARED = """
segments: {web: {}}
platforms:
  left: {dpid: 1, servers: {web1: {port: 1, segment: web}}}
  right: {dpid: 2, servers: {web2: {port: 1, segment: web}}}
"""


@dataclass
class Cables:
    """Carries what is sent from port 1 to port 1, and confirms all."""

    control: Control
    frames: dict[End, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.control.takes_probes = lambda end: True  # type: ignore[method-assign]
        self.discovery = Discovery(self.control, KEY, COUNTER, self.send)

    def connect(self) -> None:
        for dpid, name in ((1, "left"), (2, "right")):
            ports = [Port(number, f"{name}{number}", dpid << 8 | number, up=True) for number in (1, 2)]
            self.control.switch_connected(dpid, name, ports)
            for port in ports:
                self.discovery.port(name, port)

    def send(self, platform: str, frames: list[tuple[int, bytes]], confirmed: Callable[[], None]) -> None:
        for port, frame in frames:
            end = (platform, port)
            self.frames[end] = frame
            if end in (A, B):
                self.discovery.heard(B if end == A else A, frame)
        confirmed()

    def run_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + IN_TIME_S
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            self.discovery.tick(time.monotonic())


@pytest.fixture
def cables() -> Cables:
    cables = Cables(Control(Fabric()))
    cables.connect()
    return cables


def test_a_cable_is_proved_and_a_port_without_one_is_silent(cables: Cables) -> None:
    wiring = cables.control.fabric.wiring
    cables.run_until(lambda: ALONE in wiring.silent and wiring.proved(A, B))
    assert wiring.silent.isdisjoint({A, B})


def test_a_replay_on_another_port_is_refused_and_counted(cables: Cables) -> None:
    wiring = cables.control.fabric.wiring
    cables.run_until(lambda: wiring.proved(A, B))
    cables.discovery.heard(ALONE, cables.frames[A])
    assert ALONE not in wiring.heard
    assert cables.discovery.refused[ALONE, Refusal.REPLAYED] == 1


def test_a_forged_frame_is_an_alarm_until_the_port_goes_down(cables: Cables) -> None:
    cables.discovery.heard(ALONE, build_probe(b"another key", 2, 2, COUNTER, 1))
    assert ALONE not in cables.control.fabric.wiring.heard
    (alarm,) = cables.control.alarms.standing()
    assert "left port 2" in alarm.message
    cables.discovery.port("left", Port(2, "left2", 2, up=False))
    assert cables.control.alarms.standing() == ()


def test_declared_server_ports_are_neither_probed_nor_heard() -> None:
    fabric = Fabric()
    fabric.set_desired(Desired(parse_document(DECLARED, "test")))
    cables = Cables(Control(fabric))
    cables.connect()
    cables.discovery.tick(time.monotonic())
    cables.discovery.heard(A, build_probe(KEY, 2, 1, COUNTER, 1))
    assert cables.frames == {}
    assert A not in fabric.wiring.heard
