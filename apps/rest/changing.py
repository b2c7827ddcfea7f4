"""What all changes share: how each is judged, waited for and answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from webob import Response

from apps.rest.answers import json_response
from apps.rest.http import Call, Query
from apps.rest.problems import Reason, refusal_of_denied
from apps.rest.routes import Answer
from apps.rest.waiting import wait_converged, wait_s
from apps.views import FabricViews
from controller.edits import Denied
from controller.model.desired import Desired
from controller.views.changed import Changed, view_changed
from controller.views.plans import PlanView, view_plan
from controller.views.reading import Reading

DRY_RUN: Final = Query("dry_run", "true: answer what the change would do, and change nothing", ("true", "false"))
CHANGING: Final = (Reason.IN_CONFLICT, Reason.UNSAFE, Reason.NOT_AS_EXPECTED, Reason.TOO_BUSY, Reason.NOT_WRITTEN)
"""Why any change may be refused."""
PLANNED: Final = "with `dry_run`: what the change would do"


def changed_answers(made: Any) -> dict[int, Answer]:
    """What a change answers: `made`, its plan, or that switches have yet to follow."""
    return {
        200: Answer(made | PlanView, f"the change is made and kept; {PLANNED}"),
        202: Answer(made, "it is made and kept, and when `wait` was over, switches had yet to confirm it: `pending`"),
    }


def plan_change(views: FabricViews, desired: Callable[[], Desired]) -> Response:
    """Answer what a change would do."""
    return json_response(view_plan(views.changes.plan(desired)))


def require(denied: Denied | None) -> None:
    """Refuse what is denied."""
    if denied is not None:
        raise refusal_of_denied(denied)


def answer_change(
    views: FabricViews, call: Call, status: int = 200, shown: Callable[[Changed], Any] = lambda changed: changed
) -> Response:
    """Answer a change that was made, after waiting for the switches if that is asked for."""
    seconds = wait_s(call)
    if seconds is not None and not wait_converged(views.control, seconds):
        status = 202
    return json_response(shown(view_changed(Reading(views.control))), status)
