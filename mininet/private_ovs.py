"""An Open vSwitch of one's own, beside the system's: to be killed and started as one likes.

    with PrivateOvs() as ovs, Lab(ovs.document(text)) as lab:
        ovs.kill_switch()
        ovs.start_switch()

All tools find it by `OVS_RUNDIR`, which is set meanwhile; the controller by `ovsdb` of the platforms. It has a network
namespace of its own, with all that is started meanwhile: two userspace datapaths cannot share one.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from commands import CommandFailed, run, vsctl
from namespaces import apart

from controller.model.spec import Document

_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
_PLACES = ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR")
_READY_S = 10.0
_STOP_S = 10.0
_POLL_S = 0.005


class PrivateOvs:
    """`ovsdb-server` and `ovs-vswitchd` (userspace datapath) in a temporary folder."""

    def __init__(self) -> None:
        self._undo = ExitStack()
        self._switch: subprocess.Popen[bytes] | None = None
        self._starts = 0

    def __enter__(self) -> PrivateOvs:
        try:
            self._undo.enter_context(apart())
            self.folder = Path(self._undo.enter_context(tempfile.TemporaryDirectory(prefix="backplane-ovs-")))
            self._point_tools_here()
            self._start_database()
            self._undo.callback(self._end_switch)
            self.start_switch()
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def _point_tools_here(self) -> None:
        for name in _PLACES:
            self._undo.callback(_set_variable, name, os.environ.get(name))
            os.environ[name] = str(self.folder)

    @property
    def address(self) -> str:
        """Of its database."""
        return f"unix:{self.folder}/db.sock"

    def document(self, document: Document) -> Document:
        """A document whose platforms are bridges of this Open vSwitch."""
        specs = document.platforms.items()
        platforms = {name: spec.model_copy(update={"ovsdb": self.address}) for name, spec in specs}
        return document.model_copy(update={"platforms": platforms})

    def _start_database(self) -> None:
        file = f"{self.folder}/conf.db"
        run("ovsdb-tool", "create", file, _SCHEMA)
        database = self._daemon("ovsdb-server", f"--remote=p{self.address}", file)
        self._undo.callback(_end, database)
        self._await("db.sock", database)
        vsctl("--no-wait", "init")

    def start_switch(self) -> None:
        """Start `ovs-vswitchd`; returns when it has made what its database says."""
        self._switch = self._daemon("ovs-vswitchd", "--disable-system", self.address)
        self._starts += 1
        vsctl("set", "Open_vSwitch", ".", f"external_ids:starts={self._starts}")  # waits, since it is a change

    def kill_switch(self) -> None:
        """SIGKILL, as a crash would; returns when it is gone."""
        if self._switch is not None:
            self._switch.kill()
        self._end_switch()

    def _end_switch(self) -> None:
        process, self._switch = self._switch, None
        if process is not None:
            _end(process)

    def _daemon(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        own = [f"--pidfile={self.folder}/{program}.pid", f"--unixctl={self.folder}/{program}.ctl"]
        log = f"--log-file={self.folder}/{program}.log"
        quiet = subprocess.DEVNULL
        command = [program, *arguments, *own, log, "-vconsole:off"]
        return subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)

    def _await(self, name: str, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _READY_S
        while not (self.folder / name).exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise CommandFailed(f"{process.args!r} did not start: see {self.folder}")
            time.sleep(_POLL_S)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _set_variable(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
