"""A fabric of two platforms with two parallel links, and a watch on which link carries which flow."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import _bench  # noqa: F401  (the lab's modules on the path)
from endpoints import open_wide

Flow = tuple[int, int, int]
"""IP protocol, source port, destination port."""
_ALL = 0x0003
_TO = 4
"""The packet type of what this machine sends out of an interface (packet(7), PACKET_OUTGOING)."""
LINKS = (21, 22)
"""The trunk ports of both platforms."""


def pair_text() -> str:
    """Two platforms of two servers each, joined twice; no rates, so that nothing is shaped."""
    lines = ["segments:", "  lan: {subnet: 10.8.0.0/24}", "platforms:"]
    for platform in (1, 2):
        lines += [f"  chassis{platform}:", f"    dpid: {0x8000 + platform}", "    servers:"]
        for port in (1, 2):
            number = 2 * (platform - 1) + port
            mac, ip = f"02:08:00:00:00:{number:02x}", f"10.8.0.{number}"
            lines.append(f"      s{number}: {{port: {port}, segment: lan, mac: '{mac}', ip: {ip}}}")
        trunks = ", ".join(f"t{port}: {{port: {port}}}" for port in LINKS)
        lines.append(f"    trunks: {{{trunks}}}")
    ends = [f"  - [chassis1.t{port}, chassis2.t{port}]" for port in LINKS]
    return "\n".join([*lines, "links:", *ends]) + "\n"


class Watch:
    """What leaves by some interfaces: the flows of each."""

    def __init__(self, interfaces: list[str]) -> None:
        self.flows: list[set[Flow]] = [set() for _ in interfaces]
        self._sockets = [open_wide(_capture(name)) for name in interfaces]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._ended.is_set():
            ready, _, _ = select.select(self._sockets, [], [], 0.05)
            for opened in ready:
                self._read(opened, self.flows[self._sockets.index(opened)])

    def _read(self, opened: socket.socket, flows: set[Flow]) -> None:
        for _ in range(256):
            try:
                frame, address = opened.recvfrom(128)
            except BlockingIOError:
                return
            flow = flow_of(frame)
            if flow and address[2] == _TO:
                flows.add(flow)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        for opened in self._sockets:
            opened.close()


def _capture(interface: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
    opened.bind((interface, _ALL))
    return opened


def flow_of(frame: bytes) -> Flow | None:
    """The flow of an IPv4 frame of TCP or UDP, with or without a tag; None for all else."""
    at = 12
    while frame[at : at + 2] == b"\x81\x00":
        at += 4
    header = frame[at + 2 :]
    if frame[at : at + 2] != b"\x08\x00" or len(header) < 24 or header[9] not in (6, 17):
        return None
    source, target = struct.unpack_from("!HH", header, 4 * (header[0] & 15))
    return (header[9], source, target)


@contextmanager
def watched(interfaces: list[str]) -> Iterator[Watch]:
    """Watch interfaces for as long as the body runs."""
    with Watch(interfaces) as watch:
        yield watch
