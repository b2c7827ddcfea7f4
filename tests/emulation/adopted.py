"""A controller without a document, Mininet's own topologies under it as `mn` builds them, and ears on their cables."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from controller_process import ControllerProcess
from fabric_api import ApiError, FabricApi
from mininet.net import Mininet
from mininet.node import OVSSwitch, RemoteController
from mininet.topo import Topo
from namespaces import entered

from tests.waiting import wait_until

DISCOVERY_TYPE, MARKER_TYPE = 0x88CC, 0x88B5
_BFD_PORTS = (3784, 3785)
_OUTGOING = 4
_ALL = 3
_MARKER = struct.Struct("!8sHI")


# The controller


class Adopting(ControllerProcess):
    """A controller without a document; what it is told it keeps in `state_dir`."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(None, state_dir)

    @property
    def api(self) -> FabricApi:
        return FabricApi(f"http://127.0.0.1:{self.api_port}")

    def get(self, path: str) -> Any:
        """The API's answer; None where there is none yet."""
        try:
            return self.api.get(path)
        except ApiError:
            return None

    def wait_found(self, platforms: int, links: int, timeout_s: float = 30.0) -> Any:
        """Wait until so much is found and all is settled."""

        def settled() -> Any:
            fabric = self.get("/fabric")
            counts = fabric and (fabric["counts"]["platforms"], fabric["counts"]["links"])
            status = fabric and fabric["status"]
            return counts == (platforms, links) and status["converged"] and not status["absent"] and fabric

        return wait_until(settled, timeout_s, f"{platforms} platforms and {links} links are not found and settled")


@contextlib.contextmanager
def adopting(start: bool = True) -> Iterator[Adopting]:
    with tempfile.TemporaryDirectory(prefix="backplane-adopt-") as folder:
        controller = Adopting(Path(folder))
        try:
            if start:
                controller.start()
            yield controller
        finally:
            controller.stop()


# Mininet's own topologies


