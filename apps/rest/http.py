"""Requests to routes: method, path, query and media type are checked here, once, from what a route declares."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from webob import Request, Response

from apps.rest.media import FORMATS, JSON
from apps.rest.problems import Reason, Refused, problem_response
from controller.model.wording import did_you_mean, listed, quoted

LOG = logging.getLogger("backplane.rest")
MAX_BODY_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Query:
    """A query parameter; `choices` is the closed list of its values, if it has one."""

    name: str
    about: str
    choices: tuple[str, ...] = ()
    required: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A request that its route takes: names from the path, checked query values, the media type to answer in."""

    request: Request
    names: Mapping[str, str]
    query: Mapping[str, tuple[str, ...]]
    media: str

    def first(self, name: str) -> str | None:
        """The value of a query parameter that is not repeated."""
        return next(iter(self.query.get(name, ())), None)


Handler: TypeAlias = Callable[[Call], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """A method on a path (``/api/v1/servers/{name}``), what it is about and what it takes."""

    method: str
    path: str
    about: str
    handler: Handler
    queries: tuple[Query, ...] = ()
    media: tuple[str, ...] = (JSON,)
    steps: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", _steps(self.path))

    def match(self, steps: Sequence[str]) -> dict[str, str] | None:
        """The names in a path of this shape; None where it has another."""
        if len(steps) != len(self.steps):
            return None
        names = {}
        for own, given in zip(self.steps, steps, strict=True):
            if own.startswith("{") and given:
                names[own[1:-1]] = given
            elif own != given:
                return None
        return names


class Router:
    """Answers every request, the wrong ones with a problem."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)

    def __call__(self, request: Request) -> Response:
        """The answer; it never raises."""
        try:
            return _conditional(request, self._answer(request))
        except Refused as refused:
            return problem_response(refused)
        except Exception:
            LOG.exception("%s %s failed", request.method, request.environ.get("PATH_INFO"))
            return problem_response(Refused(Reason.INTERNAL, "the request failed inside the controller: see its log"))

    def _answer(self, request: Request) -> Response:
        path, given = _read_target(request)
        _check_body(request)
        route, names = self._find(request.method, path)
        query = _check_query(route, given)
        response = route.handler(Call(request, names, query, _negotiate(route, request, query)))
        if len(route.media) > 1:
            response.vary = ("Accept",)
        return response

    def _find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        steps = _steps(path)
        fitting = [(route, names) for route in self.routes if (names := route.match(steps)) is not None]
        if not fitting:
            hint = did_you_mean(path, (route.path for route in self.routes if "{" not in route.path))
            raise Refused(Reason.UNKNOWN_PATH, f"nothing is at {quoted(path)}{hint}")
        asked = "GET" if method == "HEAD" else method
        for route, names in fitting:
            if route.method == asked:
                return route, names
        raise _wrong_method(method, path, [route.method for route, _ in fitting])


def _steps(path: str) -> tuple[str, ...]:
    return tuple(path.split("/"))


def _wrong_method(method: str, path: str, methods: list[str]) -> Refused:
    allowed = listed(sorted({*methods, *(["HEAD"] if "GET" in methods else [])}))
    detail = f"{quoted(path)} does not take {quoted(method)}: expected {allowed}"
    return Refused(Reason.WRONG_METHOD, detail, {"Allow": allowed})


def _read_target(request: Request) -> tuple[str, list[tuple[str, str]]]:
    try:
        return request.path_info, list(request.GET.items())
    except UnicodeDecodeError as error:
        raise Refused(Reason.NOT_READABLE, "the path or the query is not UTF-8") from error


def _check_body(request: Request) -> None:
    if request.headers.get("Transfer-Encoding"):
        raise Refused(Reason.NO_LENGTH, "a body must come with its Content-Length")
    length = request.headers.get("Content-Length") or "0"
    if not length.isascii() or not length.isdigit():
        raise Refused(Reason.NOT_READABLE, f"Content-Length is {quoted(length)}: expected a number of bytes")
    if int(length) > MAX_BODY_BYTES:
        raise Refused(Reason.TOO_LARGE, f"the body has {length} bytes: expected at most {MAX_BODY_BYTES}")


def _check_query(route: Route, given: list[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    known = {query.name: query for query in route.queries}
    found: dict[str, tuple[str, ...]] = {}
    for name, value in given:
        if name not in known:
            expected = f"expected {listed(known)}" if known else "expected none"
            raise Refused(Reason.NOT_READABLE, f"unknown query parameter {quoted(name)}: {expected}")
        found[name] = (*found.get(name, ()), _checked(known[name], value, again=name in found))
    for query in route.queries:
        if query.required and query.name not in found:
            raise Refused(Reason.NOT_READABLE, f"query parameter {query.name} is missing: expected {query.about}")
    return found


def _checked(query: Query, value: str, again: bool) -> str:
    if again and not query.repeated:
        raise Refused(Reason.NOT_READABLE, f"query parameter {query.name} is given twice: expected one")
    if not value:
        raise Refused(Reason.NOT_READABLE, f"query parameter {query.name} is empty: expected {query.about}")
    if query.choices and value not in query.choices:
        expected = f"expected one of {listed(query.choices)}"
        raise Refused(Reason.NOT_READABLE, f"query parameter {query.name} is {quoted(value)}: {expected}")
    return value


def _negotiate(route: Route, request: Request, query: Mapping[str, tuple[str, ...]]) -> str:
    """What ``?format=`` says, else the first of the route's media types that Accept likes best (RFC 9110, 12.5.1)."""
    if "format" in query:
        return FORMATS[query["format"][0]]
    offers = request.accept.acceptable_offers(list(route.media))
    if not offers:
        accepted = quoted(request.headers["Accept"])
        raise Refused(Reason.NOT_ACCEPTABLE, f"Accept is {accepted}: this is given as {listed(route.media)}")
    return str(offers[0][0])


def _conditional(request: Request, response: Response) -> Response:
    """Tag what was read; a client that has it already gets 304 (RFC 9110, 13.1.2)."""
    if request.method not in ("GET", "HEAD") or response.status_code != 200:
        return response
    response.etag = hashlib.blake2b(response.body, digest_size=12).hexdigest()
    response.cache_control = "no-cache"
    if response.etag in request.if_none_match:
        kept = [(name, value) for name, value in response.headers.items() if name in ("ETag", "Cache-Control", "Vary")]
        return Response(status=304, headerlist=kept)
    return response
