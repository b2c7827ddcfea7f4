"""Whether what is to be taken out of use still carries anything, so that a person knows when to pull the cable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from controller.model.topology import Link
from controller.views.reading import Reading

Use: TypeAlias = Literal["servers", "uplinks", "paths", "trees", "bypasses", "old_rules"]
"""`servers`, `uplinks`: some are plugged in; `paths`: traffic from platform to platform; `trees`: what is flooded;
`bypasses`: traffic when another link fails; `old_rules`: a switch has not yet confirmed that it is out of use."""
IN_USE: Final[tuple[Use, ...]] = ("old_rules",)


def is_empty(uses: tuple[Use, ...]) -> bool:
    """Whether nothing goes over it now: what others fall back to carries nothing while they work."""
    return set(uses) <= {"bypasses"}


def uses_of_link(reading: Reading, link: Link) -> tuple[Use, ...]:
    """What goes over a link, be it little."""
    if not all(_is_at_rest(reading, platform) for platform, _ in link.ends):
        return IN_USE
    found: dict[Use, bool] = {
        "paths": link.name in reading.routing.live and any(_leads_on(reading, link, end[0], "") for end in link.ends),
        "trees": any(link.name in links for _, links in reading.fabric.trees.values()),
        "bypasses": any(link.name in way for _, way in _bypasses(reading)),
    }
    return tuple(use for use, is_so in found.items() if is_so)


def uses_of_platform(reading: Reading, name: str) -> tuple[Use, ...]:
    """What needs a platform: its servers and uplinks, and what passes through it from others to others."""
    own = {link.name: link for link in reading.links.values() if name in (end[0] for end in link.ends)}
    around = {name, *(link.other(name)[0] for link in own.values())}
    if not all(_is_at_rest(reading, platform) for platform in around):
        return IN_USE
    live = [link for link in own.values() if link.name in reading.routing.live]
    found: dict[Use, bool] = {
        "servers": any(server.platform == name for server in reading.fabric.servers.values()),
        "uplinks": any(uplink.platform == name for uplink in reading.fabric.declared.uplinks.values()),
        "paths": any(_leads_on(reading, link, link.other(name)[0], name) for link in live),
        "trees": any(not own.keys().isdisjoint(links) for _, links in reading.fabric.trees.values()),
        "bypasses": any(link not in own and not own.keys().isdisjoint(way) for link, way in _bypasses(reading)),
    }
    return tuple(use for use, is_so in found.items() if is_so)


def _is_at_rest(reading: Reading, platform: str) -> bool:
    """Whether a switch is known to hold what is wanted of it."""
    switch = reading.control.reconciler.switches.get(platform)
    if switch is None or platform not in reading.control.connected or reading.fabric.changes:
        return False
    return switch.connected and not (switch.pending or switch.in_flight)


def _leads_on(reading: Reading, link: Link, near: str, beyond: str) -> bool:
    """Whether `near` sends anything by a link that is not for `beyond` itself."""
    port = link.port_on(near)
    others = (name for name in reading.fabric.platforms if name not in (near, beyond))
    return any(port in reading.routing.ports(near, name) for name in others)


def _bypasses(reading: Reading) -> Iterator[tuple[str, frozenset[str]]]:
    """Each link that is used, and what its bypass uses."""
    for name, link in reading.routing.live.items():
        for near, _ in link.ends:
            way = reading.routing.way_round(name, near)
            if way is not None:
                yield name, frozenset(step.name for step in way.links)
