"""How a link or a platform is to be used: ``/links/{name}/admin``, whoever asked for the resource."""

from __future__ import annotations

from collections.abc import Iterator

from webob import Response

from apps.rest.answers import json_response
from apps.rest.bodies import read_body
from apps.rest.changing import answer_change
from apps.rest.http import Call, Route
from apps.rest.names import BASE, find_name
from apps.rest.preconditions import check_preconditions, tag_of
from apps.rest.problems import Reason, Refused
from apps.rest.routes import Answer, Body
from apps.rest.waiting import WAIT, wait_s
from apps.views import FabricViews
from controller.model.desired import Key
from controller.model.fabric import AdminState
from controller.model.problems import DocumentError, counted
from controller.model.resource_reader import read_override
from controller.views.kinds import Kind
from controller.views.overrides import ChangedOverride, Override, override_names, view_override, with_override
from controller.views.reading import Reading


def override_routes(views: FabricViews, kind: Kind) -> Iterator[Route]:
    """Read and write the override of one kind."""
    answer = _Overrides(views, kind)
    path = f"{BASE}/{kind.plural}/{{name}}/admin"
    yield Route(
        "GET",
        path,
        f"How a {kind.name} is to be used",
        answer.get,
        answers={200: Answer(Override, "its own override; `status.admin` is what holds")},
        reasons=(Reason.UNKNOWN_NAME,),
    )
    yield Route(
        "PUT",
        path,
        f"Use a {kind.name} as it can be, drain it or shut it",
        answer.put,
        (WAIT,),
        body=Body(Override, "up, drain (only what has no other way) or down"),
        answers={
            200: Answer(ChangedOverride, "it is kept, over restarts"),
            202: Answer(ChangedOverride, "it is kept, and when `wait` was over, switches had yet to confirm it"),
        },
        reasons=(
            Reason.UNKNOWN_NAME,
            Reason.INVALID_SPEC,
            Reason.NOT_AS_EXPECTED,
            Reason.TOO_BUSY,
            Reason.NOT_WRITTEN,
        ),
        scope="write",
    )


class _Overrides:
    """The handlers for one kind."""

    def __init__(self, views: FabricViews, kind: Kind) -> None:
        self._views, self._kind = views, kind

    def _find(self, call: Call) -> tuple[Reading, Key]:
        reading = Reading(self._views.control)
        name = find_name(self._kind.name, call.names["name"], override_names(reading, self._kind))
        return reading, (self._kind.plural, name)

    def _override(self, call: Call) -> Override:
        reading, key = self._find(call)
        return view_override(reading, key)

    def get(self, call: Call) -> Response:
        """The override as it is."""
        override = self._override(call)
        return json_response(override, tag=tag_of(override))

    def put(self, call: Call) -> Response:
        """Another override."""
        wait_s(call)
        _, key = self._find(call)
        state = _state_of(call)
        self._views.changes.set_admin(key, state, lambda: self._check(call))
        return answer_change(self._views, call, shown=lambda changed: with_override(state, changed))

    def _check(self, call: Call) -> None:
        check_preconditions(call.request, tag_of(self._override(call)))


def _state_of(call: Call) -> AdminState:
    given = read_body(call)
    try:
        return read_override(given)
    except DocumentError as error:
        detail = f"the override has {counted(error.problems)}; nothing was changed"
        raise Refused(Reason.INVALID_SPEC, detail, problems=error.problems) from error
