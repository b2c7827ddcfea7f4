"""The routes of every kind of resource, made from `controller.views.kinds`: a new kind is one entry there."""

from __future__ import annotations

from collections.abc import Iterator

from webob import Response

from apps.rest.answers import json_response
from apps.rest.edits import edit_routes
from apps.rest.http import Call, Handler, Query, Route
from apps.rest.names import BASE, find_name
from apps.rest.overrides import override_routes
from apps.rest.preconditions import resource_tag
from apps.rest.problems import Reason
from apps.rest.routes import Answer
from apps.views import FabricViews
from controller.views.kinds import KINDS, Kind
from controller.views.reading import Reading
from controller.views.resource import Listing, Resource

__all__ = ["BASE", "find_name", "resource_routes"]
_ABOUT = {"segment": "the name of a segment", "platform": "the name of a platform", "server": "an end"}


def resource_routes(views: FabricViews) -> Iterator[Route]:
    """For each kind: the list, one by name, its changes, and its override where it has one."""
    for kind in KINDS:
        yield from _read_routes(views, kind)
        yield from edit_routes(views, kind)
        if kind.has_override:
            yield from override_routes(views, kind)


def _read_routes(views: FabricViews, kind: Kind) -> Iterator[Route]:
    plural, shown = f"{BASE}/{kind.plural}", Resource[kind.spec, kind.status]  # type: ignore[name-defined]
    yield Route(
        "GET",
        plural,
        f"All {kind.plural}, by name",
        _list(views, kind),
        _filters(kind),
        answers={200: Answer(Listing[shown], f"the {kind.plural} that fit all filters")},  # type: ignore[valid-type]
    )
    yield Route(
        "GET",
        f"{plural}/{{name}}",
        f"One {kind.name}",
        _get(views, kind),
        answers={200: Answer(shown, f"the {kind.name}")},
        reasons=(Reason.UNKNOWN_NAME,),
    )


def _list(views: FabricViews, kind: Kind) -> Handler:
    def answer(call: Call) -> Response:
        return json_response({"items": kind.listed(Reading(views.control), call.query)})

    return answer


def _get(views: FabricViews, kind: Kind) -> Handler:
    def answer(call: Call) -> Response:
        reading = Reading(views.control)
        name = find_name(kind.name, call.names["name"], kind.names(reading))
        return json_response(kind.view(reading, name), tag=resource_tag(reading, kind, name))

    return answer


def _filters(kind: Kind) -> tuple[Query, ...]:
    return tuple(
        Query(name, f"one of {', '.join(kind.states)}", kind.states, repeated=True)
        if name == "state"
        else Query(name, _ABOUT[name], repeated=True)
        for name in kind.filters
    )
