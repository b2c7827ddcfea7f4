"""What goes with a request beside its body: names in the path, the query, headers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from apps.rest.problems import Reason
from apps.rest.routes import Query, Route
from controller.model.schemas import ENDS, NAME, NAME_PATTERN, text

Plain = dict[str, Any]
_SHOWN_NAME: Final = text("[^/]+")
_END: Final = rf"{NAME_PATTERN}\.{NAME_PATTERN}"
_LINK: Final = text(f"{_END}--{_END}", "--".join(ENDS.read["items"]["examples"]))


def parameters_of(route: Route) -> list[Plain]:
    """All that a route takes."""
    return [*_names(route), *map(_query, route.queries), *_headers(route)]


def _names(route: Route) -> Iterator[Plain]:
    for step in route.steps:
        if step.startswith("{"):
            about = "its name, as the list shows it"
            yield {"name": step[1:-1], "in": "path", "required": True, "description": about, "schema": _name(route)}


def _name(route: Route) -> Plain:
    """What is made has a name of a certain form; what was found may have others."""
    if route.method != "PUT" or route.steps[-1] == "admin":
        return _SHOWN_NAME
    return _LINK if "links" in route.steps else NAME.read


def _query(query: Query) -> Plain:
    one: Plain = {"type": "string", "minLength": 1}
    if query.choices:
        one = {"type": "string", "enum": list(query.choices)}
    elif query.pattern:
        one = text(query.pattern)
    schema = {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]} if query.repeated else one
    found: Plain = {"name": query.name, "in": "query", "description": query.about, "schema": schema}
    return {**found, **({"required": True} if query.required else {}), **({"explode": True} if query.repeated else {})}


def _headers(route: Route) -> Iterator[Plain]:
    if is_tagged(route):
        yield _header("If-None-Match", "the ETag of what you have: 304 where it is still so")
    if Reason.NOT_AS_EXPECTED in route.reasons:
        yield _header("If-Match", "the ETag of what you have seen: 412 where something else is asked for by now")
        yield _header("If-None-Match", "`*`: 412 where it is there already")


def is_tagged(route: Route) -> bool:
    """Whether its answers have an ETag."""
    return route.method == "GET" and not any(media.startswith("text/") for media in route.media)


def _header(name: str, about: str) -> Plain:
    return {"name": name, "in": "header", "description": about, "schema": {"type": "string"}}
