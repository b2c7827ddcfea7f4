"""A real ovs-vswitchd of our own, as the judge of what rules do to a packet.

It runs in a temporary folder, with dummy ports, and needs neither root nor a kernel module. All its sockets are
named by their full path, and ``OVS_RUNDIR`` is the folder: a relative name would mean the system's run folder.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from apps.ovs_trace import Execution, datapath_actions, port_numbers
from controller.rules.packet import Frame, parse
from controller.rules.rules import FlowEntry, Group, Meter, Rule
from tests.properties.ofctl_text import flow_text, group_text, meter_text, pinned

_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
_TIMEOUT_S = 20


class Bridge:
    """One bridge with dummy ports; rules go in, frames are traced."""

    def __init__(self, oracle: Oracle, name: str, ports: Iterable[int]) -> None:
        self._oracle, self.name = oracle, name
        self.ports = tuple(ports)
        self._down: frozenset[int] = frozenset()
        self._meters: set[int] = set()
        self._add()
        self._numbers = port_numbers(oracle.ask("dpif/show"), name)

    def _add(self) -> None:
        command = ["add-br", self.name, "--", "set", "Bridge", self.name, "datapath_type=dummy"]
        command += ["fail_mode=secure", "protocols=OpenFlow13"]
        for port in self.ports:
            command += ["--", "add-port", self.name, self._interface(port)]
            command += ["--", "set", "Interface", self._interface(port), "type=dummy", f"ofport_request={port}"]
        self._oracle.vsctl(*command)

    def _interface(self, port: int) -> str:
        return f"{self.name}p{port}"

    def install(self, rules: Iterable[Rule], spread: int | None = 0) -> None:
        """Replace all rules. A select group leads to the bucket that `spread` chooses (None: by ``dp_hash``).

        The trace does not follow the second lookup of a select group, so the choice is made here, or by a trace
        that is given the hash.
        """
        rules = list(rules)
        self._ofctl("del-flows")
        self._ofctl("del-groups")
        for meter in (rule for rule in rules if isinstance(rule, Meter)):
            if meter.number not in self._meters:
                self._ofctl("add-meter", meter_text(meter))
                self._meters.add(meter.number)
        groups = sorted((rule for rule in rules if isinstance(rule, Group)), key=lambda group: group.number)
        chosen = groups if spread is None else pinned(groups, spread)
        self._ofctl("add-groups", "-", stdin="\n".join(map(group_text, chosen)))
        flows = (flow_text(rule) for rule in rules if isinstance(rule, FlowEntry))
        self._ofctl("add-flows", "-", stdin="\n".join(flows))

    def set_down(self, down: Iterable[int]) -> None:
        """Take the carrier from these ports, and give it back to all others."""
        wanted = frozenset(down)
        waits: list[str] = []
        for port in wanted ^ self._down:
            state = "down" if port in wanted else "up"
            self._oracle.ask("netdev-dummy/set-admin-state", self._interface(port), state)
            waits += ["--", "wait-until", "Interface", self._interface(port), f"link_state={state}"]
        if waits:
            self._oracle.vsctl(*waits[1:])
        self._down = wanted

    def send(self, in_port: int, data: bytes) -> list[tuple[int, Frame]]:
        """What leaves when a frame comes in: pairs of a port (or `CONTROLLER`) and the frame."""
        execution = Execution(parse(data), self._numbers)
        execution.run(datapath_actions(self.trace(in_port, data)))
        return execution.sent

    def trace(self, in_port: int, data: bytes) -> str:
        """The whole text of ``ofproto/trace``."""
        return self._oracle.ask("ofproto/trace", self.name, f"in_port={in_port}", data.hex())

    def _ofctl(self, verb: str, *arguments: str, stdin: str = "") -> None:
        at = f"unix:{self._oracle.folder}/{self.name}.mgmt"
        self._oracle.run("ovs-ofctl", "-O", "OpenFlow13", verb, at, *arguments, stdin=stdin)


class Oracle:
    """The running daemons."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = os.environ | {f"OVS_{name}DIR": str(folder) for name in ("RUN", "LOG", "DB", "SYSCONF")}
        self._daemons: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start both daemons; returns when they answer."""
        database = f"{self.folder}/conf.db"
        self.run("ovsdb-tool", "create", database, _SCHEMA)
        self._daemon("ovsdb-server", database, f"--remote=punix:{self.folder}/db.sock")
        self.vsctl("--no-wait", "init")
        self._daemon("ovs-vswitchd", f"unix:{self.folder}/db.sock", "--enable-dummy=override", "--disable-system")
        self.vsctl("set", "Open_vSwitch", ".", "other_config:vlan-limit=2")

    def stop(self) -> None:
        """End what was started, the last first."""
        for daemon in reversed(self._daemons):
            daemon.terminate()
            daemon.wait(_TIMEOUT_S)

    def bridge(self, name: str, ports: Iterable[int]) -> Bridge:
        """Make a bridge with dummy ports."""
        return Bridge(self, name, ports)

    def vsctl(self, *arguments: str) -> None:
        """Run ``ovs-vsctl``; it waits for the daemon to carry the change out."""
        self.run("ovs-vsctl", f"--db=unix:{self.folder}/db.sock", "--retry", f"--timeout={_TIMEOUT_S}", *arguments)

    def run(self, *command: str, stdin: str = "") -> None:
        """Run a tool; raises `RuntimeError` with what it says when it fails."""
        done = subprocess.run(
            command, input=stdin, env=self._environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}\n{stdin}")

    def ask(self, method: str, *parameters: str) -> str:
        """Ask ovs-vswitchd over its control socket (JSON-RPC, as ``ovs-appctl`` does)."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
            control.settimeout(_TIMEOUT_S)
            control.connect(f"{self.folder}/ovs-vswitchd.ctl")
            control.sendall(json.dumps({"id": 0, "method": method, "params": parameters}).encode())
            reply = _read_json(control)
        if reply["error"] is not None:
            raise RuntimeError(f"{method} {' '.join(parameters)}: {reply['error']}")
        return str(reply["result"])

    def _daemon(self, program: str, *arguments: str) -> None:
        own = [f"--{name}={self.folder}/{program}.{ending}" for name, ending in _OWN_FILES]
        command = [program, *arguments, *own, "-vconsole:off"]
        null = subprocess.DEVNULL
        self._daemons.append(subprocess.Popen(command, env=self._environment, stdin=null, stdout=null, stderr=null))


_OWN_FILES = (("pidfile", "pid"), ("unixctl", "ctl"), ("log-file", "log"))


def _read_json(control: socket.socket) -> dict[str, object]:
    text = b""
    while True:
        got = control.recv(1 << 16)
        text += got
        try:
            return dict(json.loads(text))
        except json.JSONDecodeError:
            if not got:
                raise


@contextmanager
def running_oracle() -> Iterator[Oracle]:
    """A private Open vSwitch for the time of a test run."""
    with tempfile.TemporaryDirectory(prefix="bp-oracle-") as folder:
        oracle = Oracle(Path(folder))
        try:
            oracle.start()
            yield oracle
        finally:
            oracle.stop()
