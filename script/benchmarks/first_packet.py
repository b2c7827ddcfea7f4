"""The first packet between two declared servers, cold: from the sender's socket to the receiver's, one way.

Every ordered pair of servers is used once, so each packet is the first of its pair and no switch has seen it before;
all servers have spoken, and know each other's MAC. The ways to switch take turns, pair by pair. Beside it the second
packet of the same pair, and how many packets went to the controller meanwhile.

    script/bench first_packet [--servers 16]

FAUCET takes part where the environment variable FAUCET names its program.
"""

from __future__ import annotations

import argparse
import select
import socket
import time
from contextlib import ExitStack
from itertools import permutations
from typing import Any

from _bench import RESULTS, allow_files, conditions, plot, quantiles
from _peers import BACKPLANE, NORMAL, Way, peers, platform_text, way
from addressing import CARD
from commands import ip
from endpoints import Endpoint
from experiments.reachability import endpoints_of
from namespaces import entered
from report import CONSOLE, table, write_json

PORT = 7017
LOST_S = 3.0
READY_S = 60.0
PAUSE_S = 0.002


class Servers:
    """A way's servers, with a socket in each that this process holds."""

    def __init__(self, made: Way, stack: ExitStack) -> None:
        self.way, self.endpoints = made, endpoints_of(made.lab)
        self._sockets = [stack.enter_context(self._open(endpoint)) for endpoint in self.endpoints]
        self.first_ms: list[float] = []
        self.second_ms: list[float] = []
        self.lost = 0
        self.to_controller = 0

    def _open(self, endpoint: Endpoint) -> socket.socket:
        with entered(endpoint.pid):
            opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        opened.bind(("", PORT))
        return opened

    def introduce(self) -> None:
        """Every server knows every MAC, and has said something that a learning switch hears."""
        for mine in self.endpoints:
            known = [f"neigh replace {e.address(4)} lladdr {e.mac} nud permanent dev {CARD}" for e in self.endpoints]
            ip(known, mine.pid)
        for opened in self._sockets:
            opened.sendto(b"hello", ("10.9.255.255", PORT))
            time.sleep(0.05)
        self._silence()
        self.to_controller = self._asked()

    def _silence(self) -> None:
        for opened in self._sockets:
            while select.select([opened], [], [], 0.02)[0]:
                opened.recv(100)

    def _asked(self) -> int:
        return self.way.to_controller() if self.way.kind != NORMAL else 0

    def measure(self, source: int, target: int) -> None:
        """The first and the second packet of a pair."""
        for times in (self.first_ms, self.second_ms):
            taken = self._one_way_ms(source, target)
            if taken is None:
                self.lost += 1
            else:
                times.append(taken)
            time.sleep(PAUSE_S)

    def _one_way_ms(self, source: int, target: int) -> float | None:
        to = (self.endpoints[target].address(4), PORT)
        began = time.perf_counter()
        self._sockets[source].sendto(b"first", to)
        if not select.select([self._sockets[target]], [], [], LOST_S)[0]:
            return None
        taken = (time.perf_counter() - began) * 1000
        self._sockets[target].recv(100)
        return taken

    def result(self) -> dict[str, Any]:
        """What was measured."""
        asked = self._asked() - self.to_controller
        of_first, of_second = quantiles(self.first_ms), quantiles(self.second_ms)
        figures = {"first_ms": of_first, "second_ms": of_second, "lost": self.lost, "to_controller": asked}
        return {**figures, "n": len(self.first_ms), "all_first_ms": self.first_ms}


def measure(servers: int) -> dict[str, dict[str, Any]]:
    """All ways side by side, pair by pair in turn."""
    with ExitStack() as stack:
        found = [_ready(kind, servers, stack) for kind in peers()]
        for each in found:
            each.introduce()
        pairs = list(permutations(range(servers), 2))
        for source, target in pairs:
            for each in found:
                each.measure(source, target)
        return {each.way.kind: each.result() for each in found}


def _ready(kind: str, servers: int, stack: ExitStack) -> Servers:
    made = stack.enter_context(way(kind, platform_text(servers)))
    made.start()
    made.wait_ready(READY_S)
    return Servers(made, stack)


def show(found: dict[str, dict[str, Any]]) -> None:
    """The table that a person reads."""
    columns = ["", "n", "median ms", "p99 ms", "highest ms", "second packet ms", "lost", "packets to controller"]
    rows = []
    for kind, result in found.items():
        first = result["first_ms"]
        times = [f"{first[name]:.3f}" for name in ("median", "p99", "highest")]
        second, asked = f"{result['second_ms']['median']:.3f}", str(result["to_controller"])
        rows.append([kind, str(result["n"]), *times, second, str(result["lost"]), asked])
    table("The first packet between two servers, one way", columns, rows, "each pair once, the ways in turn")


def draw(found: dict[str, dict[str, Any]]) -> None:
    """Which share of first packets had arrived after which time."""
    with plot("first_packet") as axes:
        for kind, result in found.items():
            times = sorted(result["all_first_ms"])
            axes.step(times, [100 * (at + 1) / len(times) for at in range(len(times))], label=kind, where="post")
        axes.set(xscale="log", xlabel="ms from socket to socket", ylabel="first packets arrived, %")
        axes.set_title("The first packet between two servers")
        axes.legend()


def main() -> None:
    """Measure, show, and write the result down."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--servers", type=int, default=16)
    wanted = arguments.parse_args()
    allow_files(8192)
    with CONSOLE.status("measuring"):
        found = measure(wanted.servers)
    show(found)
    draw(found)
    beside = found[BACKPLANE]["first_ms"]["median"] / found[NORMAL]["first_ms"]["median"]
    CONSOLE.print(f"Backplane's median is {beside:.2f} x NORMAL's")
    write_json(RESULTS / "bench-first_packet.json", {"conditions": conditions(), "ways": found, "to_normal": beside})


if __name__ == "__main__":
    main()
