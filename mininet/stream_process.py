"""The process behind `stream.Stream`: sends one datagram for every sender each interval, and notes what arrives.

It reads its orders as one line of JSON, says ``running`` once something has arrived on every flow, goes on until its
standard input ends, and writes what it saw as a NumPy archive. All times are seconds of the monotonic clock, which all
processes of a machine share.

Deadlines are absolute. Those that the process slept through are passed over, never made up for in a burst, so that its
own lateness costs no datagram; each such stall is noted.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import math
import os
import select
import socket
import struct
import sys
import time
from array import array
from typing import Any

import numpy as np
from endpoints import open_wide
from namespaces import entered

LATE_S = 0.003
"""A turn that starts so much after its time is a stall."""
_LISTEN_ON_S = 3.0
"""How long nothing must arrive for what is still missing to be lost."""
_NOTHING_S = 5.0
"""How long it waits for something to arrive on every flow."""
_NICENESS = -15
_TIMESTAMPS, _MEMORY = 35, 55
"""SO_TIMESTAMPNS and SO_MEMINFO (asm-generic/socket.h), which Python does not name."""
_DROPS = 8
"""Place of the drops in SO_MEMINFO (linux/sock_diag.h)."""
_MESSAGE = struct.Struct("!8sI")
_STAMP = struct.Struct("qq")
_CARD = "eth0"


class Sender:
    """One server that sends: a datagram each turn, numbered from 0."""

    def __init__(self, order: dict[str, Any], token: bytes) -> None:
        self.token, self.to = token, (order["to"], order["port"])
        self.sent_at, self.unsent_at = array("d"), array("d")
        with entered(order["pid"]):
            self.socket = _datagram_socket(order)
            self.socket.bind((order["address"], 0))
            if order["flooded"] and self.socket.family == socket.AF_INET6:
                card = struct.pack("@I", socket.if_nametoindex(_CARD))
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, card)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)

    def send(self) -> None:
        """Send the next; where the server's own kernel refuses, it does not count as sent."""
        message, now = _MESSAGE.pack(self.token, len(self.sent_at)), time.monotonic()
        try:
            self.socket.sendto(message, self.to)
        except OSError:
            self.unsent_at.append(now)
        else:
            self.sent_at.append(now)


class Receiver:
    """One server that listens to one sender."""

    def __init__(self, order: dict[str, Any], token: bytes) -> None:
        self.token, self.sender = token, int(order["sender"])
        self.numbers, self.arrived_at = array("I"), array("d")
        with entered(order["pid"]):
            self.socket = _datagram_socket(order)
            self.socket.bind(("", order["port"]))
        self.socket.setsockopt(socket.SOL_SOCKET, _TIMESTAMPS, 1)

    def read(self) -> None:
        """Take in what has arrived; the kernel has noted when."""
        to_monotonic = time.monotonic() - time.time()
        with contextlib.suppress(BlockingIOError):
            while True:
                data, ancillary, _flags, _sender = self.socket.recvmsg(64, 64)
                if len(data) == _MESSAGE.size and data.startswith(self.token):
                    seconds, nanoseconds = _STAMP.unpack(ancillary[0][2])
                    self.numbers.append(_MESSAGE.unpack(data)[1])
                    self.arrived_at.append(seconds + nanoseconds * 1e-9 + to_monotonic)

    @property
    def overflown(self) -> int:
        """Datagrams that arrived and found no room."""
        return int(struct.unpack("9I", self.socket.getsockopt(socket.SOL_SOCKET, _MEMORY, 36))[_DROPS])


def _datagram_socket(order: dict[str, Any]) -> socket.socket:
    family = socket.AF_INET6 if order["version"] == 6 else socket.AF_INET
    return open_wide(socket.socket(family, socket.SOCK_DGRAM))


class Pacer:
    """One turn after the other, each at its time."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s, self._next = interval_s, time.monotonic()
        self.stalls = array("d")
        """When each stall began and how long it was, in turns of two."""

    @property
    def spare_s(self) -> float:
        """Time until the next turn; negative when it is late."""
        return self._next - time.monotonic()

    def wait(self) -> None:
        """Return when the next turn is due."""
        spare = self.spare_s
        if spare > 0:
            time.sleep(spare)
        elif -spare > LATE_S:
            self.stalls.extend((self._next, -spare))
            self._next -= spare
        self._next += self._interval_s


class Process:
    """All senders and receivers of one stream."""

    def __init__(self, orders: dict[str, Any]) -> None:
        token = bytes.fromhex(orders["token"])
        self.senders = [Sender(order, token) for order in orders["senders"]]
        self.receivers = [Receiver(order, token) for order in orders["receivers"]]
        self.pacer = Pacer(orders["interval_s"])

    def run(self) -> None:
        """Send and listen until standard input ends."""
        orders = select.poll()
        orders.register(sys.stdin, select.POLLIN | select.POLLHUP)
        deadline, running, turn = time.monotonic() + _NOTHING_S, False, 0
        while not (turn % 10 == 0 and orders.poll(0)):
            self._turn(turn)
            turn += 1
            if not running:
                running = self._announce(deadline)
        self._listen_on()

    def _turn(self, turn: int) -> None:
        self.pacer.wait()
        for sender in self.senders:
            sender.send()
        if self.receivers and self.pacer.spare_s > 0:
            self.receivers[turn % len(self.receivers)].read()

    def _announce(self, deadline: float) -> bool:
        running = all(receiver.numbers for receiver in self.receivers)
        if running or time.monotonic() > deadline:
            silent = [at for at, receiver in enumerate(self.receivers) if not receiver.numbers]
            print(f"silent {json.dumps(silent)}" if silent else "running", flush=True)
            return True
        return False

    def _listen_on(self) -> None:
        """A busy machine delivers late: end when all has come, or nothing for so long that nothing more will."""
        heard, quiet_at = -1, math.inf
        while self._awaits() and time.monotonic() < quiet_at:
            for receiver in self.receivers:
                receiver.read()
            so_far = sum(len(receiver.numbers) for receiver in self.receivers)
            if so_far != heard:
                heard, quiet_at = so_far, time.monotonic() + _LISTEN_ON_S
            time.sleep(0.01)

    def _awaits(self) -> bool:
        return any(len(r.numbers) < len(self.senders[r.sender].sent_at) for r in self.receivers)

    def seen(self) -> dict[str, Any]:
        """What was sent and what arrived, as arrays by name."""
        found: dict[str, Any] = {"stalls": np.array(self.pacer.stalls).reshape(-1, 2)}
        found["overflown"] = sum(receiver.overflown for receiver in self.receivers)
        for number, sender in enumerate(self.senders):
            found |= {f"sent{number}": np.array(sender.sent_at), f"unsent{number}": np.array(sender.unsent_at)}
        for number, receiver in enumerate(self.receivers):
            found |= {f"numbers{number}": np.array(receiver.numbers, dtype=np.int64)}
            found |= {f"arrived{number}": np.array(receiver.arrived_at)}
        return found


def main() -> None:
    """Read the orders, run, write what was seen."""
    process = Process(json.loads(sys.stdin.readline()))
    gc.disable()
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
    process.run()
    archive = io.BytesIO()
    np.savez(archive, **process.seen())
    sys.stdout.buffer.write(archive.getvalue())
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
