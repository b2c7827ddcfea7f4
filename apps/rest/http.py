"""Requests to routes: method, path, query and media type are checked here, once, from what a route declares."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Final

from webob import Request, Response

from apps.rest.media import FORMATS
from apps.rest.problems import CAUGHT, Reason, Refused, problem_response, refusal_of
from apps.rest.routes import Call, Handler, Query, Route, steps_of
from controller.model.wording import did_you_mean, listed, quoted

__all__ = ["MAX_BODY_BYTES", "Call", "Handler", "Query", "Route", "Router"]

LOG = logging.getLogger("backplane.rest")
MAX_BODY_BYTES: Final = 8 * 1024 * 1024


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
        except CAUGHT as error:
            return problem_response(refusal_of(error))
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
        steps = steps_of(path)
        fitting = [(route, names) for route in self.routes if (names := route.match(steps)) is not None]
        if not fitting:
            hint = did_you_mean(path, (route.path for route in self.routes if "{" not in route.path))
            raise Refused(Reason.UNKNOWN_PATH, f"nothing is at {quoted(path)}{hint}")
        asked = "GET" if method == "HEAD" else method
        for route, names in fitting:
            if route.method == asked:
                return route, names
        raise _wrong_method(method, path, [route.method for route, _ in fitting])


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
    """Tag what was read; a client that has it already gets 304 (RFC 9110, 13.1.2). A stream has no end to tag.

    A handler's own tag, of what is asked for, goes before that of the whole: If-Match compares it alone.
    """
    is_stream = response.content_length is None
    if request.method not in ("GET", "HEAD") or response.status_code != 200 or is_stream:
        return response
    whole = hashlib.blake2b(response.body, digest_size=12).hexdigest()
    response.etag = f"{response.etag}-{whole}" if response.etag else whole
    response.cache_control = "no-cache"
    if response.etag in request.if_none_match:
        kept = [(name, value) for name, value in response.headers.items() if name in ("ETag", "Cache-Control", "Vary")]
        return Response(status=304, headerlist=kept)
    return response
