"""Platforms: one dpid each, and one use for each port."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TypeAlias

from controller.model.draft import Draft, specs
from controller.model.problems import Found, Place

Port: TypeAlias = tuple[str, int]
User: TypeAlias = tuple[Place, str, int | None]
"""Who uses a port: its place, what it is, and the VLAN of a tagged server."""


def check(draft: Draft) -> Iterator[Found]:
    """Dpids, then ports."""
    yield from _dpids(draft)
    for (_, port), users in _port_users(draft).items():
        for index, (place, _, vlan) in enumerate(users):
            clash = next((user for user in users[:index] if _clashes(vlan, user[2])), None)
            if clash:
                yield _clash(place, port, vlan, clash)


def _dpids(draft: Draft) -> Iterator[Found]:
    first: dict[int, str] = {}
    for entry, spec in specs(draft.platforms):
        taken = first.setdefault(spec.dpid, entry.name)
        if taken != entry.name:
            yield (*entry.place, "dpid"), f"dpid {spec.dpid} is already that of platform '{taken}'"


def _port_users(draft: Draft) -> dict[Port, list[User]]:
    users: defaultdict[Port, list[User]] = defaultdict(list)
    for trunk, trunk_spec in specs(draft.trunks):
        platform, _, name = trunk.name.partition(".")
        users[platform, trunk_spec.port].append((trunk.place, f"trunk '{name}'", None))
    for server, server_spec in specs(draft.servers):
        users[server_spec.platform, server_spec.port].append(
            (server.place, f"server '{server.name}'", server_spec.vlan)
        )
    for uplink, uplink_spec in specs(draft.uplinks):
        users[uplink_spec.platform, uplink_spec.port].append((uplink.place, f"uplink '{uplink.name}'", None))
    return users


def _clashes(vlan: int | None, other: int | None) -> bool:
    """Several servers share a port where each has a VLAN of its own."""
    return vlan is None or other is None or vlan == other


def _clash(place: Place, port: int, vlan: int | None, taken: User) -> Found:
    _, name, other = taken
    if vlan is not None and vlan == other:
        return (*place, "vlan"), f"VLAN {vlan} of port {port} is already that of {name}"
    both_servers = place[-2] == "servers" and name.startswith("server")
    advice = "; servers share a port only where each has a vlan of its own" if both_servers else ""
    return (*place, "port"), f"port {port} is already that of {name}{advice}"
