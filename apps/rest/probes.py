"""Probes for those who start and watch the controller: alive, and ready for switches."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from pydantic import BaseModel
from webob import Response

from apps.rest.answers import json_response
from apps.rest.http import Call, Route
from apps.rest.problems import Reason, Refused
from apps.rest.routes import Answer


class Probe(BaseModel):
    """What a probe answers when all is well."""

    status: str


def probe_routes(not_ready: Callable[[], Collection[str]]) -> Iterator[Route]:
    """`not_ready` tells why the controller is not ready; nothing where it is."""

    def health(_: Call) -> Response:
        return json_response(Probe(status="alive"))

    def readiness(_: Call) -> Response:
        reasons = tuple(not_ready())
        if reasons:
            raise Refused(Reason.NOT_READY, "; ".join(reasons), reasons=reasons)
        return json_response(Probe(status="ready"))

    answers = {200: Answer(Probe, "it is")}
    yield Route("GET", "/healthz", "Whether the controller answers", health, answers=answers, scope="open")
    yield Route(
        "GET",
        "/readyz",
        "Whether switches can connect",
        readiness,
        answers=answers,
        reasons=(Reason.NOT_READY,),
        scope="open",
    )
