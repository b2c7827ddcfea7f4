"""Questions to the Open vSwitch of this machine, by its own tools; other greenlets run meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import eventlet
from eventlet.green import subprocess

TIMEOUT_S: Final = 5.0


class NoAnswer(Exception):
    """A tool is not there, failed or took too long; the text says which."""


def appctl(method: str, *parameters: str) -> str:
    """Ask ovs-vswitchd (``ovs-appctl METHOD``); raises `NoAnswer`."""
    return run("ovs-appctl", f"--timeout={TIMEOUT_S:.0f}", method, *parameters)


def dpid_of(bridge: str) -> int | None:
    """The dpid of a bridge of this machine; None where it has no such bridge. Raises `NoAnswer`."""
    options = (f"--timeout={TIMEOUT_S:.0f}", "--no-wait", "--if-exists")
    text = run("ovs-vsctl", *options, "get", "Bridge", bridge, "datapath_id").strip().strip('"')
    return int(text, 16) if text and text != "[]" else None


@dataclass(frozen=True, slots=True)
class Ovs:
    """An Open vSwitch to ask: its daemon, and whose a bridge's name is."""

    appctl: Callable[..., str]
    dpid_of: Callable[[str], int | None]


LOCAL: Final = Ovs(appctl, dpid_of)
"""This machine's."""


def run(*command: str) -> str:
    """What a tool prints; raises `NoAnswer`."""
    if shutil.which(command[0]) is None:
        raise NoAnswer(f"{command[0]} is not installed here")
    pipe = subprocess.PIPE
    process = subprocess.Popen(list(command), stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.STDOUT)
    try:
        with eventlet.Timeout(TIMEOUT_S + 1, NoAnswer(f"{command[0]} took more than {TIMEOUT_S:.0f} s")):
            text = process.communicate()[0].decode(errors="replace")
    finally:
        if process.poll() is None:
            process.kill()
    if process.returncode:
        raise NoAnswer(f"{command[0]}: {text.strip() or f'exit status {process.returncode}'}")
    return str(text)
