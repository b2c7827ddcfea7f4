"""The fabric as a whole, its document and the paths through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from webob import Response

from apps.rest.answers import json_response, yaml_response
from apps.rest.http import Call, Query, Route
from apps.rest.media import JSON, YAML
from apps.rest.problems import BY_WORD, Reason, Refused
from apps.rest.resources import BASE, find_name
from apps.views import FabricViews
from controller.model.document import document_tree, dump_document
from controller.model.problems import DocumentError, Problem
from controller.views.fabric import effective_document, view_fabric
from controller.views.paths import Refusal, view_paths
from controller.views.reading import Reading

_FORMAT = Query("format", "yaml or json (it goes before Accept)", ("yaml", "json"))
_ENDS = tuple(Query(name, "the name of a server", required=True) for name in ("from", "to"))


def fabric_routes(views: FabricViews) -> Iterator[Route]:
    """What there is one of."""
    answer = _Answers(views)
    yield Route("GET", f"{BASE}/fabric", "The fabric as a whole", answer.fabric)
    yield Route("GET", f"{BASE}/document", "The whole spec", answer.document, (_FORMAT,), (YAML, JSON))
    yield Route("POST", f"{BASE}/document/reload", "Read the document's file again", answer.reload)
    yield Route("GET", f"{BASE}/paths", "How packets from one server reach another", answer.paths, _ENDS)


class _Answers:
    """The handlers."""

    def __init__(self, views: FabricViews) -> None:
        self._views = views

    def _reading(self) -> Reading:
        return Reading(self._views.control)

    def fabric(self, _: Call) -> Response:
        """The fabric now."""
        return json_response(view_fabric(self._reading()))

    def document(self, call: Call) -> Response:
        """What is asked for, as one writes it."""
        document = effective_document(self._reading())
        return json_response(document_tree(document)) if call.media == JSON else yaml_response(dump_document(document))

    def reload(self, _: Call) -> Response:
        """Take the file over as it is now, or say what is wrong with it."""
        if self._views.state.file is None:
            raise Refused(Reason.NO_FILE, "there is no document to read again: Backplane was started without one")
        _take_over(self._views.reload, str(self._views.state.file))
        return json_response({"revision": self._views.control.fabric.revision})

    def paths(self, call: Call) -> Response:
        """The paths between two servers."""
        reading = self._reading()
        source, target = (find_name("server", call.query[end][0], reading.fabric.servers) for end in ("from", "to"))
        found = view_paths(reading, source, target)
        if isinstance(found, Refusal):
            raise Refused(BY_WORD[found.reason.value], found.message)
        return json_response(found)


def _take_over(reload: Callable[[], None], file: str) -> None:
    try:
        reload()
    except DocumentError as error:
        raise _invalid(file, error.problems) from error
    except (OSError, UnicodeDecodeError) as error:
        raise _invalid(file, (Problem("", f"the file cannot be read: {error}"),)) from error


def _invalid(file: str, problems: tuple[Problem, ...]) -> Refused:
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    detail = f"{file} has {count}; nothing was changed"
    return Refused(Reason.INVALID_DOCUMENT, detail, problems=problems)
