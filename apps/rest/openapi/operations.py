"""One route as an operation: what it takes, what it answers, why it may refuse."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

from apps.rest.media import JSON, PROBLEM_JSON, YAML
from apps.rest.openapi.parameters import is_tagged, parameters_of
from apps.rest.openapi.schemas import REFERENCE, Schemas
from apps.rest.problems import Reason
from apps.rest.routes import Answer, Route

Plain = dict[str, Any]
_HEADERS: Final[dict[int, tuple[str, str]]] = {
    401: ("WWW-Authenticate", "how to show who you are (RFC 6750)"),
    429: ("Retry-After", "seconds to wait"),
}
_TEXT: Final[Plain] = {"type": "string"}


def operation_of(route: Route, schemas: Schemas, security: list[Plain]) -> Plain:
    """The operation, with how a client shows who it is."""
    found: Plain = {
        "operationId": operation_id(route),
        "summary": route.about,
        "tags": [tag_of(route)],
        "parameters": parameters_of(route),
        "responses": _responses(route, schemas),
        "security": [] if route.scope == "open" else security,
        "x-scope": route.scope,
    }
    if route.body:
        found["requestBody"] = {
            "required": route.body.required,
            "description": route.body.about,
            "content": {media: {"schema": schemas.body(route.body)} for media in route.body.media},
        }
    return found


def operation_id(route: Route) -> str:
    """A name for programs: ``put_servers_name``."""
    words = re.findall(r"[a-z]+", route.path.removeprefix("/api/v1"))
    return "_".join([route.method.lower(), *words])


def tag_of(route: Route) -> str:
    """What it is about: the first word of its path."""
    words = route.path.removeprefix("/api/v1").strip("/").split("/")
    return words[0] if route.path.startswith("/api/v1") else "controller"


def _responses(route: Route, schemas: Schemas) -> Plain:
    found = {str(status): _answer(route, answer, schemas) for status, answer in sorted(route.answers.items())}
    if is_tagged(route):
        found["304"] = {"description": "it is as it was: you have it already"}
    by_status: defaultdict[int, list[Reason]] = defaultdict(list)
    for reason in route.all_reasons:
        by_status[int(reason.status)].append(reason)
    return {**found, **{str(status): _problem(status, by_status[status]) for status in sorted(by_status)}}


def _answer(route: Route, answer: Answer, schemas: Schemas) -> Plain:
    if answer.model is None:
        return {"description": answer.about}
    content = {media.partition(";")[0]: {"schema": _shown(media, answer, schemas)} for media in route.media}
    headers = {"ETag": {"description": "of what is shown", "schema": _TEXT}} if is_tagged(route) else {}
    return {"description": answer.about, "content": content, **({"headers": headers} if headers else {})}


def _shown(media: str, answer: Answer, schemas: Schemas) -> Plain:
    return schemas.answer(answer.model) if media in (JSON, YAML) else _TEXT


def _problem(status: int, reasons: Iterable[Reason]) -> Plain:
    words = [reason.word for reason in reasons]
    narrowed = {"type": "object", "properties": {"reason": {"enum": words}, "status": {"const": status}}}
    schema = {"allOf": [{"$ref": f"{REFERENCE}Problem"}, narrowed]}
    found: Plain = {"description": ", ".join(words), "content": {PROBLEM_JSON: {"schema": schema}}}
    if status in _HEADERS:
        name, about = _HEADERS[status]
        found["headers"] = {name: {"description": about, "schema": _TEXT}}
    return found
