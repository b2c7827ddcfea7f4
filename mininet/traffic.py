"""Traffic that goes on while a body runs: UDP at a rate, TCP by iperf3; `received` tells what of it arrives."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from namespaces import listens
from received import Recorder, received_bytes

if TYPE_CHECKING:
    from lab import Lab

FIRST_PORT = 5300
"""The first load goes to this port, the next to the next."""
_UDP_PROCESS = Path(__file__).with_name("blaster.py")
_DATAGRAM_BYTES = 1400
_FOREVER_S = 3600
_STARTED_BYTES = 20_000
_START_S = 10.0
_LISTEN_S = 5.0
_POLL_S = 0.02


class MeasurementFailed(Exception):
    """Traffic did not start, or has no figure; the text gives the words of what makes it."""


@dataclass(frozen=True)
class Load:
    """What a server sends to another: UDP at a rate (bit/s of payload), or TCP as fast as it can (None).

    `tos`: what it writes into the IP header itself (DSCP and ECN). `address`: where to, other than the target's own.
    """

    source: str
    target: str
    udp_bps: int | None = None
    tos: int = 0
    address: str | None = None

    @property
    def protocol(self) -> Literal["UDP", "TCP"]:
        """What it is carried by."""
        return "TCP" if self.udp_bps is None else "UDP"

    def __str__(self) -> str:
        return f"{self.protocol} from {self.source} to {self.target}"


class Traffic:
    """Loads that run while the body does, started one after the other, each when the one before arrives.

    Put TCP first: behind an overload it would not start. Raises `MeasurementFailed`.
    """

    def __init__(self, lab: Lab, loads: Sequence[Load]) -> None:
        self._lab, self._loads = lab, loads
        self._senders: dict[Load, subprocess.Popen[bytes]] = {}
        self._undo = ExitStack()

    def __enter__(self) -> Traffic:
        try:
            for number, load in enumerate(self._loads):
                self._start(load, FIRST_PORT + number)
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def go_on(self, seconds: float) -> None:
        """Let it run for so long; raises `MeasurementFailed` when a load has ended."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _POLL_S))
            for load, sender in self._senders.items():
                if sender.poll() is not None:
                    raise MeasurementFailed(f"{load} has ended: {_said(sender)}")

    def rates_bps(self, seconds: float, settle_s: float = 1.0) -> dict[str, float]:
        """What each target receives over some time, layer-2 bit/s; before it, so long for all to come to rest."""
        targets = {load.target for load in self._loads}
        self.go_on(settle_s)
        with Recorder(self._lab, targets, seconds) as recorder:
            self.go_on(seconds)
        return recorder.mean_bps(recorder.began, recorder.ended)

    def _start(self, load: Load, port: int) -> None:
        before, deadline = received_bytes(self._lab, load.target), time.monotonic() + _START_S
        sender = self._senders[load] = self._send(load, port)
        while received_bytes(self._lab, load.target) < before + _STARTED_BYTES:
            if sender.poll() is not None or time.monotonic() > deadline:
                raise MeasurementFailed(f"{load}: {_said(sender) or f'nothing arrives within {_START_S:g} s'}")
            time.sleep(_POLL_S)

    def _send(self, load: Load, port: int) -> subprocess.Popen[bytes]:
        address = load.address or str(self._lab.document.servers[load.target].ip[0])
        if load.udp_bps is not None:
            figures = (port, load.udp_bps, _DATAGRAM_BYTES, load.tos)
            return self._run(load.source, sys.executable, "-I", str(_UDP_PROCESS), address, *map(str, figures))
        self._run(load.target, "iperf3", "-s", "-4", "-p", str(port))
        wait_listening(self._lab, load.target, port)
        words = ("-c", address, "-p", str(port), "-t", str(_FOREVER_S), "-S", str(load.tos))
        return self._run(load.source, "iperf3", *words)

    def _run(self, server: str, *words: str) -> subprocess.Popen[bytes]:
        started: subprocess.Popen[bytes] = self._lab.host(server).popen(list(words))
        self._undo.callback(_end, started)
        return started


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def _said(process: subprocess.Popen[bytes]) -> str:
    process.kill()
    output, errors = process.communicate()
    return (errors or output).decode().strip()


def wait_listening(lab: Lab, server: str, port: int) -> None:
    """Wait until something on a server accepts TCP connections on a port; raises `MeasurementFailed`."""
    deadline = time.monotonic() + _LISTEN_S
    while not listens(lab.host(server).pid, port):
        if time.monotonic() > deadline:
            raise MeasurementFailed(f"iperf3 does not listen on {server} after {_LISTEN_S:g} s")
        time.sleep(0.01)
