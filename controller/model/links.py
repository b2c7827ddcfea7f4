"""What became of a link: declared and wired, wired otherwise, one-way, down."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from controller.model.fabric import Fabric
from controller.model.spec import link_name
from controller.model.topology import End, Link, Wiring


class LinkState(Enum):
    """A link's status, as the API shows it."""

    UP = "up"
    DOWN = "down"
    HALF = "half"
    MISWIRED = "miswired"


def link_state(wiring: Wiring, link: Link) -> LinkState:
    """Compare what is wired with what was declared."""
    one, other = link.ends
    if wiring.proved(one, other):
        return LinkState.UP if wiring.works(one) and wiring.works(other) else LinkState.DOWN
    peers = {peer for end in link.ends if (peer := wiring.peer(end)) is not None}
    if not peers <= set(link.ends):
        return LinkState.MISWIRED
    return LinkState.HALF if peers else LinkState.DOWN


def is_wired(wiring: Wiring, link: Link) -> bool:
    """Whether a link has been proved and nothing has contradicted it since, be it up or down."""
    one, other = link.ends
    return wiring.wired.get(one) == other


def known_links(fabric: Fabric, ends: Iterable[End] | None = None) -> dict[str, Link]:
    """Declared links and those found between ports that nobody declared; at some ports: those found there alone."""
    if ends is not None:
        return _found_links(fabric, ends)
    return {**_found_links(fabric, fabric.wiring.wired), **fabric.declared.links}


def _found_links(fabric: Fabric, ends: Iterable[End]) -> dict[str, Link]:
    found, wired = {}, fabric.wiring.wired
    for one, other in {(min(end, wired[end]), max(end, wired[end])) for end in ends if end in wired}:
        if one[0] != other[0] and _is_open(fabric, one) and _is_open(fabric, other):
            name = link_name(*(f"{end[0]}.{fabric.port_name(end)}" for end in (one, other)))
            found[name] = Link(name, (one, other), declared=False)
    return found


def _is_open(fabric: Fabric, end: End) -> bool:
    """Whether nobody named a port, on a platform that learns."""
    declared = fabric.declared
    named = end in declared.trunks or declared.is_host_port(end)
    return end[0] in fabric.platforms and not named and declared.undeclared(end[0]).mode == "learn"
