"""Cards of servers and ends of trunks, by hand: frames go out as they are, and are seen as they come, tags included."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import count

from addressing import CARD, mac_of
from lab import Lab
from namespaces import entered

from tests.emulation.frames_made import BROADCAST, plain
from tests.waiting import wait_until

_SOL_PACKET, _PACKET_AUXDATA, _SO_RCVBUFFORCE = 263, 8, 33
_ALL_PROTOCOLS, _OUTGOING = 3, 4
_BUFFER_BYTES = 32 << 20
_AUXDATA = struct.Struct("=IIIHHHH")
_TAG_VALID, _TAG_TYPE_VALID = 1 << 4, 1 << 6
_LONGEST = 65536
_ARRIVES_S, _ENDS_S = 10.0, 60.0
_PORTION = 128
"""Frames that the socket of a switch's port surely holds."""
_tokens = count(1)


def token() -> bytes:
    """Six bytes that no other frame has."""
    return b"\xbe\xac" + next(_tokens).to_bytes(4, "big")


class Card:
    """One interface: in a server's namespace (`pid` is a process there), or on this machine (None)."""

    def __init__(self, interface: str, pid: int | None = None) -> None:
        with entered(pid) if pid else contextlib.nullcontext():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        self._socket.bind((interface, 0))
        self.seen: list[bytes] = []

    def close(self) -> None:
        """Let go of the interface."""
        self._socket.close()

    def send(self, *frames: bytes) -> None:
        """Send frames, whatever they are."""
        for frame in frames:
            self._socket.send(frame)

    def look(self) -> list[bytes]:
        """All frames that have come in, each as it was on the wire."""
        with contextlib.suppress(BlockingIOError):
            while True:
                data, ancillary, _flags, sender = self._socket.recvmsg(_LONGEST, 256, socket.MSG_DONTWAIT)
                if sender[2] != _OUTGOING:
                    self.seen.append(_with_tag(data, ancillary))
        return self.seen

    def having(self, mark: bytes) -> list[bytes]:
        """Those that hold some bytes."""
        return [frame for frame in self.look() if mark in frame]


def _with_tag(data: bytes, ancillary: Iterable[tuple[int, int, bytes]]) -> bytes:
    """The kernel takes the outer tag off, and tells of it aside."""
    for _level, _kind, told in ancillary:
        status, _len, _snap, _mac, _net, tci, tpid = _AUXDATA.unpack(told[: _AUXDATA.size])
        if status & _TAG_VALID:
            outer = tpid if status & _TAG_TYPE_VALID else 0x8100
            return data[:12] + struct.pack("!HH", outer, tci) + data[12:]
    return data


class Wires:
    """The cards of all servers of a lab, and the ends of all its links, where what comes in is seen."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.servers = {name: Card(CARD, lab.host(name).pid) for name in lab.document.servers}
        self.trunks: dict[str, Card] = {}
        """By interface; a frame comes in at one of a link's two."""
        for link in lab.document.links:
            cable = lab.wiring.cables[link]
            self.trunks |= {name: Card(name) for name in (cable.intf1.name, cable.intf2.name)}

    def close(self) -> None:
        """Let go of all."""
        for card in (*self.servers.values(), *self.trunks.values()):
            card.close()

    def mac(self, server: str) -> str:
        """The MAC of a server's card."""
        return mac_of(self.lab.document, server)

    def others(self, server: str) -> list[str]:
        """The other servers of its segment."""
        servers = self.lab.document.servers
        return [name for name, spec in servers.items() if spec.segment == servers[server].segment and name != server]

    def settle(self, *silent: str) -> None:
        """Wait until everything that was sent before has come to where it goes.

        A port's frames keep their order: a broadcast of each server, sent now, comes behind them. Those that are
        `silent` send none, since it might be dropped: what they sent must have been taken in already (`pour`).
        """
        fences = {name: token() for name in self.servers if name not in silent}
        for name, mark in fences.items():
            self.servers[name].send(plain(self.mac(name), BROADCAST, mark))
        for name, mark in fences.items():
            for other in self.others(name):
                self._wait_for(mark, name, other)

    def copies(self, sender: str, mark: bytes, *frames: bytes) -> Counter[str]:
        """Send frames of one mark; how many of them each server then has got."""
        self.servers[sender].send(*frames)
        self.settle()
        return self.got(mark)

    def pour(self, sender: str, frames: Iterable[bytes]) -> None:
        """Send many frames, no faster than its switch takes them in: none is lost before the switch has seen it."""
        pending = list(frames)
        for at in range(0, len(pending), _PORTION):
            self.servers[sender].send(*pending[at : at + _PORTION])
            self.wait_taken(sender)

    def wait_taken(self, sender: str) -> None:
        """Wait until the sender's switch has taken in all that it sent: what comes last arrives at another server."""
        other, mark = self.others(sender)[0], token()
        self.servers[sender].send(plain(self.mac(sender), self.mac(other), mark))
        self._wait_for(mark, sender, other)

    def _wait_for(self, mark: bytes, sender: str, receiver: str) -> None:
        arrived = self.servers[receiver].having
        wait_until(lambda: arrived(mark), _ARRIVES_S, f"a frame of {sender} did not come to {receiver}")

    def got(self, mark: bytes) -> Counter[str]:
        """How many frames of this mark each server has got."""
        return Counter({name: found for name, card in self.servers.items() if (found := len(card.having(mark)))})

    def on_trunks(self, mark: bytes) -> Counter[str]:
        """How many frames of this mark came in at each end of a link."""
        return Counter({name: found for name, card in self.trunks.items() if (found := len(card.having(mark)))})


class Ping:
    """A ping every 5 ms from one server to an address."""

    def __init__(self, lab: Lab, source: str, target: str, packets: int) -> None:
        command = ["ping", "-q", "-i", "0.005", "-W", "2", "-c", str(packets), target]
        self._process = lab.host(source).popen(command, stdout=subprocess.PIPE, text=True)

    def running(self) -> bool:
        """Whether it goes on."""
        return self._process.poll() is None

    def lost(self) -> int:
        """How many were lost, when it is over."""
        out, _ = self._process.communicate(timeout=_ENDS_S)
        found = re.search(r"(\d+) packets transmitted, (\d+) received", out)
        assert found, f"ping says: {out}"
        return int(found[1]) - int(found[2])


@contextlib.contextmanager
def wired(lab: Lab) -> Iterator[Wires]:
    """The wires of a lab, let go of at the end."""
    with ExitStack() as undo:
        wires = Wires(lab)
        undo.callback(wires.close)
        yield wires
