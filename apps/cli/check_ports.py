"""Who listens where the controller should?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from apps.cli.check_controller import Controller
from apps.cli.findings import Finding, fail, note, ok

_LISTENING: Final = "0A"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def check_ports(controller: Controller, openflow_port: int) -> Iterator[Finding]:
    """The API's port and that for switches."""
    address = urlsplit(controller.client.url)
    api_port = address.port or _DEFAULT_PORTS[address.scheme]
    sockets = listening()
    yield _api_port(api_port, sockets, controller.answers)
    yield _openflow_port(openflow_port, sockets, controller)


def _api_port(port: int, sockets: dict[int, str], answers: bool) -> Finding:
    about = f"port {port} (API)"
    if port not in sockets:
        return note(about, "nobody listens: it is free for the controller")
    holder = holder_of(sockets[port])
    if answers:
        return ok(about, f"held by {holder}")
    return fail(about, f"held by {holder}, which is not Backplane", "end that, or give ryu-manager --wsapi-port")


def _openflow_port(port: int, sockets: dict[int, str], controller: Controller) -> Finding:
    about = f"port {port} (OpenFlow)"
    if port in sockets:
        holder = holder_of(sockets[port])
        if controller.answers:
            return ok(about, f"held by {holder}")
        todo = "if that is no controller of yours, end it, or give ryu-manager --ofp-tcp-listen-port"
        return note(about, f"held by {holder}", todo)
    if controller.answers and not controller.not_ready:
        return note(about, "nobody listens: the controller listens elsewhere", "say where: --openflow-port")
    return note(about, "nobody listens: it is free for the controller")


def listening() -> dict[int, str]:
    """TCP ports that somebody listens on, with the inode of the socket (Linux, proc(5))."""
    found: dict[int, str] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            rows = (line.split() for line in Path(table).read_text().splitlines()[1:])
            found |= {int(row[1].rpartition(":")[2], 16): row[9] for row in rows if row[3] == _LISTENING}
    return found


def holder_of(inode: str) -> str:
    """The process that has a socket, as far as we may see."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _has_socket(entry, f"socket:[{inode}]"):
            with suppress(OSError):
                return f"{(entry / 'comm').read_text().strip()} (process {entry.name})"
    return "a process that only root can see"


def _has_socket(process: Path, socket: str) -> bool:
    try:
        return any(_link_of(handle) == socket for handle in (process / "fd").iterdir())
    except OSError:
        return False


def _link_of(handle: Path) -> str:
    try:
        return os.readlink(handle)
    except OSError:
        return ""
