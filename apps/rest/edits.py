"""PUT and DELETE of one resource of any kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from webob import Response

from apps.rest.answers import json_response
from apps.rest.bodies import read_body
from apps.rest.changing import CHANGING, DRY_RUN, answer_change, changed_answers, plan_change, require
from apps.rest.http import Call, Route
from apps.rest.names import BASE, find_name
from apps.rest.preconditions import check_preconditions, resource_tag
from apps.rest.problems import Reason, Refused
from apps.rest.routes import Answer, Body
from apps.rest.waiting import WAIT, wait_s
from apps.views import FabricViews
from controller.edits import (
    Denied,
    is_renewal,
    judge_delete,
    judge_outcome,
    judge_put,
    judge_room,
    refuse_delete,
    refuse_put,
)
from controller.model.desired import Desired, Key
from controller.model.problems import DocumentError, counted
from controller.model.resource_reader import read_resource
from controller.model.spec import Spec
from controller.planner import Plan
from controller.views.changed import Changed, ChangedResource, with_change
from controller.views.kinds import Kind
from controller.views.plans import view_plan
from controller.views.reading import Reading

_NEGOTIATED: Final = {"reservations": (Reason.NO_ROOM,)}
"""Why a kind of resource may be refused beside what all may be refused for."""


def edit_routes(views: FabricViews, kind: Kind) -> Iterator[Route]:
    """The changes of one kind."""
    answer = _Edits(views, kind)
    path, changed = f"{BASE}/{kind.plural}/{{name}}", ChangedResource[kind.spec, kind.status]  # type: ignore[name-defined]
    yield Route(
        "PUT",
        path,
        f"Make or replace a {kind.name}",
        answer.put,
        (DRY_RUN, WAIT),
        body=Body(kind.spec, f"the spec of the {kind.name}, as GET gives it"),
        answers={**changed_answers(changed), 201: Answer(changed, f"the {kind.name} was made and is kept")},
        reasons=(Reason.FILE_OWNS, Reason.INVALID_SPEC, *_NEGOTIATED.get(kind.plural, ()), *CHANGING),
        scope="write",
    )
    yield Route(
        "DELETE",
        path,
        f"Take a {kind.name} out that the API made",
        answer.delete,
        (DRY_RUN, WAIT),
        answers=changed_answers(Changed),
        reasons=(Reason.UNKNOWN_NAME, Reason.FILE_OWNS, Reason.LEARNED, Reason.REFERRED_TO, *CHANGING),
        scope="write",
    )


class _Edits:
    """The handlers for one kind."""

    def __init__(self, views: FabricViews, kind: Kind) -> None:
        self._views, self._kind = views, kind

    def _key(self, call: Call) -> Key:
        return (self._kind.plural, call.names["name"])

    def put(self, call: Call) -> Response:
        """Make or replace one."""
        wait_s(call)
        edit = _Put(self._views, self._kind, call, _spec_of(call, self._key(call)))
        if call.says("dry_run"):
            plan = self._views.changes.plan(edit.desired)
            require(judge_room(plan, edit.key))
            return json_response(view_plan(plan))
        require(judge_put(self._views.changes.change(edit.desired, edit.objection, edit.regret), edit.key))
        require(edit.regretted)
        return answer_change(self._views, call, 201 if edit.is_new else 200, edit.show)

    def delete(self, call: Call) -> Response:
        """Take one out."""
        wait_s(call)
        if call.says("dry_run"):
            return plan_change(self._views, lambda: self._without(call))
        require(judge_delete(self._views.changes.change(lambda: self._without(call)), self._key(call)))
        return answer_change(self._views, call)

    def _without(self, call: Call) -> Desired:
        """What would be asked for; raises `Refused`."""
        key, reading = self._key(call), Reading(self._views.control)
        name = find_name(self._kind.name, key[1], self._kind.names(reading))
        require(refuse_delete(reading.fabric, key, self._views.changes.file))
        check_preconditions(call.request, resource_tag(reading, self._kind, name))
        return self._views.changes.with_changes({key: None})


class _Put:
    """One resource that is asked for; whether it is new shows when its turn has come."""

    def __init__(self, views: FabricViews, kind: Kind, call: Call, spec: Spec) -> None:
        self._views, self._kind, self._call, self._spec = views, kind, call, spec
        self.key: Key = (kind.plural, call.names["name"])
        self.is_new = False
        self.regretted: Denied | None = None
        """Why it was taken back."""
        self._stands = False

    def desired(self) -> Desired:
        """What would be asked for; raises `Refused`."""
        reading = Reading(self._views.control)
        require(refuse_put(reading.fabric, self.key, self._views.changes.file))
        tag = resource_tag(reading, self._kind, self.key[1])
        check_preconditions(self._call.request, tag)
        self.is_new = tag is None
        outcome = self._views.control.negotiation.outcomes.get(self.key[1])
        self._stands = is_renewal(reading.fabric, self.key, self._spec, outcome)
        return self._views.changes.with_changes({self.key: self._spec})

    def objection(self, plan: Plan) -> Denied | None:
        """What speaks against it."""
        return judge_put(plan, self.key)

    def regret(self) -> Denied | None:
        """A reservation's lease begins anew. One that was granted in the plan and is not now, since the fabric has
        moved on meanwhile, is taken back; a claim that stands is kept as it is."""
        if self.key[0] == "reservations":
            outcome = self._views.control.renew(self.key[1])
            denied = judge_outcome(self.key[1], outcome) if outcome else None
            self.regretted = None if self._stands else denied
        return self.regretted

    def show(self, changed: Changed) -> Any:
        """The resource as it is after the change."""
        reading = Reading(self._views.control)
        name = find_name(self._kind.name, self.key[1], self._kind.names(reading))
        return with_change(self._kind.view(reading, name), changed)


def _spec_of(call: Call, key: Key) -> Spec:
    given = read_body(call)
    try:
        return read_resource(key, given)
    except DocumentError as error:
        detail = f"the spec has {counted(error.problems)}; nothing was changed"
        raise Refused(Reason.INVALID_SPEC, detail, problems=error.problems) from error
