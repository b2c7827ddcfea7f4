"""The ways to switch that `failover` compares: each builds a fabric, and knows when it has settled."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from commands import CommandFailed, run, vsctl
from lab import Lab
from steps import link_is_up, wait_for

if TYPE_CHECKING:
    from breakages import Breakage

Controller = Literal["up", "stopped"]
SETTLED_S = 60.0
_SLOW_MS = 1000


def _nothing(_breakage: Breakage) -> None:
    """For a side that has nothing to wait for."""


@dataclass(frozen=True)
class Side:
    """A fabric that is up, with one way to switch."""

    name: str
    lab: Lab
    settled: Callable[[Breakage], None]
    """Returns when a mended fabric is as it was before; raises `StepFailed`."""
    repaired: Callable[[Breakage], None] = _nothing
    """Returns when whoever computes paths has dealt with a fault; raises `StepFailed`."""
    unfit: frozenset[str] = frozenset({"drain"})
    """Faults that are not tried on it."""
    patience_s: float = 5.0
    """How long what has another way may take to get through again."""


@contextlib.contextmanager
def backplane(text: str, controller: Controller) -> Iterator[Side]:
    """Backplane; `stopped`: its controller is killed as soon as the fabric is ready."""
    with Lab(text) as lab:
        wait_live(lab, lab.document.platforms)
        wait_fast(lab, lab.document.links)
        lab.wait_converged()
        if controller == "stopped":
            lab.kill_controller()
            yield Side("Backplane, stopped", lab, partial(_settle_alone, lab))
        else:
            repaired = partial(_repair, lab)
            yield Side("Backplane, up", lab, partial(_return_to_use, lab), repaired, unfit=frozenset())


def _settle_alone(lab: Lab, breakage: Breakage) -> None:
    """An empty bridge is only filled by the controller: it comes for a moment, and is killed again."""
    if breakage.empties:
        lab.start_controller()
        lab.wait_converged()
        _return_to_use(lab, breakage)
        lab.kill_controller()
    _wait_whole(lab, breakage)


def _wait_whole(lab: Lab, breakage: Breakage) -> None:
    wait_live(lab, breakage.platforms)
    wait_fast(lab, breakage.links)


def _repair(lab: Lab, breakage: Breakage) -> None:
    """Wait until the controller has led all traffic away from what is gone."""
    for link in breakage.links if breakage.stays else ():
        wait_for(lambda name=link: not link_is_up(lab, name), f"link {link} not up", SETTLED_S)  # type: ignore[misc]
    _wait_converged(lab)


def _return_to_use(lab: Lab, breakage: Breakage) -> None:
    """Wait until the controller leads traffic over it again: the fabric's `hold` after it works."""
    _wait_whole(lab, breakage)
    for link in breakage.links:
        wait_for(lambda name=link: _is_used(lab, name), f"link {link} up and in use", SETTLED_S)  # type: ignore[misc]
    _wait_converged(lab)


def _is_used(lab: Lab, link: str) -> bool:
    status = lab.api(f"/links/{link}")["status"]
    return status["state"] == "up" and not status["waits"]


def _wait_converged(lab: Lab) -> None:
    wait_for(lambda: bool(lab.api("/fabric")["status"]["converged"]), "the fabric converged", SETTLED_S)


def wait_live(lab: Lab, platforms: Collection[str]) -> None:
    """Wait until all cabled ports of some platforms carry traffic, as their switch sees it."""
    for platform in platforms:
        wait_for(lambda p=platform: _live(lab, p) >= set(ports_of(lab, p)), f"all ports of {platform} live", SETTLED_S)  # type: ignore[misc]


def ports_of(lab: Lab, platform: str) -> list[str]:
    """The interfaces of a platform that have a cable."""
    switch = lab.switch(platform)
    return [intf.name for intf, number in switch.ports.items() if number]


def wait_fast(lab: Lab, links: Collection[str]) -> None:
    """Wait until silence on some links would be found as fast as it can be.

    BFD sends every second until it is up (RFC 5880, 6.8.3), and expects as little of its neighbour for a second more.
    """
    for link in links:
        for end in (lab.wiring.cables[link].intf1.name, lab.wiring.cables[link].intf2.name):
            wait_for(lambda name=end: _is_watched(name), f"BFD fast on {end}", SETTLED_S)  # type: ignore[misc]


def _is_watched(interface: str) -> bool:
    try:
        shown = run("ovs-appctl", "bfd/show", interface)
    except CommandFailed:  # without BFD there is nothing to wait for
        return True
    expected = re.search(r"RX Interval: Approx (\d+)ms", shown)
    return expected is not None and int(expected[1]) < _SLOW_MS


def flaps(lab: Lab) -> dict[str, int]:
    """How often BFD has changed its mind, by link, at both ends together; nothing where it is off."""
    shown = vsctl("--format=json", "--columns=name,bfd_status", "list", "Interface")
    counts = {name: int(dict(status[1]).get("flap_count", 0)) for name, status in json.loads(shown)["data"]}
    ends = {
        link: (lab.wiring.cables[link].intf1.name, lab.wiring.cables[link].intf2.name) for link in lab.document.links
    }
    return {link: sum(counts.get(name, 0) for name in names) for link, names in ends.items()}


def _live(lab: Lab, platform: str) -> set[str]:
    try:
        shown = lab.switch(platform).dpctl("dump-ports-desc")
    except CommandFailed:  # the bridge is not there yet
        return set()
    ports = re.findall(r"^ \d+\((\S+)\):(.*?)^ +speed", shown, re.MULTILINE | re.DOTALL)
    return {name for name, text in ports if re.search(r"state:.*LIVE", text)}
