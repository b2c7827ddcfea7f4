"""The fabric as a whole, and the paths through it."""

from __future__ import annotations

from collections.abc import Iterator

from webob import Response

from apps.rest.answers import json_response
from apps.rest.http import Call, Query, Route
from apps.rest.names import BASE, find_name
from apps.rest.problems import BY_WORD, Reason, Refused
from apps.rest.routes import Answer
from apps.views import FabricViews
from controller.views.fabric import FabricView, view_fabric
from controller.views.paths import Paths, Refusal, view_paths
from controller.views.reading import Reading

_ENDS = tuple(Query(name, "the name of a server", required=True) for name in ("from", "to"))


def fabric_routes(views: FabricViews) -> Iterator[Route]:
    """What there is one of."""
    answer = _Answers(views)
    yield Route(
        "GET",
        f"{BASE}/fabric",
        "The fabric as a whole",
        answer.fabric,
        answers={200: Answer(FabricView, "the fabric now")},
    )
    yield Route(
        "GET",
        f"{BASE}/paths",
        "How packets from one server reach another",
        answer.paths,
        _ENDS,
        answers={200: Answer(Paths, "the links they take")},
        reasons=(Reason.UNKNOWN_NAME, Reason.SAME_SERVER, Reason.OTHER_SEGMENT, Reason.NOT_JOINED),
    )


class _Answers:
    """The handlers."""

    def __init__(self, views: FabricViews) -> None:
        self._views = views

    def fabric(self, _: Call) -> Response:
        """The fabric now."""
        return json_response(view_fabric(Reading(self._views.control)))

    def paths(self, call: Call) -> Response:
        """The paths between two servers."""
        reading = Reading(self._views.control)
        source, target = (find_name("server", call.query[end][0], reading.fabric.servers) for end in ("from", "to"))
        found = view_paths(reading, source, target)
        if isinstance(found, Refusal):
            raise Refused(BY_WORD[found.reason.value], found.message)
        return json_response(found)
