"""What rates could be had: a reservation that is only tried, and what is left between two ends."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Final

from webob import Response

from apps.rest.answers import json_response
from apps.rest.bodies import read_body
from apps.rest.changing import require
from apps.rest.http import Call, Query, Route
from apps.rest.names import BASE, find_name
from apps.rest.problems import Reason, Refused
from apps.rest.routes import Answer, Body
from apps.views import FabricViews
from controller.edits import judge_put
from controller.model.desired import Key
from controller.model.problems import DocumentError, counted
from controller.model.resource_reader import read_resource
from controller.model.spec import ReservationSpec
from controller.views.capacity import CapacityView, ends_of, view_capacity
from controller.views.plans import PlanView, view_plan
from controller.views.reading import Reading

_TRIED: Final = "tried"
_ENDS: Final = tuple(Query(name, "the name of a server or an uplink", required=True) for name in ("from", "to"))


def rate_routes(views: FabricViews) -> Iterator[Route]:
    """Planning."""
    answer = _Answers(views)
    yield Route(
        "POST",
        f"{BASE}/reservations",
        "What a reservation would get; PUT it under a name to have it",
        answer.try_out,
        (Query("dry_run", "always true: nothing is changed", ("true",), required=True),),
        body=Body(ReservationSpec, "the spec of a reservation"),
        answers={200: Answer(PlanView, "what it would get, and what others would have less: `rates`")},
        reasons=(Reason.INVALID_SPEC, Reason.IN_CONFLICT, Reason.UNSAFE, Reason.NO_ROOM, Reason.TOO_BUSY),
        scope="read",
    )
    yield Route(
        "GET",
        f"{BASE}/capacity",
        "What is left between two servers or uplinks, and what limits it",
        answer.capacity,
        _ENDS,
        answers={200: Answer(CapacityView, "what further reservations could have")},
        reasons=(Reason.UNKNOWN_NAME, Reason.SAME_SERVER, Reason.NOT_READY),
    )


class _Answers:
    """The handlers."""

    def __init__(self, views: FabricViews) -> None:
        self._views = views

    def try_out(self, call: Call) -> Response:
        """The plan of a reservation that is not made."""
        given, key = read_body(call), self._key()
        try:
            spec = read_resource(key, given)
        except DocumentError as error:
            detail = f"the spec has {counted(error.problems)}; nothing was changed"
            raise Refused(Reason.INVALID_SPEC, detail, problems=error.problems) from error
        plan = self._views.changes.plan(lambda: self._views.changes.with_changes({key: spec}))
        require(judge_put(plan, key))
        return json_response(view_plan(plan))

    def _key(self) -> Key:
        """A name that no reservation has."""
        known = self._views.control.fabric.declared.reservations
        return ("reservations", next(name for number in count() if (name := f"{_TRIED}{number or ''}") not in known))

    def capacity(self, call: Call) -> Response:
        """What is left."""
        reading = Reading(self._views.control)
        source, target = (find_name("server or uplink", call.query[end][0], ends_of(reading)) for end in ("from", "to"))
        if source == target:
            raise Refused(Reason.SAME_SERVER, f"from and to are both {source}: expected two ends")
        found = view_capacity(reading, source, target)
        if found is None:
            raise Refused(Reason.NOT_READY, "the controller has yet to look at the links: ask again")
        return json_response(found)
