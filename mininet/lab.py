"""Build exactly what a fabric document says, on this machine, with the controller beside it.

    .venv/bin/python mininet/lab.py DOCUMENT                                   Mininet's CLI
    .venv/bin/python mininet/lab.py DOCUMENT --run 'web1 ping -c1 web2'        one command, and its exit status
    .venv/bin/python mininet/lab.py DOCUMENT --experiment reachability         one of `mininet/experiments`

As a library: ``with Lab(path) as lab: lab.host("web1").cmd("ip addr")``.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from commands import CommandFailed, ip, vsctl
from controller_process import ControllerProcess
from datapath import PlatformSwitch, set_interface
from fabric_api import FabricApi, NotReady, wait_converged, wait_watched
from faults import Faults, How
from mininet.net import Mininet
from namespaces import end_processes_in, namespace_of
from naming import Names
from sending import widen_sending
from shaping import forget_limits
from wiring import Wiring

from controller.model.document import parse_document
from controller.model.spec import Document, LinkSpec, ServerSpec, TrunkSpec, link_name

READY_S = 60.0
_BFD_S = 10.0
"""BFD takes 1 to 3 s to begin on a trunk; where it does not, the fabric works all the same."""
_PORT_BUFFER_BYTES = 4 << 20


class Lab:
    """A fabric of namespaces and bridges; what it makes, it removes.

    `document`: a path, read in place; or YAML text (str), kept in a file of the lab's that `rewrite` may change;
    or a parsed `Document`, which takes `normal=True`: plain NORMAL bridges without a controller.
    `controller` (``HOST:PORT``) and `api` (``http://HOST:PORT``): one that runs already; None starts one.
    Raises `NotReady` when the fabric does not converge within `ready_s`; 0: do not wait. It is ready when BFD has begun
    on all trunks, too.
    """

    def __init__(
        self,
        document: Path | str | Document,
        *,
        controller: str | None = None,
        api: str | None = None,
        state_dir: Path | None = None,
        normal: bool = False,
        ready_s: float = READY_S,
    ) -> None:
        self._source, self._outside, self._api_url = document, controller, api
        self._state_dir, self.normal, self._ready_s = state_dir, normal, ready_s
        self._undo = contextlib.ExitStack()
        self.controller: ControllerProcess | None = None

    def __enter__(self) -> Lab:
        try:
            self._build()
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    # Building: each step is undone, last first, whatever happens

    def _build(self) -> None:
        self.folder = self._make_folder()
        self.file, document = self._read()
        self.names = Names(list(document.platforms))
        self._undo.callback(self.names.release)
        self.net = Mininet(controller=None, build=False)
        self.wiring = Wiring(document, self.names, self.net)
        self._faults = Faults(self.wiring)
        target = self._start_controller()
        self._build_nodes(target)
        self._start_switches()
        if not self.normal and self._ready_s:
            self.wait_converged(self._ready_s)
            wait_watched(self.fabric_api, _BFD_S)

    def _make_folder(self) -> Path:
        if self._state_dir:
            self._state_dir.mkdir(parents=True, exist_ok=True)
            return self._state_dir
        return Path(self._undo.enter_context(tempfile.TemporaryDirectory(prefix="backplane-lab-")))

    def _read(self) -> tuple[Path | None, Document]:
        if isinstance(self._source, Document):
            return None, self._source
        if isinstance(self._source, Path):
            return self._source.resolve(), parse_document(self._source.read_text(), str(self._source))
        own = self.folder / "fabric.yaml"
        own.write_text(self._source)
        return own, parse_document(self._source, str(own))

    def _start_controller(self) -> str | None:
        if self.normal:
            return None
        if self._outside:
            return f"tcp:{self._outside}"
        self.controller = ControllerProcess(self.file, self.folder)
        self._undo.callback(self.controller.stop)
        self.controller.start()
        return self.controller.target

    def _build_nodes(self, target: str | None) -> None:
        self._undo.callback(self._end_nodes)
        self.wiring.add_switches(target)
        self.wiring.add_hosts()
        _allow_neighbours(len(self.net.hosts))
        _allow_bursts()
        widen_sending()
        self._undo.callback(self._remove_cables)
        self.wiring.add_cables()

    def _start_switches(self) -> None:
        self._undo.callback(self._remove_bridges)
        if self.controller:
            self.controller.wait_listening()  # a bridge that finds nobody waits for a second and longer
        for switch in self.net.switches:
            switch.start()
        self.wiring.shape_cards()

    def _end_nodes(self) -> None:
        shells = {node.pid for node in self.net.hosts}
        namespaces = {namespace_of(pid) for pid in shells} - {None, namespace_of(os.getpid())}
        end_processes_in({number for number in namespaces if number}, spared=shells)
        for node in (*self.net.hosts, *self.net.switches):
            node.terminate()

    def _remove_cables(self) -> None:
        ours = [name for _index, name in socket.if_nameindex() if name.startswith(self.names.prefix)]
        for name in ours:
            with contextlib.suppress(CommandFailed):  # its other end went first, and took it along
                ip([f"link del {name}"])

    def _remove_bridges(self) -> None:
        command = [word for switch in self.net.switches for word in ("--", "--if-exists", "del-br", switch.bridge)]
        vsctl(*command)
        forget_limits(self.names.prefix)

    # What is in it

    @property
    def document(self) -> Document:
        """What is built now."""
        return self.wiring.document

    def host(self, server: str) -> Any:
        """A server's Mininet host: `.cmd(...)`, `.popen(...)`, `.pid`."""
        return self.net[server]

    def switch(self, platform: str) -> PlatformSwitch:
        """A platform's switch node: `.bridge`, `.dpctl("dump-flows")`."""
        return self.wiring.switches[platform]

    def interface(self, platform: str, port: int) -> str:
        """The interface of a switch port, on this machine."""
        return self.switch(platform).port_name(port)

    # The controller

    @property
    def fabric_api(self) -> FabricApi:
        """The controller's API."""
        if self.controller:
            return FabricApi(f"http://127.0.0.1:{self.controller.api_port}")
        return FabricApi(self._api_url or "http://127.0.0.1:8080")

    def api(self, path: str) -> Any:
        """GET a path of the API: ``/fabric``, ``/paths?from=web1&to=web2``; raises `ApiError`."""
        return self.fabric_api.get(path)

    def wait_converged(self, timeout_s: float = READY_S, beyond: int = -1) -> dict[str, Any]:
        """Wait until no platform is absent and the fabric is converged, at a revision `beyond` the one given.

        Returns what `/fabric` answers; raises `NotReady`, with the end of the controller's log.
        """
        alive = self.controller.running if self.controller else lambda: True
        try:
            return wait_converged(self.fabric_api, timeout_s, alive, beyond)
        except NotReady as problem:
            log = f"\nthe controller's last words:\n{self.controller.last_words()}" if self.controller else ""
            raise NotReady(f"{problem}{log}") from None

    def kill_controller(self) -> None:
        """SIGKILL, as a crash would."""
        self._own_controller().kill()

    def start_controller(self) -> None:
        """Start it again, with the same ports and state."""
        self._own_controller().start()

    def rewrite(self, text: str) -> Document:
        """Write a new document into the lab's own file and have it read (SIGHUP); the cables stay as they are."""
        if isinstance(self._source, Path) or self.file is None:
            raise ValueError("only a lab that was given its document as text rewrites it")
        self.file.write_text(text)
        self._own_controller().reload()
        return parse_document(text, str(self.file))

    def _own_controller(self) -> ControllerProcess:
        if self.controller is None:
            raise ValueError("the controller of this lab is not the lab's own")
        return self.controller

    # Cables, while all else runs

    def set_link(self, name: str, up: bool) -> None:
        """Cut a link (both ends lose carrier) or mend it; ``chassis1.east--chassis2.west``."""
        set_interface(self.wiring.cables[name].intf1.name, up)

    def fail_link(self, name: str, how: How = "carrier") -> None:
        """Let a link fail: `carrier` is lost at both ends, or kept while nothing passes (`silent`, `one-way`).

        `one-way`: from the link's first end to its second. Raises `ValueError` for a link that has failed.
        """
        self._faults.fail_link(name, how)

    def mend_link(self, name: str) -> None:
        """Let a failed link work again."""
        self._faults.mend_link(name)

    def fail_platform(self, name: str) -> None:
        """Cut a shared switch's power: no carrier on any of its cables, its connection ended, its rules gone."""
        self._faults.fail_platform(name)

    def restore_platform(self, name: str) -> None:
        """Give it power again: the same dpid, ports and cables; its rules are the controller's to put in."""
        self._faults.restore_platform(name)

    def add_link(self, link: LinkSpec, trunks: dict[str, TrunkSpec] | None = None) -> str:
        """Plug in a cable between two trunks; `trunks` gives those that the document lacks, by end; the link's name."""
        for end, trunk in (trunks or {}).items():
            self.wiring.document = _with_trunk(self.document, end, trunk)
        name = link_name(*link.ends)
        self.wiring.document = _changed(self.document, links={**self.document.links, name: link})
        self.wiring.add_link(name)
        return name

    def remove_link(self, name: str) -> None:
        """Unplug a cable and remove its two ports."""
        self.wiring.unplug(name)
        self.wiring.document = _changed(self.document, links=_without(self.document.links, name))

    def add_server(self, name: str, server: ServerSpec) -> None:
        """Plug in a server."""
        self.wiring.document = _changed(self.document, servers={**self.document.servers, name: server})
        self.wiring.add_server(name)

    def remove_server(self, name: str) -> None:
        """Unplug a server and end it."""
        end_processes_in({namespace_of(self.host(name).pid) or 0}, spared={self.host(name).pid})
        self.wiring.remove_server(name)
        self.wiring.document = _changed(self.document, servers=_without(self.document.servers, name))

    def move_server(self, name: str, platform: str, port: int) -> None:
        """Unplug a server and plug it in elsewhere; its addresses and processes stay."""
        moved = self.document.servers[name].model_copy(update={"platform": platform, "port": port})
        self.wiring.move_server(name, _changed(self.document, servers={**self.document.servers, name: moved}))


def _changed(document: Document, **update: Any) -> Document:
    return document.model_copy(update=update)


def _without(named: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in named.items() if key != name}


def _with_trunk(document: Document, end: str, trunk: TrunkSpec) -> Document:
    platform, name = end.split(".")
    spec = document.platforms[platform]
    spec = spec.model_copy(update={"trunks": {**spec.trunks, name: trunk}})
    return _changed(document, platforms={**document.platforms, platform: spec})


def _allow_neighbours(hosts: int) -> None:
    """The kernel's neighbour tables are shared by all namespaces: let every host know every other. Never lowered."""
    wanted = max(16384, 3 * hosts * hosts)
    limits = Path("/proc/sys/net").glob("ipv[46]/neigh/default/gc_thresh[123]")
    for limit in limits:  # none where this runs in a namespace itself: they are seen from the machine's own alone
        if int(limit.read_text()) < wanted:
            limit.write_text(str(wanted))


def _allow_bursts() -> None:
    """A userspace bridge reads each port from a socket, which holds some 280 small packets unless told otherwise.

    On a busy machine that is a quarter of a second of a probe every millisecond. Bridges made from now on hold more.
    """
    limit = Path("/proc/sys/net/core/rmem_default")
    if limit.exists() and int(limit.read_text()) < _PORT_BUFFER_BYTES:
        limit.write_text(str(_PORT_BUFFER_BYTES))


if __name__ == "__main__":
    from launch import main

    sys.exit(main())
