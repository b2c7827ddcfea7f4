"""Servers: where each is, by what it is found, and whether it is."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, TypeAlias

from controller.model.addresses import mac_from_int
from controller.model.identity import Server
from controller.model.spec import Address, ServerSpec
from controller.views.reading import Reading
from controller.views.resource import Resource, Status

ServerState: TypeAlias = Literal["present", "silent", "unreachable", "conflict", "inactive"]
"""`silent`: its MAC is not known yet; `unreachable`: its port is down or not there, or its platform has failed;
`conflict`: it moves to and fro; `inactive`: it does not go with the document's file."""


class ServerStatus(Status):
    """A server as it is now; `mac` and `addresses` include what was determined."""

    state: ServerState
    segment: str
    platform: str
    port: int
    port_name: str
    vlan: int | None
    mac: str | None
    addresses: tuple[Address, ...]


def server_names(reading: Reading) -> Collection[str]:
    """Declared and learned servers."""
    return reading.fabric.servers.keys()


def view_server(reading: Reading, name: str) -> Resource[ServerSpec, ServerStatus]:
    """One server; `name` is one of `server_names`."""
    server = reading.fabric.servers[name]
    return Resource(
        name=name,
        origin=reading.origin(("servers", name)),
        spec=reading.document.servers.get(name) or _seen(server),
        status=_status(reading, server),
    )


def inactive_server(reading: Reading, name: str, spec: ServerSpec, reasons: tuple[str, ...]) -> ServerStatus:
    """The status of one that does not fit."""
    return ServerStatus(
        state="inactive",
        alarms=reading.alarms_of(name),
        reasons=reasons,
        segment=spec.segment,
        platform=spec.platform,
        port=spec.port,
        port_name=reading.fabric.port_name((spec.platform, spec.port)),
        vlan=spec.vlan,
        mac=spec.mac,
        addresses=spec.ip,
    )


def _seen(server: Server) -> ServerSpec:
    return ServerSpec.model_construct(
        platform=server.platform,
        port=server.port,
        segment=server.segment,
        mac=_mac(server),
        ip=_addresses(server),
        vlan=server.vlan,
    )


def _status(reading: Reading, server: Server) -> ServerStatus:
    return ServerStatus(
        state=server_state(reading, server),
        alarms=reading.alarms_of(server.name),
        segment=server.segment,
        platform=server.platform,
        port=server.port,
        port_name=reading.fabric.port_name((server.platform, server.port)),
        vlan=server.vlan,
        mac=_mac(server),
        addresses=_addresses(server),
    )


def server_state(reading: Reading, server: Server) -> ServerState:
    """What became of a server."""
    if any(alarm.kind == "conflict" for alarm in reading.alarms_of(server.name)):
        return "conflict"
    has_failed = server.platform in reading.control.failures.failed
    if has_failed or not reading.fabric.wiring.is_up((server.platform, server.port)):
        return "unreachable"
    return "silent" if server.mac is None else "present"


def _mac(server: Server) -> str | None:
    return None if server.mac is None else mac_from_int(server.mac)


def _addresses(server: Server) -> tuple[Address, ...]:
    return tuple(IPv4Address(value) if version == 4 else IPv6Address(value) for value, version in server.addresses)
