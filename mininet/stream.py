"""A steady stream of numbered datagrams between servers, one each millisecond: what a change costs is what it lacks.

    with Stream(lab, [Flow("web1", "web5"), Flow("web1", "web5", version=6)]) as stream:
        lab.kill_controller()
        stream.go_on(2)
    assert not stream.result.lost, stream.result

One process (`stream_process`) holds the sockets of all servers; the servers' own kernels find their neighbours.
"""

from __future__ import annotations

import io
import json
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from addressing import interfaces_of
from commands import run
from stream_result import Flow, FlowResult, Stall, StreamResult

if TYPE_CHECKING:
    from lab import Lab

__all__ = ["Flow", "FlowResult", "Stall", "Stream", "StreamFailed", "StreamResult"]

_PROCESS = Path(__file__).with_name("stream_process.py")
_ALL_NODES = "ff02::1"
_STOP_S = 30.0
_POLL_S = 0.05


class StreamFailed(Exception):
    """The stream did not come up, or ended too early; the text says which flow."""


class Stream:
    """Datagrams on every flow, one each `interval_s`, while the body runs; then `result` tells what became of them.

    Flooded flows of one server share its datagrams. Entering waits until something has arrived on every flow and
    raises `StreamFailed` when nothing does.
    """

    def __init__(self, lab: Lab, flows: Sequence[Flow], interval_s: float = 0.001) -> None:
        self.flows, self._lab = tuple(flows), lab
        self._overruns: dict[str, int] = {}
        self._orders = _orders(lab, self.flows, interval_s)
        self._process: subprocess.Popen[bytes] | None = None
        self._result: StreamResult | None = None

    def __enter__(self) -> Stream:
        command = [sys.executable, str(_PROCESS)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            self._write(json.dumps(self._orders).encode() + b"\n")
            self._await_running()
            self._overruns = overruns(self._lab.names.prefix)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._result = self._collect()
        finally:
            self._end()

    @property
    def result(self) -> StreamResult:
        """What became of it; once the stream has ended."""
        if self._result is None:
            raise StreamFailed("the stream has not ended yet")
        return self._result

    @property
    def token(self) -> bytes:
        """What every datagram of this stream begins with."""
        return bytes.fromhex(self._orders["token"])

    @property
    def ports(self) -> dict[Flow, int]:
        """The UDP port that the datagrams of each flow go to: no two senders have the same."""
        return {flow: order["port"] for flow, order in zip(self.flows, self._orders["receivers"], strict=True)}

    def go_on(self, seconds: float) -> None:
        """Let it run for so long; raises `StreamFailed` when it does not."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._running().poll() is not None:
                raise StreamFailed("the stream's process has ended")
            time.sleep(min(left, _POLL_S))

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise StreamFailed("the stream has not started")
        return self._process

    def _write(self, data: bytes) -> None:
        pipe = self._running().stdin
        assert pipe is not None
        pipe.write(data)
        pipe.flush()

    def _await_running(self) -> None:
        pipe = self._running().stdout
        assert pipe is not None
        word, _, silent = pipe.readline().decode().strip().partition(" ")
        if word == "silent":
            names = ", ".join(str(self.flows[at]) for at in json.loads(silent))
            raise StreamFailed(f"nothing arrives on {names}")
        if word != "running":
            raise StreamFailed("the stream's process has ended")

    def _collect(self) -> StreamResult:
        output, _ = self._running().communicate(timeout=_STOP_S)
        try:
            seen = dict(np.load(io.BytesIO(output)))
        except (ValueError, EOFError) as problem:
            raise StreamFailed(f"the stream's process gave no result: {problem}") from problem
        senders = [order["sender"] for order in self._orders["receivers"]]
        flows = zip(self.flows, senders, range(len(senders)), strict=True)
        return StreamResult(
            tuple(FlowResult(flow, *_seen_of(seen, sender, at)) for flow, sender, at in flows),
            tuple(Stall(float(at), float(lasted)) for at, lasted in seen["stalls"]),
            int(seen["overflown"]),
            self._overrun(),
        )

    def _overrun(self) -> int:
        now = overruns(self._lab.names.prefix)
        return sum(max(count - self._overruns.get(port, 0), 0) for port, count in now.items())

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def overruns(prefix: str) -> dict[str, int]:
    """Packets that reached a userspace bridge's ports while it was not given the processor, and found no room.

    By port. They never reached the bridge's tables. A kernel bridge has no such sockets.
    """
    sockets = re.finditer(rf"\*:({prefix}\S+)\s.*skmem:\([^)]*d(\d+)\)", run("ss", "-0", "-n", "-m"))
    return {found[1]: int(found[2]) for found in sockets}


def _seen_of(seen: dict[str, Any], sender: int, receiver: int) -> tuple[Any, ...]:
    return seen[f"sent{sender}"], seen[f"unsent{sender}"], seen[f"numbers{receiver}"], seen[f"arrived{receiver}"]


def _orders(lab: Lab, flows: tuple[Flow, ...], interval_s: float) -> dict[str, Any]:
    """What the process is told: a sender for each flow, one for all flooded flows of a server and IP version."""
    senders: dict[tuple[str, ...], dict[str, Any]] = {}
    receivers, port = [], 20000 + secrets.randbelow(10000)
    for flow in flows:
        sender = senders.setdefault(flow.sender, {**_sender(lab, flow), "port": port + len(senders)})
        place = list(senders).index(flow.sender)
        receivers.append(
            {"sender": place, "pid": lab.host(flow.target).pid, "version": flow.version, "port": sender["port"]}
        )
    token = secrets.token_hex(8)
    return {"token": token, "interval_s": interval_s, "senders": list(senders.values()), "receivers": receivers}


def _sender(lab: Lab, flow: Flow) -> dict[str, Any]:
    address, everyone = _address(lab, flow.source, flow.version)
    to = everyone if flow.flooded else _address(lab, flow.target, flow.version)[0]
    return {
        "pid": lab.host(flow.source).pid,
        "version": flow.version,
        "flooded": flow.flooded,
        "address": address,
        "to": to,
    }


def _address(lab: Lab, name: str, version: int) -> tuple[str, str]:
    """A server's first address of an IP version, and that by which it reaches all others of its segment."""
    for interface in interfaces_of(lab.document, name):
        if interface.version == version:
            everyone = _ALL_NODES if version == 6 else str(interface.network.broadcast_address)
            return str(interface.ip), everyone
    raise StreamFailed(f"{name} has no IPv{version} address")
