"""Follow a packet: the question comes in a body, the answer explains every step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from webob import Response

from apps.ovs_trace import check_trace
from apps.rest.answers import json_response
from apps.rest.bodies import read_body
from apps.rest.names import BASE
from apps.rest.problems import Reason, Refused
from apps.rest.routes import Answer, Body, Call, Query, Route
from apps.views import FabricViews
from controller.model.problems import Problem, to_problems
from controller.model.wording import listed, printable
from controller.trace import (
    BadQuestion,
    Lines,
    Traced,
    TraceQuestion,
    TraceView,
    UnknownName,
    read_question,
    trace,
)

MAX_QUESTION_BYTES = 64 * 1024
_CHECK = Query("check", "ovs: compare with what the bridges of this machine do", ("ovs",))


def trace_routes(views: FabricViews) -> Iterator[Route]:
    """The one route."""
    tracer = _Tracer(views)
    yield Route(
        "POST",
        f"{BASE}/trace",
        "Follow a packet through the fabric",
        tracer.trace,
        (_CHECK,),
        body=Body(TraceQuestion, "A packet, in words or as bytes"),
        answers={200: Answer(TraceView, "What becomes of it, also where it is dropped")},
        reasons=(Reason.UNKNOWN_NAME, Reason.INVALID_QUESTION),
    )


class _Tracer:
    """The handler, which remembers where things stand in the document's file."""

    def __init__(self, views: FabricViews) -> None:
        self._views = views
        self._read: tuple[object, Lines] = (None, Lines())

    def trace(self, call: Call) -> Response:
        """Follow the packet, and compare if asked to."""
        traced = self._traced(_question(call))
        view = traced.view
        if call.first("check") == "ovs":
            view = view.model_copy(update={"check": check_trace(self._views.control, traced)})
        return json_response(view)

    def _traced(self, question: TraceQuestion) -> Traced:
        try:
            return trace(self._views.control, question, self._lines())
        except UnknownName as unknown:
            raise Refused(Reason.UNKNOWN_NAME, printable(str(unknown))) from unknown
        except BadQuestion as bad:
            raise _invalid(bad) from bad

    def _lines(self) -> Lines:
        """The lines of the document's file, read again when the file is another."""
        file = self._views.state.file
        seen = _stamp(file)
        if seen != self._read[0] and file is not None:
            self._read = (seen, Lines(_text(file), str(file)))
        return self._read[1]


def _stamp(file: Path | None) -> object:
    try:
        found = file.stat() if file else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _question(call: Call) -> TraceQuestion:
    if (call.request.content_length or 0) > MAX_QUESTION_BYTES:
        raise Refused(Reason.TOO_LARGE, f"the question is too long: expected at most {MAX_QUESTION_BYTES} bytes")
    given = read_body(call)
    try:
        if given.found:
            raise BadQuestion(tuple(to_problems(given.found, given.lines)))
        return read_question(given.value)
    except BadQuestion as bad:
        raise _invalid(bad) from bad


def _invalid(bad: BadQuestion) -> Refused:
    problems = tuple(Problem(problem.place, printable(problem.message)) for problem in bad.problems)
    places = listed(problem.place or "the body" for problem in problems)
    detail = f"the question cannot be answered as it is: see {places}"
    return Refused(Reason.INVALID_QUESTION, detail, problems=problems)
