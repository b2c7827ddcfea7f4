"""The API under load: GETs at a steady pace while some 10,000 rules are installed and taken out again, and how late the
controller answers a switch's echo meanwhile.

A third connection stands for another switch: it says hello, and asks for an echo again and again.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from _bench import RESULTS, conditions, plot, quantiles
from _fresh_bridge import BRIDGE, bridge, flow_count, run
from controller_process import ControllerProcess
from rich.console import Console
from rich.table import Table

SERVERS = 1450
PATHS = ("/api/v1/fabric", "/api/v1/servers/s1", "/api/v1/platforms/p1", "/api/v1/segments")
ECHO_EVERY_S = 0.02
_HELLO, _ECHO_REQUEST, _ECHO_REPLY = 0, 2, 3


def document(servers: int) -> str:
    """One platform with so many servers, a port each."""
    lines = ["fabric: bench", "segments: {web: {subnet: 10.1.0.0/16}}"]
    lines += ["platforms:", "  p1:", "    dpid: 0xb0b", "    servers:"]
    for number in range(1, servers + 1):
        high, low = number >> 8, number & 255
        values = f"port: {number}, segment: web, ip: 10.1.{high}.{low}, mac: '02:00:00:00:{high:02x}:{low:02x}'"
        lines.append(f"      s{number}: {{{values}}}")
    return "\n".join(lines) + "\n"


def paced(every_s: float, until: threading.Event, act: Callable[[int], None]) -> None:
    """Do something at a steady pace; what is late is done at once."""
    due, number = time.monotonic(), 0
    while not until.is_set():
        act(number)
        number += 1
        due += every_s
        time.sleep(max(due - time.monotonic(), 0))


class Getter:
    """GETs over one connection; `times_s` are their durations."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.times_s: list[float] = []

    def get(self, number: int) -> None:
        """One request, from its first byte to the answer's last."""
        start = time.monotonic()
        self._connection.request("GET", PATHS[number % len(PATHS)])
        answer = self._connection.getresponse()
        answer.read()
        self.times_s.append(time.monotonic() - start)
        if answer.status != 200:
            raise SystemExit(f"GET {PATHS[number % len(PATHS)]}: {answer.status}")


class Echoer:
    """A switch that only asks whether its controller is there (OpenFlow 1.3.5, 6.4)."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.sendall(struct.pack("!BBHI", 4, _HELLO, 8, 1))
        self._buffer = b""
        self.times_s: list[float] = []

    def ask(self, number: int) -> None:
        """One echo, there and back."""
        start, xid = time.monotonic(), number + 100
        self._socket.sendall(struct.pack("!BBHI", 4, _ECHO_REQUEST, 8, xid))
        while (_ECHO_REPLY, xid) not in self._messages():
            pass
        self.times_s.append(time.monotonic() - start)

    def _messages(self) -> Iterator[tuple[int, int]]:
        while len(self._buffer) < 8 or len(self._buffer) < int.from_bytes(self._buffer[2:4], "big"):
            self._buffer += self._socket.recv(65536)
        kind, length, xid = struct.unpack_from("!xBHI", self._buffer)
        self._buffer = self._buffer[length:]
        yield kind, xid


def wait_flows(enough: Callable[[int], bool]) -> None:
    """Wait until the bridge holds as many flow entries as it should."""
    deadline = time.monotonic() + 30
    while not enough(flow_count()):
        if time.monotonic() > deadline:
            raise SystemExit(f"the bridge still has {flow_count()} flow entries")
        time.sleep(0.05)


def measure(rounds: int, rate: float) -> dict[str, list[float]]:
    """Latencies in seconds over so many rounds of installing and taking out."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "fabric.yaml"
        file.write_text(document(10))
        controller = ControllerProcess(file, Path(folder))
        controller.start()
        try:
            with bridge(controller.openflow_port):
                run("ovs-vsctl", "set", "bridge", BRIDGE, "other_config:datapath-id=0000000000000b0b")
                wait_flows(lambda count: count > 50)
                return _under_load(controller, file, rounds, rate)
        finally:
            controller.kill()


def _under_load(controller: ControllerProcess, file: Path, rounds: int, rate: float) -> dict[str, list[float]]:
    getter, echoer, done = Getter(controller.api_port), Echoer(controller.openflow_port), threading.Event()
    workers = [
        threading.Thread(target=paced, args=(1 / rate, done, getter.get)),
        threading.Thread(target=paced, args=(ECHO_EVERY_S, done, echoer.ask)),
    ]
    for worker in workers:
        worker.start()
    for _ in range(rounds):
        for servers, enough in ((SERVERS, lambda count: count > 10_000), (10, lambda count: count < 200)):
            file.write_text(document(servers))
            controller.reload()
            wait_flows(enough)
    done.set()
    for worker in workers:
        worker.join()
    return {"GET": getter.times_s, "echo": echoer.times_s}


def main() -> None:
    """Measure, show, write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=float, default=100.0, help="GETs a second")
    chosen = parser.parse_args()
    found = measure(chosen.rounds, chosen.rate)
    table = Table("", title=f"{chosen.rounds} times 10,000 rules in and out, {chosen.rate:.0f} GETs/s")
    for column in ("count", "median ms", "p99 ms", "highest ms"):
        table.add_column(column, justify="right")
    figures = {name: {key: value * 1000 for key, value in quantiles(times).items()} for name, times in found.items()}
    for name, of in figures.items():
        table.add_row(name, str(len(found[name])), *(f"{of[key]:.1f}" for key in ("median", "p99", "highest")))
    Console().print(table, "to reach: p99 of GET under 50 ms, no echo late")
    RESULTS.mkdir(exist_ok=True)
    report = {"conditions": conditions(), "milliseconds": figures, "counts": {k: len(v) for k, v in found.items()}}
    (RESULTS / "bench-api.json").write_text(json.dumps(report, indent=2))
    with plot("api") as axes:
        for name, times in found.items():
            axes.plot([time * 1000 for time in times], label=name, linewidth=0.8)
        axes.set(xlabel="request", ylabel="ms", title="While 10,000 rules come and go")
        axes.legend()


if __name__ == "__main__":
    main()
