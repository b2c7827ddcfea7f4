"""The ways to switch that are compared: each brings up a platform of servers, and its controller when told."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import _bench  # noqa: F401  (the lab's modules on the path)
from controller_process import ControllerProcess, free_port
from fabric_api import NotReady, wait_converged
from lab import Lab

from controller.model.document import parse_document

BACKPLANE, NORMAL, RYU, FAUCET = "Backplane", "NORMAL", "simple_switch_13", "FAUCET"
FAUCET_VARIABLE = "FAUCET"
"""The environment variable that names a `faucet` program; without it that peer is left out."""
_STOP_S = 5.0


def peers() -> tuple[str, ...]:
    """The ways that can be compared here."""
    return (BACKPLANE, NORMAL, RYU, *((FAUCET,) if os.environ.get(FAUCET_VARIABLE) else ()))


def platform_text(servers: int, ipv6: bool = False) -> str:
    """A document of one platform with so many declared servers in one segment."""
    lines = ["segments:", '  lan: {subnet: [10.9.0.0/16, "fd09::/64"]}', "platforms:", "  one:", "    dpid: 0x9001"]
    lines.append("    servers:")
    for number in range(1, servers + 1):
        ip = ip_address(0x0A090000 + number)
        mac = f"02:09:00:00:{number >> 8:02x}:{number & 255:02x}"
        addresses = f'[{ip}, "fd09::{number:x}"]' if ipv6 else str(ip)
        lines.append(f"      s{number}: {{port: {number}, segment: lan, mac: '{mac}', ip: {addresses}}}")
    return "\n".join(lines) + "\n"


class Way:
    """One way to switch between the servers of a document; the controller runs from `start` on."""

    def __init__(self, kind: str, text: str, folder: Path) -> None:
        self.kind, self._folder = kind, folder
        self._text, self.port = text, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._ours: ControllerProcess | None = None
        self.lab = self._make_lab()

    def _make_lab(self) -> Lab:
        if self.kind == NORMAL:
            return Lab(parse_document(self._text, "benchmark"), normal=True)
        if self.kind == BACKPLANE:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = self._folder / "fabric.yaml"
            file.write_text(self._text)
            self._ours = ControllerProcess(file, self._folder)
            self.port = self._ours.openflow_port
            api = f"http://127.0.0.1:{self._ours.api_port}"
            return Lab(self._text, controller=f"127.0.0.1:{self.port}", api=api, ready_s=0)
        return Lab(self._text, controller=f"127.0.0.1:{self.port}", ready_s=0)

    def start(self) -> None:
        """Start the controller, if there is one."""
        if self._ours:
            self._ours.start()
        elif self.kind == RYU:
            self._run([str(Path(sys.prefix) / "bin" / "ryu-manager"), "ryu.app.simple_switch_13", *self._listen()])
        elif self.kind == FAUCET:
            self._run([os.environ[FAUCET_VARIABLE], *self._faucet()])

    def _listen(self) -> list[str]:
        api = ["--wsapi-host", "127.0.0.1", "--wsapi-port", str(free_port())]
        return ["--ofp-listen-host", "127.0.0.1", "--ofp-tcp-listen-port", str(self.port), *api]

    def _faucet(self) -> list[str]:
        self._folder.mkdir(parents=True, exist_ok=True)
        document = self.lab.document
        ports = "".join(f"            {s.port}: {{native_vlan: 100}}\n" for s in document.servers.values())
        head = "vlans:\n    lan: {vid: 100}\ndps:\n    one:\n        dp_id: 0x9001\n        hardware: 'Open vSwitch'\n"
        (self._folder / "faucet.yaml").write_text(f"{head}        interfaces:\n{ports}")
        return ["--ryu-ofp-listen-host=127.0.0.1", f"--ryu-ofp-tcp-listen-port={self.port}"]

    def _environment(self) -> dict[str, str]:
        names = {"FAUCET_CONFIG": "faucet.yaml", "FAUCET_LOG": "faucet.log", "FAUCET_EXCEPTION_LOG": "exception.log"}
        settings = {name: str(self._folder / file) for name, file in names.items()}
        settings |= {"FAUCET_PROMETHEUS_ADDR": "127.0.0.1", "FAUCET_PROMETHEUS_PORT": str(free_port())}
        beside = str(Path(os.environ.get(FAUCET_VARIABLE, "")).parent)  # it looks for osken-manager on the path
        return {**os.environ, **settings, "PATH": f"{beside}:{os.environ['PATH']}"}

    def _run(self, command: list[str]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "controller.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env=self._environment(), start_new_session=True
            )

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until the controller has put its rules in; raises `NotReady`, with its last words."""
        if self._ours:
            try:
                wait_converged(self.lab.fabric_api, timeout_s, self._ours.running)
            except NotReady as problem:
                raise NotReady(f"{problem}\n{self._ours.last_words()}") from None
        elif self.kind != NORMAL:
            self._wait_for_entries(timeout_s)

    def _wait_for_entries(self, timeout_s: float) -> None:
        """Another's controller is there when the bridge holds its entries."""
        deadline = time.monotonic() + timeout_s
        while self.flow_entries() == 0:
            if time.monotonic() > deadline:
                raise NotReady(f"{self.kind} has put in no flow entry within {timeout_s:g} s")
            time.sleep(0.1)

    def stop(self) -> None:
        """End the controller."""
        if self._ours:
            self._ours.stop()
        process, self._process = self._process, None
        if process:
            os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    # What the switch holds

    def flow_entries(self) -> int:
        """How many flow entries the bridge holds."""
        found = re.search(r"flow_count=(\d+)", self.lab.switch("one").dpctl("dump-aggregate"))
        return int(found[1]) if found else 0

    def to_controller(self) -> int:
        """How many packets went by entries that send to the controller."""
        lines = self.lab.switch("one").dpctl("dump-flows").splitlines()
        sent = [line for line in lines if re.search(r"controller", line, re.IGNORECASE)]
        return sum(int(found[1]) for line in sent if (found := re.search(r"n_packets=(\d+)", line)))


@contextlib.contextmanager
def way(kind: str, text: str) -> Iterator[Way]:
    """A platform with its servers, built; the controller is not started yet."""
    with tempfile.TemporaryDirectory(prefix="backplane-bench-") as folder:
        made = Way(kind, text, Path(folder) / "controller")
        with made.lab:
            try:
                yield made
            finally:
                made.stop()
