"""Room for what a userspace datapath sends.

It sends the frames of all its ports by one packet socket. What waits in the queues of its devices counts against that
socket's buffer, some 90 full-size frames unless told otherwise; when that is used up, frames are lost at every port. A
chassis has a few ports that can be overloaded, a lab has those of many platforms behind one socket.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from collections.abc import Iterator
from pathlib import Path

_BUFFER_BYTES = 4 << 20
_DEFAULT = Path("/proc/sys/net/core/wmem_default")
_PIDFD_GETFD = 438
"""Number of the system call pidfd_getfd(2), the same on all machines."""
_SO_SNDBUFFORCE, _SO_PROTOCOL, _SO_DOMAIN = 32, 38, 39
_LIBC = ctypes.CDLL(None, use_errno=True)


def widen_sending() -> None:
    """Give the Open vSwitch that runs, and what starts from now on, a larger buffer. Never lowered."""
    if _DEFAULT.exists() and int(_DEFAULT.read_text()) < _BUFFER_BYTES:
        _DEFAULT.write_text(str(_BUFFER_BYTES))
    pid_file = Path(os.environ.get("OVS_RUNDIR", "/var/run/openvswitch"), "ovs-vswitchd.pid")
    if pid_file.exists():
        with contextlib.suppress(OSError):  # it has ended, or the kernel lends no descriptors
            for opened in _senders(int(pid_file.read_text())):
                opened.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, _BUFFER_BYTES)


def _senders(pid: int) -> Iterator[socket.socket]:
    """The packet sockets of a process that hear nothing: they are for sending."""
    process = os.pidfd_open(pid)
    try:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):  # closed meanwhile
                if os.readlink(f"/proc/{pid}/fd/{entry}").startswith("socket:"):
                    yield from _if_sender(_LIBC.syscall(_PIDFD_GETFD, process, int(entry), 0))
    finally:
        os.close(process)


def _if_sender(descriptor: int) -> Iterator[socket.socket]:
    if descriptor < 0:
        return
    with socket.socket(fileno=descriptor) as opened:
        kind = tuple(opened.getsockopt(socket.SOL_SOCKET, option) for option in (_SO_DOMAIN, _SO_PROTOCOL))
        if kind == (socket.AF_PACKET, 0):
            yield opened
