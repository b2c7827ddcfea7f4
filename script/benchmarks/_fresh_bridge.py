"""A bridge for one run of a benchmark."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

BRIDGE = f"bpr{os.getpid()}"


def run(*words: str) -> str:
    """Run a command; what it says."""
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout


@contextmanager
def bridge(port: int) -> Iterator[None]:
    """A fresh bridge whose controller listens on a port."""
    create = ["add-br", BRIDGE, "--", "set", "bridge", BRIDGE, "datapath_type=netdev", "protocols=OpenFlow13"]
    control = ["fail_mode=secure", "--", "set-controller", BRIDGE, f"tcp:127.0.0.1:{port}"]
    apart = ["--", "set", "controller", BRIDGE, "connection_mode=out-of-band", "max_backoff=1000"]
    try:
        run("ovs-vsctl", "--timeout=20", *create, *control, *apart)
        yield
    finally:
        run("ovs-vsctl", "--timeout=20", "--if-exists", "del-br", BRIDGE)


def flow_count() -> int:
    """How many flow entries the bridge holds."""
    said = run("ovs-ofctl", "-O", "OpenFlow13", "dump-aggregate", BRIDGE)
    found = re.search(r"flow_count=(\d+)", said)
    if found is None:
        raise RuntimeError(f"{BRIDGE}: no flow count in {said!r}")
    return int(found[1])
