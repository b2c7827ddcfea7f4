"""That an answer is one of those which its route declares: its status, its reason, its form."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter
from webob import Response

from apps.rest.http import Route, Router
from apps.rest.media import JSON, PROBLEM_JSON
from apps.rest.routes import steps_of


def check_declared(router: Router, method: str, path: str, response: Response) -> None:
    """Fails where a client that knows the declarations alone would be surprised."""
    route = find_route(router, method, path.partition("?")[0])
    if route is None or not route.answers or method == "HEAD" or response.status_code == 304:
        return
    if response.content_type == PROBLEM_JSON:
        reason = json.loads(response.body)["reason"]
        assert reason in {found.word for found in route.all_reasons}, f"{method} {path}: {reason} is not declared"
        return
    assert response.status_code in route.answers, f"{method} {path}: {response.status_code} is not declared"
    if response.content_type == JSON:
        _check_form(route.answers[response.status_code].model, response.body)


def find_route(router: Router, method: str, path: str) -> Route | None:
    asked = "GET" if method == "HEAD" else method
    found = (route for route in router.routes if route.method == asked and route.match(steps_of(path)) is not None)
    return next(found, None)


def _check_form(model: Any, body: bytes) -> None:
    """What comes out says the same as what went in, so nothing is undeclared."""
    adapter = TypeAdapter(model)
    assert adapter.dump_python(adapter.validate_json(body), mode="json", by_alias=True) == json.loads(body)
