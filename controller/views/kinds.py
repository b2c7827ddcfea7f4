"""The kinds of resource: one entry each, from which the API's routes are made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, get_args

from controller.model.spec import LinkSpec, PlatformSpec, SegmentSpec, ServerSpec, Spec
from controller.views.links import LinkStatus, link_names, view_link
from controller.views.platforms import PlatformStatus, platform_names, view_platform
from controller.views.reading import Reading
from controller.views.resource import Resource, Status
from controller.views.segments import SegmentStatus, segment_names, view_segment
from controller.views.servers import ServerStatus, server_names, view_server

AnyResource: TypeAlias = Resource[Any, Any]
Filter: TypeAlias = Callable[[Reading, AnyResource], Collection[str]]
"""The values of a resource that a filter compares with what is asked for."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource: how its names are listed, how one is shown, and what a list can be filtered by."""

    name: str
    plural: str
    spec: type[Spec]
    status: type[Status]
    names: Callable[[Reading], Collection[str]]
    view: Callable[[Reading, str], AnyResource]
    filters: Mapping[str, Filter] = field(default_factory=dict)

    @property
    def states(self) -> tuple[str, ...]:
        """The closed list of its `status.state`."""
        return get_args(self.status.model_fields["state"].annotation)

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
        {"state": _state, "platform": lambda _, segment: segment.status.platforms},
    ),
    Kind(
        "platform",
        "platforms",
        PlatformSpec,
        PlatformStatus,
        platform_names,
        view_platform,
        {"state": _state, "segment": _segments_of_platform},
    ),
    Kind(
        "server",
        "servers",
        ServerSpec,
        ServerStatus,
        server_names,
        view_server,
        {
            "state": _state,
            "platform": lambda _, server: (server.status.platform,),
            "segment": lambda _, server: (server.status.segment,),
        },
    ),
    Kind(
        "link",
        "links",
        LinkSpec,
        LinkStatus,
        link_names,
        view_link,
        {
            "state": _state,
            "platform": lambda _, link: tuple(end.platform for end in link.status.ends),
            "segment": _segments_flooded_over,
        },
    ),
)
"""In the order in which the API lists them."""
