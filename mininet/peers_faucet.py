"""Beside Backplane: FAUCET with stacking, from the same document, in a virtual environment of its own.

Its controller runs throughout, as it must; links are checked by LLDP every second, the fastest that it allows.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from commands import CommandFailed, run
from controller_process import free_port
from lab import Lab
from sides import SETTLED_S, Side, wait_live
from steps import wait_for

from controller.model.document import parse_document
from controller.model.spec import Document

VERSION = "1.10.12"
_VLAN = 100
_BEACON = {"send_interval": 1, "max_per_interval": 64}
_UP = 3
"""STACK_STATE_UP, as its metric `port_stack_state` gives it."""
_STATE = re.compile(r"^port_stack_state\{.*\} (-?[\d.]+)$", re.MULTILINE)
_PATIENCE_S = 30.0
_STOP_S = 5.0


class NotInstalled(Exception):
    """FAUCET cannot be installed here; the text gives pip's words."""


def program(folder: Path) -> Path:
    """Its program, installed into `folder` unless it is there; raises `NotInstalled`."""
    found = folder / "bin" / "faucet"
    if not found.exists():
        try:
            run(sys.executable, "-m", "venv", str(folder))
            run(str(folder / "bin" / "pip"), "install", "--quiet", f"faucet=={VERSION}")
        except CommandFailed as problem:
            raise NotInstalled(f"FAUCET {VERSION} does not install: {problem}") from None
    return found


def config(document: Document) -> dict[str, Any]:
    """Its configuration for a document: all servers in one VLAN, every link a stack link, the first platform root."""
    dps: dict[str, Any] = {
        name: {"dp_id": spec.dpid, "hardware": "Open vSwitch", "lldp_beacon": dict(_BEACON), "interfaces": {}}
        for name, spec in document.platforms.items()
    }
    for server in document.servers.values():
        dps[server.platform]["interfaces"][server.port] = {"native_vlan": _VLAN}
    for link in document.links.values():
        one, other = (end.split(".") for end in link.ends)
        for (here, trunk), (there, far_trunk) in ((one, other), (other, one)):
            stack = {"dp": there, "port": document.platforms[there].trunks[far_trunk].port}
            port = document.platforms[here].trunks[trunk].port
            dps[here]["interfaces"][port] = {"stack": stack}
    next(iter(dps.values()))["stack"] = {"priority": 1}
    return {"vlans": {"lan": {"vid": _VLAN}}, "dps": dps}


class _Faucet:
    """Its process."""

    def __init__(self, binary: Path, document: Document, folder: Path) -> None:
        self._binary, self._folder = binary, folder
        self.port, self._metrics = free_port(), free_port()
        (folder / "faucet.yaml").write_text(yaml.safe_dump(config(document)))
        self._trunks = 2 * len(document.links)

    def start(self) -> None:
        listen = ("--ryu-ofp-listen-host=127.0.0.1", f"--ryu-ofp-tcp-listen-port={self.port}")
        with (self._folder / "out.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._binary), *listen], stdout=log, stderr=log, env=self._environment(), start_new_session=True
            )

    def _environment(self) -> dict[str, str]:
        files = {"FAUCET_CONFIG": "faucet.yaml", "FAUCET_LOG": "faucet.log", "FAUCET_EXCEPTION_LOG": "exception.log"}
        settings = {name: str(self._folder / file) for name, file in files.items()}
        settings |= {"FAUCET_PROMETHEUS_ADDR": "127.0.0.1", "FAUCET_PROMETHEUS_PORT": str(self._metrics)}
        path = f"{self._binary.parent}:{os.environ['PATH']}"  # it looks for osken-manager there
        return {**os.environ, **settings, "PATH": path}

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def all_up(self) -> bool:
        """Whether it has every stack link as up, at both ends."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://127.0.0.1:{self._metrics}", timeout=5) as answer:
                states = [float(state) for state in _STATE.findall(answer.read().decode())]
        except OSError:  # not there yet
            return False
        return len(states) == self._trunks and set(states) == {_UP}


@contextlib.contextmanager
def faucet(text: str, binary: Path) -> Iterator[Side]:
    """Bridges under FAUCET, when it has all stack links up."""
    document = parse_document(text, "faucet")
    with tempfile.TemporaryDirectory(prefix="backplane-faucet-") as folder:
        controller = _Faucet(binary, document, Path(folder))
        with Lab(text, controller=f"127.0.0.1:{controller.port}", ready_s=0) as lab:
            controller.start()
            try:
                _settle(lab, controller)
                yield Side("FAUCET", lab, lambda _breakage: _settle(lab, controller), patience_s=_PATIENCE_S)
            finally:
                controller.stop()


def _settle(lab: Lab, controller: _Faucet) -> None:
    wait_live(lab, lab.document.platforms)
    wait_for(controller.all_up, "all of FAUCET's stack links up", SETTLED_S)
