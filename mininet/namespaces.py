"""Network namespaces: entering those of hosts from this process, one of one's own, ending what still runs in them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from commands import run

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def entered(pid: int) -> Iterator[None]:
    """Run the body in the network namespace of a process: sockets opened there stay there. Only this thread."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _enter(f"/proc/{pid}/ns/net")
        yield
    finally:
        _setns(home)
        os.close(home)


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Run the body in a network namespace of its own, and with it all that is started there. Only this thread."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _check(_LIBC.unshare(_CLONE_NEWNET), "make")
        run("ip", "link", "set", "lo", "up")
        yield
    finally:
        _setns(home)
        os.close(home)


def _enter(path: str) -> None:
    namespace = os.open(path, os.O_RDONLY)
    try:
        _setns(namespace)
    finally:
        os.close(namespace)


def _setns(descriptor: int) -> None:
    _check(_LIBC.setns(descriptor, _CLONE_NEWNET), "enter")


def _check(status: int, what: str) -> None:
    if status:
        code = ctypes.get_errno()
        raise OSError(code, f"cannot {what} a network namespace: {os.strerror(code)}")


def namespace_of(pid: int | str) -> int | None:
    """The network namespace of a process, as a number; None when it is gone."""
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino
    except OSError:
        return None


def listens(pid: int, port: int) -> bool:
    """Whether somebody in the network namespace of a process accepts TCP connections on a port, by IPv4."""
    return f":{port:04X} 00000000:0000 0A" in Path(f"/proc/{pid}/net/tcp").read_text()


def end_processes_in(namespaces: set[int], spared: set[int]) -> None:
    """Kill what still runs in these namespaces, but for the processes `spared`."""
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) not in spared and namespace_of(entry) in namespaces:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(entry), signal.SIGKILL)
