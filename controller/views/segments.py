"""Segments: isolated L2 domains, their members and flood trees."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from controller.model.spec import SegmentSpec, Subnet
from controller.views.reading import Reading
from controller.views.resource import Resource, Status


class SegmentStatus(Status):
    """A segment as it is now; one that is `inactive` has no label (yet), and carries nothing."""

    state: Literal["active", "inactive"]
    label: int | None
    """The VLAN tag of its frames on trunks."""
    subnets: tuple[Subnet, ...]
    servers: tuple[str, ...]
    platforms: tuple[str, ...]
    """Where its servers are."""
    tree: tuple[str, ...]
    """The links that carry its broadcasts."""


def segment_names(reading: Reading) -> Collection[str]:
    """All segments."""
    return reading.fabric.declared.segments


def view_segment(reading: Reading, name: str) -> Resource[SegmentSpec, SegmentStatus]:
    """One segment; `name` is one of `segment_names`."""
    spec = reading.document.segments.get(name) or SegmentSpec()
    return Resource(
        name=name, origin=reading.origin(("segments", name)), spec=spec, status=_status(reading, name, spec)
    )


def inactive_segment(reading: Reading, name: str, spec: SegmentSpec, reasons: tuple[str, ...]) -> SegmentStatus:
    """The status of one that does not fit."""
    alarms = reading.alarms_of(name)
    return SegmentStatus(
        state="inactive",
        alarms=alarms,
        reasons=reasons,
        label=None,
        subnets=spec.subnet,
        servers=(),
        platforms=(),
        tree=(),
    )


def _status(reading: Reading, name: str, spec: SegmentSpec) -> SegmentStatus:
    servers = reading.servers_in.get(name, ())
    label = reading.labels.get(name)
    _, tree = reading.fabric.trees.get(name, (0, frozenset()))
    return SegmentStatus(
        state="inactive" if label is None else "active",
        alarms=reading.alarms_of(name),
        label=label,
        subnets=spec.subnet,
        servers=servers,
        platforms=tuple(sorted({reading.fabric.servers[server].platform for server in servers})),
        tree=tuple(sorted(tree)),
    )
