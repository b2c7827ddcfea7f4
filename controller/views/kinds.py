"""The kinds of resource: one entry each, from which the API's routes are made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, get_args

from controller.model.spec import LinkSpec, PlatformSpec, ReservationSpec, SegmentSpec, ServerSpec, Spec, UplinkSpec
from controller.views.links import LinkStatus, inactive_link, link_names, view_link
from controller.views.platforms import PlatformStatus, inactive_platform, platform_names, view_platform
from controller.views.reading import Reading
from controller.views.reservations import (
    ReservationStatus,
    inactive_reservation,
    reservation_names,
    view_reservation,
)
from controller.views.resource import Resource, Status
from controller.views.segments import SegmentStatus, inactive_segment, segment_names, view_segment
from controller.views.servers import ServerStatus, inactive_server, server_names, view_server
from controller.views.uplinks import UplinkStatus, inactive_uplink, uplink_names, view_uplink

AnyResource: TypeAlias = Resource[Any, Any]
Filter: TypeAlias = Callable[[Reading, AnyResource], Collection[str]]
"""The values of a resource that a filter compares with what is asked for."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource: how its names are listed, how one is shown, and what a list can be filtered by.

    `plural` is its place in the API and its section of the document.
    """

    name: str
    plural: str
    spec: type[Spec]
    status: type[Status]
    live: Callable[[Reading], Collection[str]]
    """The names of those that hold, asked for or found."""
    view_live: Callable[[Reading, str], AnyResource]
    status_inactive: Callable[[Reading, str, Any, tuple[str, ...]], Status]
    """The status of one that the API made and that does not fit: its name, its spec and why."""
    filters: Mapping[str, Filter] = field(default_factory=dict)

    @property
    def states(self) -> tuple[str, ...]:
        """The closed list of its `status.state`."""
        return get_args(self.status.model_fields["state"].annotation)

    @property
    def has_override(self) -> bool:
        """Whether it can be drained or shut."""
        return "admin" in self.status.model_fields

    def names(self, reading: Reading) -> Collection[str]:
        """All there are."""
        return {*self.live(reading), *reading.inactive(self.plural)}

    def view(self, reading: Reading, name: str) -> AnyResource:
        """One resource; `name` is one of `names`."""
        if name in self.live(reading):
            return self.view_live(reading, name)
        spec = reading.fabric.desired.made[self.plural, name]
        status = self.status_inactive(reading, name, spec, reading.inactive(self.plural)[name])
        return Resource[Any, Any](name=name, origin="api", spec=spec, status=status)

    def listed(self, reading: Reading, wanted: Mapping[str, Collection[str]]) -> list[AnyResource]:
        """All resources that have one of the wanted values for every filter, by name."""
        resources = (self.view(reading, name) for name in sorted(self.names(reading)))
        return [resource for resource in resources if self._fits(reading, resource, wanted)]

    def _fits(self, reading: Reading, resource: AnyResource, wanted: Mapping[str, Collection[str]]) -> bool:
        return all(set(values) & set(self.filters[name](reading, resource)) for name, values in wanted.items())


def _state(_: Reading, resource: AnyResource) -> Collection[str]:
    return (resource.status.state,)


def _segments_of_platform(reading: Reading, resource: AnyResource) -> Collection[str]:
    servers = (name for port in resource.status.ports for name in port.servers)
    return {reading.fabric.servers[name].segment for name in servers}


def _segments_flooded_over(reading: Reading, resource: AnyResource) -> Collection[str]:
    return {segment for segment, (_, links) in reading.fabric.trees.items() if resource.name in links}


KINDS: tuple[Kind, ...] = (
    Kind(
        "segment",
        "segments",
        SegmentSpec,
        SegmentStatus,
        segment_names,
        view_segment,
        inactive_segment,
        {"state": _state, "platform": lambda _, segment: segment.status.platforms},
    ),
    Kind(
        "platform",
        "platforms",
        PlatformSpec,
        PlatformStatus,
        platform_names,
        view_platform,
        inactive_platform,
        {"state": _state, "segment": _segments_of_platform},
    ),
    Kind(
        "server",
        "servers",
        ServerSpec,
        ServerStatus,
        server_names,
        view_server,
        inactive_server,
        {
            "state": _state,
            "platform": lambda _, server: (server.status.platform,),
            "segment": lambda _, server: (server.status.segment,),
        },
    ),
    Kind(
        "uplink",
        "uplinks",
        UplinkSpec,
        UplinkStatus,
        uplink_names,
        view_uplink,
        inactive_uplink,
        {
            "state": _state,
            "platform": lambda _, uplink: (uplink.status.platform,),
            "segment": lambda _, uplink: (uplink.status.segment,),
        },
    ),
    Kind(
        "link",
        "links",
        LinkSpec,
        LinkStatus,
        link_names,
        view_link,
        inactive_link,
        {
            "state": _state,
            "platform": lambda _, link: tuple(end.partition(".")[0] for end in link.spec.ends),
            "segment": _segments_flooded_over,
        },
    ),
    Kind(
        "reservation",
        "reservations",
        ReservationSpec,
        ReservationStatus,
        reservation_names,
        view_reservation,
        inactive_reservation,
        {
            "state": _state,
            "server": lambda _, reservation: (reservation.spec.source, reservation.spec.target),
        },
    ),
)
"""In the order in which the API lists them."""
