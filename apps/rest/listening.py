"""Whether the controller listens for switches, seen from outside Ryu, which does not tell."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from ryu.base.app_manager import lookup_service_brick
from ryu.controller import ofp_event

_LISTENS: Final = "0A"
"""TCP_LISTEN in ``/proc/net/tcp`` (proc_net_tcp of the kernel's documentation)."""


def openflow_missing() -> Collection[str]:
    """Why no switch can connect yet; nothing where one can."""
    ports = _openflow_ports()
    if ports and not ports.isdisjoint(listening_ports()):
        return ()
    where = f" on port {' or '.join(map(str, sorted(ports)))}" if ports else ""
    return (f"OpenFlow is not listening yet{where}",)


def _openflow_ports() -> set[int]:
    handler = lookup_service_brick(ofp_event.NAME)
    server = getattr(handler, "controller", None)
    return {server.ofp_tcp_listen_port, server.ofp_ssl_listen_port} - {None} if server else set()


def listening_ports() -> set[int]:
    """The TCP ports on which this process listens, IPv4 and IPv6."""
    ours = set(_our_sockets())
    found = set()
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = row.split()[:10]
            if state == _LISTENS and inode in ours:
                found.add(int(local.rpartition(":")[2], 16))
    return found


def _our_sockets() -> Iterator[str]:
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            target = os.readlink(f"/proc/self/fd/{number}")
            if target.startswith("socket:["):
                yield target[8:-1]
