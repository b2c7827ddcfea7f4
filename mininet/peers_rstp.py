"""Beside Backplane: Open vSwitch's own NORMAL switching with rapid spanning tree (RSTP), all at its defaults."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from commands import CommandFailed, run
from lab import Lab
from sides import SETTLED_S, Side, ports_of
from steps import wait_for

from controller.model.document import parse_document

_PATIENCE_S = 20.0
"""Three hello times of 2 s until a silent neighbour is given up."""
_PORT = re.compile(r"^\s+(\S+)\s+(Root|Designated|Alternate|Backup|Disabled|Master)\s+(\S+)\s", re.MULTILINE)

_STATES = {"Root": "Forwarding", "Designated": "Forwarding", "Alternate": "Discarding", "Backup": "Discarding"}

_UNFIT = frozenset({"drain", "one-way"})
"""A blocked port that no longer hears its neighbour forwards, and a ring is a loop."""


class RstpLab(Lab):
    """A lab whose bridges are NORMAL and speak RSTP."""

    def _start_switches(self) -> None:
        for switch in self.wiring.switches.values():
            switch.settings = ("rstp_enable=true",)
        super()._start_switches()


@contextlib.contextmanager
def rstp(text: str) -> Iterator[Side]:
    """Bridges with RSTP, when all of their ports have come to rest."""
    with RstpLab(parse_document(text, "rstp"), normal=True) as lab:
        _wait_settled(lab)
        yield Side("RSTP", lab, lambda _breakage: _wait_settled(lab), patience_s=_PATIENCE_S, unfit=_UNFIT)


def _wait_settled(lab: Lab) -> None:
    """Wait until every port forwards or discards as its role has it."""
    for platform in lab.document.platforms:
        wait_for(lambda p=platform: _at_rest(lab, p), f"RSTP of {platform} at rest", SETTLED_S)  # type: ignore[misc]


def _at_rest(lab: Lab, platform: str) -> bool:
    try:
        shown = run("ovs-appctl", "rstp/show", lab.switch(platform).bridge)
    except CommandFailed:  # it does not know the bridge yet
        return False
    at_rest = {name for name, role, state in _PORT.findall(shown) if state == _STATES.get(role)}
    return at_rest == set(ports_of(lab, platform))
