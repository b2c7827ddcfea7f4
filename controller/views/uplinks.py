"""Uplinks: the ports to the external network, and who was heard behind them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, TypeAlias

from controller.model.spec import UplinkSpec
from controller.model.topology import End
from controller.views.reading import Reading
from controller.views.resource import Resource, Status

UplinkState: TypeAlias = Literal["up", "down", "inactive"]
"""`down`: its port has no carrier or is not there, or its platform has failed; `inactive`: it does not go with the
document's file."""


class UplinkStatus(Status):
    """An uplink as it is now."""

    state: UplinkState
    segment: str
    platform: str
    port: int
    port_name: str
    rate_bps: int | None
    """Its capacity each way; null: not limited."""
    servers: tuple[str, ...]
    """Hosts that were heard behind it, by the names of learned servers."""


def uplink_names(reading: Reading) -> Collection[str]:
    """All uplinks."""
    return reading.fabric.declared.uplinks.keys()


def view_uplink(reading: Reading, name: str) -> Resource[UplinkSpec, UplinkStatus]:
    """One uplink; `name` is one of `uplink_names`."""
    spec = reading.fabric.declared.uplinks[name]
    status = _status(reading, name, spec, "up" if _is_up(reading, (spec.platform, spec.port)) else "down")
    return Resource(name=name, origin=reading.origin(("uplinks", name)), spec=spec, status=status)


def inactive_uplink(reading: Reading, name: str, spec: UplinkSpec, reasons: tuple[str, ...]) -> UplinkStatus:
    """The status of one that does not fit."""
    return _status(reading, name, spec, "inactive", reasons)


def _status(
    reading: Reading, name: str, spec: UplinkSpec, state: UplinkState, reasons: tuple[str, ...] = ()
) -> UplinkStatus:
    end = (spec.platform, spec.port)
    return UplinkStatus(
        state=state,
        alarms=reading.alarms_of(name),
        reasons=reasons,
        segment=spec.segment,
        platform=spec.platform,
        port=spec.port,
        port_name=reading.fabric.port_name(end),
        rate_bps=spec.rate,
        servers=() if state == "inactive" else reading.servers_at.get(end, ()),
    )


def _is_up(reading: Reading, end: End) -> bool:
    return end[0] not in reading.control.failures.failed and reading.fabric.wiring.is_up(end)
