"""The routes of every kind of resource, made from `controller.views.kinds`: a new kind is one entry there."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from webob import Response

from apps.rest.answers import json_response
from apps.rest.http import Call, Handler, Query, Route
from apps.rest.problems import Reason, Refused
from apps.views import FabricViews
from controller.model.wording import did_you_mean, quoted
from controller.views.kinds import KINDS, Kind
from controller.views.reading import Reading

BASE = "/api/v1"
_ABOUT = {"segment": "the name of a segment", "platform": "the name of a platform"}


def resource_routes(views: FabricViews) -> Iterator[Route]:
    """For each kind: the list, and one by name."""
    for kind in KINDS:
        plural = f"{BASE}/{kind.plural}"
        yield Route("GET", plural, f"All {kind.plural}, by name", _list(views, kind), _filters(kind))
        yield Route("GET", f"{plural}/{{name}}", f"One {kind.name}", _get(views, kind))


def find_name(kind: str, name: str, known: Collection[str]) -> str:
    """A name that exists; raises `Refused` with the name that was probably meant."""
    if name not in known:
        raise Refused(Reason.UNKNOWN_NAME, f"there is no {kind} {quoted(name)}{did_you_mean(name, known)}")
    return name


def _list(views: FabricViews, kind: Kind) -> Handler:
    def answer(call: Call) -> Response:
        return json_response({"items": kind.listed(Reading(views.control), call.query)})

    return answer


def _get(views: FabricViews, kind: Kind) -> Handler:
    def answer(call: Call) -> Response:
        reading = Reading(views.control)
        name = find_name(kind.name, call.names["name"], kind.names(reading))
        return json_response(kind.view(reading, name))

    return answer


def _filters(kind: Kind) -> tuple[Query, ...]:
    return tuple(
        Query(name, f"one of {', '.join(kind.states)}", kind.states, repeated=True)
        if name == "state"
        else Query(name, _ABOUT[name], repeated=True)
        for name in kind.filters
    )
