"""``/openapi.json`` for programs, ``/docs`` for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from webob import Response

from apps.rest.answers import json_response
from apps.rest.media import HTML
from apps.rest.openapi.document import describe
from apps.rest.routes import Answer, Call, Route

_PAGE: Final = Path(__file__).with_name("page.html")
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page loads nothing and talks to nobody but this controller (W3C Content Security Policy)."""


def describing_routes(others: Sequence[Route], with_tokens: bool) -> Iterator[Route]:
    """The routes that describe all routes, themselves too; anybody may see what the API can do."""

    @cache
    def document() -> dict[str, Any]:
        return describe([*own, *others], with_tokens)

    def show(_: Call) -> Response:
        return json_response(document())

    def page(_: Call) -> Response:
        response = Response(body=_PAGE.read_bytes(), content_type=HTML, charset="utf-8")
        response.headers.update({"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"})
        return response

    described = {200: Answer(dict[str, Any], "the description")}
    own = (
        Route("GET", "/openapi.json", "This API as an OpenAPI document", show, answers=described, scope="open"),
        Route("GET", "/docs", "This API to read and try", page, (), (HTML,), answers={200: Answer(str, "the page")},
              scope="open"),
    )  # fmt: skip
    yield from own