@contextlib.contextmanager
def mininet(topo: Topo, controller: Adopting, quiet: bool = False) -> Iterator[Mininet]:
    """Hosts and cables as `mn` makes them; no bridge runs yet. `quiet`: no interface sends for IPv6 by itself."""
    remote = partial(RemoteController, ip="127.0.0.1", port=controller.openflow_port)
    switch = partial(OVSSwitch, datapath="user")
    net = Mininet(topo=topo, switch=switch, controller=remote, build=False)
    try:
        with _ipv6_off() if quiet else contextlib.nullcontext():
            net.build()
        if quiet:
            for host in net.hosts:
                host.cmd("sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
        yield net
    finally:
        with contextlib.suppress(Exception):
            net.stop()
        _remove(topo.switches())


@contextlib.contextmanager
def _ipv6_off() -> Iterator[None]:
    """Interfaces that are made meanwhile have no IPv6 (other namespaces have a setting of their own)."""
    setting = Path("/proc/sys/net/ipv6/conf/default/disable_ipv6")
    before = setting.read_text()
    setting.write_text("1")
    try:
        yield
    finally:
        setting.write_text(before)


def _remove(bridges: Iterable[str]) -> None:
    """What a failure may have left, by name."""
    for bridge in bridges:
        subprocess.run(["ovs-vsctl", "--if-exists", "del-br", bridge], check=False)
        for _index, name in socket.if_nameindex():
            if name.startswith(f"{bridge}-eth"):
                subprocess.run(["ip", "link", "del", name], check=False, capture_output=True)


def start_bridges(net: Mininet, but: tuple[str, ...] = ()) -> None:
    for switch in net.switches:
        if switch.name not in but:
            switch.start(net.controllers)


def trunk_interfaces(net: Mininet) -> list[tuple[str, str]]:
    """Both ends of each cable between two bridges."""
    switches = set(net.switches)
    links = [link for link in net.links if {link.intf1.node, link.intf2.node} <= switches]
    return [(link.intf1.name, link.intf2.name) for link in links]


# Ears and mouths


@dataclass(frozen=True)
class Caught:
    """A frame that left by an interface."""

    at: float
    interface: str
    frame: bytes

    @property
    def eth_types(self) -> tuple[int, ...]:
        """The types in the frame, tags first."""
        found, place = [], 12
        while True:
            found.append(int.from_bytes(self.frame[place : place + 2], "big"))
            if found[-1] != 0x8100:
                return tuple(found)
            place += 4

    @property
    def labels(self) -> bytes:
        """The tags in the frame, as they stand."""
        return self.frame[12 : 8 + 4 * len(self.eth_types)]

    @property
    def ours(self) -> bool:
        """Whether it is discovery or BFD."""
        return self.eth_types == (DISCOVERY_TYPE,) or self._is_bfd

    @property
    def _is_bfd(self) -> bool:
        ip = self.frame[14:]
        udp = self.eth_types == (0x0800,) and ip[9] == 17
        return udp and int.from_bytes(ip[(ip[0] & 15) * 4 + 2 :][:2], "big") in _BFD_PORTS


class Ears:
    """Hears all that leaves by interfaces, in a thread of its own; tags are in the frames."""

    def __init__(self, interfaces: Iterable[str]) -> None:
        self.caught: list[Caught] = []
        self._sockets = {}
        for name in interfaces:
            ear = packet_socket(name)
            self._sockets[ear.fileno()] = (name, ear)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Ears:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        for _name, ear in self._sockets.values():
            ear.close()

    def _listen(self) -> None:
        poll = select.epoll()
        for number in self._sockets:
            poll.register(number, select.EPOLLIN)
        with poll:
            while not self._end.is_set():
                for number, _event in poll.poll(0.05):
                    self._read(*self._sockets[number])

    def _read(self, name: str, ear: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, sender = ear.recvfrom(2048)
                if sender[2] == _OUTGOING:
                    self.caught.append(Caught(time.monotonic(), name, frame))


def packet_socket(interface: str) -> socket.socket:
    ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # with a protocol it would hear all interfaces till bound
    ear.bind((interface, _ALL))
    ear.setblocking(False)
    ear.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)  # SO_RCVBUFFORCE
    return ear


def busiest_second(caught: Iterable[Caught], cables: list[tuple[str, str]]) -> tuple[int, str]:
    """The most frames that went over one cable, both ways together, in any one second, and over which cable."""
    found = (0, "")
    frames = list(caught)
    for cable in cables:
        times = sorted(frame.at for frame in frames if frame.interface in cable)
        start = 0
        for at, time_s in enumerate(times):
            while times[start] <= time_s - 1.0:
                start += 1
            found = max(found, (at - start + 1, "--".join(cable)))
    return found


class Criers:
    """Every host sends numbered broadcasts at a steady pace, and counts those that it hears."""

    def __init__(self, hosts: list[Any], every_s: float = 0.1) -> None:
        self.heard: Counter[tuple[int, int, int]] = Counter()
        """How often a host (first) heard which broadcast (sender, number)."""
        self.sent: dict[tuple[int, int], float] = {}
        self._every_s, self._run = every_s, time.time_ns().to_bytes(8, "big")
        self._hosts = hosts
        self._sockets = []
        for host in hosts:
            with entered(host.pid):
                self._sockets.append(packet_socket(host.defaultIntf().name))
        self._macs = [bytes.fromhex(host.MAC().replace(":", "")) for host in hosts]
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._go, daemon=True)

    def __enter__(self) -> Criers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        for opened in self._sockets:
            opened.close()

    def _go(self) -> None:
        poll = select.epoll()
        number, places = 0, {opened.fileno(): at for at, opened in enumerate(self._sockets)}
        for place in places:
            poll.register(place, select.EPOLLIN)
        following = time.monotonic()
        with poll:
            while not self._end.is_set():
                if time.monotonic() >= following:
                    self._cry(number)
                    number, following = number + 1, following + self._every_s
                for descriptor, _event in poll.poll(max(0.0, min(self._every_s, following - time.monotonic()))):
                    self._hear(places[descriptor])

    def _cry(self, number: int) -> None:
        for at, opened in enumerate(self._sockets):
            payload = _MARKER.pack(self._run, at, number).ljust(46, b"\0")
            self.sent[at, number] = time.monotonic()
            opened.send(b"\xff" * 6 + self._macs[at] + MARKER_TYPE.to_bytes(2, "big") + payload)

    def _hear(self, at: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, sender = self._sockets[at].recvfrom(2048)
                if sender[2] != _OUTGOING and (cry := self.cry_in(frame)):
                    self.heard[(at, *cry)] += 1

    def cry_in(self, frame: bytes) -> tuple[int, int] | None:
        """The sender and the number of a broadcast of this run, tagged or not."""
        place = frame.find(self._run)
        if place < 0:
            return None
        _run, sender, number = _MARKER.unpack_from(frame, place)
        return (sender, number)

    def all_heard_since(self, since: float, until: float) -> list[tuple[int, int, int]]:
        """What should have been heard and was not: host, sender, number."""
        numbers = [cry for cry, at in self.sent.items() if since <= at <= until]
        hosts = range(len(self._hosts))
        return [(at, *cry) for cry in numbers for at in hosts if at != cry[0] and not self.heard[(at, *cry)]]
