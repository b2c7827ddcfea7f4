"""Network namespaces of hosts: entering them from this process, ending what still runs in them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator

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


def _enter(path: str) -> None:
    namespace = os.open(path, os.O_RDONLY)
    try:
        _setns(namespace)
    finally:
        os.close(namespace)


def _setns(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _CLONE_NEWNET):
        code = ctypes.get_errno()
        raise OSError(code, f"cannot enter a network namespace: {os.strerror(code)}")


def namespace_of(pid: int | str) -> int | None:
    """The network namespace of a process, as a number; None when it is gone."""
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino
    except OSError:
        return None


def end_processes_in(namespaces: set[int], spared: set[int]) -> None:
    """Kill what still runs in these namespaces, but for the processes `spared`."""
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) not in spared and namespace_of(entry) in namespaces:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(entry), signal.SIGKILL)
