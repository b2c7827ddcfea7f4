"""The whole document: read it, plan another, replace what the API owns, have the file read again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eventlet import tpool
from webob import Response

from apps.rest.answers import json_response, yaml_response
from apps.rest.bodies import SOURCE, Given, has_body, read_body
from apps.rest.changing import CHANGING, DRY_RUN, answer_change, changed_answers, plan_change, require
from apps.rest.http import Call, Query, Route
from apps.rest.media import JSON, YAML
from apps.rest.names import BASE
from apps.rest.preconditions import check_preconditions, tag_of
from apps.rest.problems import Reason, Refused
from apps.rest.routes import Answer, Body
from apps.rest.waiting import WAIT, wait_s
from apps.views import FabricViews
from controller.edits import is_edit_of_file, judge
from controller.model.desired import Desired
from controller.model.document import build_document, document_tree, dump_document
from controller.model.problems import DocumentError, Problem, counted
from controller.model.spec import Document
from controller.planner import Plan
from controller.views.changed import Changed
from controller.views.fabric import effective_document
from controller.views.reading import Reading

_FORMAT = Query("format", "yaml or json (it goes before Accept)", ("yaml", "json"))
_PLAN = Query("plan", "the id of a plan: carry out exactly that; no body, and no dry_run then")
_PATH = f"{BASE}/document"
_TREE = dict[str, Any]


def document_routes(views: FabricViews) -> Iterator[Route]:
    """The document's verbs."""
    answer = _Documents(views)
    yield Route(
        "GET",
        _PATH,
        "The whole spec",
        answer.get,
        (_FORMAT,),
        (YAML, JSON),
        answers={200: Answer(_TREE, "the document")},
    )
    yield Route(
        "PUT",
        _PATH,
        "Replace what the API owns, or plan any document",
        answer.put,
        (DRY_RUN, _PLAN, WAIT),
        body=Body(_TREE, "the document", (YAML, JSON), required=False),
        answers=changed_answers(Changed),
        reasons=(Reason.FILE_OWNS, Reason.MOVED_ON, Reason.INVALID_DOCUMENT, Reason.CONTRADICTORY, *CHANGING),
        scope="write",
    )
    yield Route(
        "POST",
        f"{_PATH}/reload",
        "Read the document's file again",
        answer.reload,
        (WAIT,),
        answers={status: Answer(Changed, found.about) for status, found in changed_answers(Changed).items()},
        reasons=(Reason.NO_FILE, Reason.INVALID_DOCUMENT, Reason.UNSAFE, Reason.NOT_WRITTEN),
        scope="write",
    )


class _Documents:
    """The handlers."""

    def __init__(self, views: FabricViews) -> None:
        self._views = views

    def get(self, call: Call) -> Response:
        """What is asked for, as one writes it."""
        document = self._now()
        tag = tag_of(document_tree(document))
        if call.media == JSON:
            return json_response(document_tree(document), tag=tag)
        return yaml_response(dump_document(document), tag)

    def put(self, call: Call) -> Response:
        """Replace what the API owns, carry out a plan, or make one."""
        wait_s(call)
        number = call.first("plan")
        if number is not None:
            require(judge(self._carry_out(call, number)))
            return answer_change(self._views, call)
        if not has_body(call):
            raise Refused(Reason.CONTRADICTORY, "there is nothing to do: expected a document, or the id of a plan")
        if not call.says("dry_run"):
            self._refuse_edit_of_file()
        document = _document_of(read_body(call))
        if call.says("dry_run"):
            return plan_change(self._views, lambda: self._asked(call, document))
        require(judge(self._views.changes.change(lambda: self._asked(call, document))))
        return answer_change(self._views, call)

    def reload(self, call: Call) -> Response:
        """Take the file over as it is now, or say what is wrong with it."""
        wait_s(call)
        file = self._views.changes.file
        if file is None:
            raise Refused(Reason.NO_FILE, "there is no document to read again: Backplane was started without one")
        try:
            require(judge(self._views.reload()))
        except DocumentError as error:
            raise _invalid(file, error.problems) from error
        except (OSError, UnicodeDecodeError) as error:
            raise _invalid(file, (Problem("", f"the file cannot be read: {error}"),)) from error
        return answer_change(self._views, call)

    def _now(self) -> Document:
        return effective_document(Reading(self._views.control))

    def _asked(self, call: Call, document: Document) -> Desired:
        check_preconditions(call.request, tag_of(document_tree(self._now())))
        return self._views.changes.with_document(document)

    def _carry_out(self, call: Call, number: str) -> Plan:
        if has_body(call) or call.says("dry_run"):
            raise Refused(Reason.CONTRADICTORY, "a plan is carried out as it is: expected no body, and no dry_run")
        plan = self._views.changes.find_plan(number)
        if plan is not None and is_edit_of_file(plan):
            self._refuse_edit_of_file()
        return self._views.changes.carry_out(number)

    def _refuse_edit_of_file(self) -> None:
        file = self._views.changes.file
        if file is not None:
            detail = f"the document is that of {file}: edit the file, and have it read again (POST {_PATH}/reload)"
            raise Refused(Reason.FILE_OWNS, detail)


def _document_of(given: Given) -> Document:
    """Read in a thread: a large document takes its time."""
    try:
        document: Document = tpool.execute(build_document, given, SOURCE)
    except DocumentError as error:
        raise _invalid(SOURCE, error.problems) from error
    return document


def _invalid(source: str, problems: tuple[Problem, ...]) -> Refused:
    detail = f"{source} has {counted(problems)}; nothing was changed"
    return Refused(Reason.INVALID_DOCUMENT, detail, problems=problems)
