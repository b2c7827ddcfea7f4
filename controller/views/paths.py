"""Paths: the links that carry traffic from one server to another, and why none does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from controller.model.identity import Server
from controller.views.bypasses import BypassView, view_bypass
from controller.views.reading import Reading
from controller.views.resource import View

ALTERNATIVES: Final = 16
"""How many equal-cost paths are listed."""


class NoPath(Enum):
    """Why there is no path."""

    SAME_SERVER = "same_server"
    OTHER_SEGMENT = "other_segment"
    NOT_JOINED = "not_joined"


@dataclass(frozen=True, slots=True)
class Refusal:
    """There is no path: why, and one clear sentence."""

    reason: NoPath
    message: str


class Hop(View):
    """One link on the way: out of `platform` by `port`, into `to_platform` by `to_port`."""

    link: str
    platform: str
    port: int
    port_name: str
    to_platform: str
    to_port: int
    to_port_name: str
    left_bps: int | None
    """What can still be reserved on it in this direction; null: the link has no rate."""
    bypass: BypassView | None
    """What the switch does by itself when this link fails; None: nothing."""


class Path(View):
    """Hops in order; none where both servers are on one platform."""

    hops: tuple[Hop, ...]


class PinnedPath(Path):
    """The way of a reservation's traffic."""

    reservation: str


class Paths(View):
    """How packets from one server reach another: `hops` and all `alternatives` are shared, by hash."""

    source: str
    target: str
    segment: str
    hops: tuple[Hop, ...]
    alternatives: tuple[Path, ...]
    pinned: tuple[PinnedPath, ...]
    """What has a reservation goes its own way."""


def view_paths(reading: Reading, source: str, target: str) -> Paths | Refusal:
    """All equal-cost shortest paths between two servers that are known."""
    one, other = reading.fabric.servers[source], reading.fabric.servers[target]
    refusal = _kept_apart(one, other)
    if refusal:
        return refusal
    found = _links(reading, one.platform, other.platform)
    if not found:
        message = f"no links that are up lead from {one.platform} ({source}) to {other.platform} ({target})"
        return Refusal(NoPath.NOT_JOINED, message)
    first, *rest = (_hops(reading, one.platform, links) for links in found)
    return Paths(
        source=source,
        target=target,
        segment=one.segment,
        hops=first,
        alternatives=tuple(Path(hops=hops) for hops in rest),
        pinned=tuple(_pinned(reading, one, other)),
    )


def _pinned(reading: Reading, one: Server, other: Server) -> Iterator[PinnedPath]:
    for name in reading.fabric.declared.reservations_of(one.name):
        spec, grant = reading.fabric.declared.reservations[name], reading.fabric.grants.get(name)
        ends = (spec.source, spec.target)
        if grant and (ends == (one.name, other.name) or (spec.both and ends == (other.name, one.name))):
            links = grant.links if ends[0] == one.name else grant.links[::-1]
            yield PinnedPath(reservation=name, hops=_hops(reading, one.platform, links))


def _kept_apart(one: Server, other: Server) -> Refusal | None:
    if one.name == other.name:
        return Refusal(NoPath.SAME_SERVER, f"from and to are both {one.name}: expected two servers")
    if one.segment != other.segment:
        where = f"{one.name} is in segment {one.segment}, {other.name} in {other.segment}"
        message = f"{where}: segments are closed to each other"
        return Refusal(NoPath.OTHER_SEGMENT, message)
    return None


def _links(reading: Reading, source: str, target: str) -> tuple[tuple[str, ...], ...]:
    if source == target:
        return ((),)
    joined = {platform for link in reading.routing.live.values() for platform, _ in link.ends}
    if not {source, target} <= joined:
        return ()
    found = reading.routing.shortest_paths(source, target, ALTERNATIVES)
    return tuple(links for links in found if all(link in reading.links for link in links))


def _hops(reading: Reading, source: str, links: tuple[str, ...]) -> tuple[Hop, ...]:
    hops, here = [], source
    for name in links:
        hop = _hop(reading, name, here)
        hops.append(hop)
        here = hop.to_platform
    return tuple(hops)


def _hop(reading: Reading, name: str, near: str) -> Hop:
    link = reading.links[name]
    far, far_port = link.other(near)
    port = link.port_on(near)
    return Hop(
        link=name,
        platform=near,
        port=port,
        port_name=reading.fabric.port_name((near, port)),
        to_platform=far,
        to_port=far_port,
        to_port_name=reading.fabric.port_name((far, far_port)),
        left_bps=reading.left_bps(name, near),
        bypass=view_bypass(reading, name, near),
    )
