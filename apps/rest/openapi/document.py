"""The whole API as an OpenAPI document (https://spec.openapis.org/oas/v3.1.1), out of its routes."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

from apps.rest.openapi.operations import operation_of, tag_of
from apps.rest.openapi.schemas import Schemas
from apps.rest.routes import Route

Plain = dict[str, Any]
_ABOUT: Final = (
    "What is asked for is a `spec`, what is so is a `status`. A change is planned, checked, written down and "
    "then made; `dry_run` plans alone, `wait` waits for the switches. Every error is a problem with a `reason`."
)
_TOKEN: Final[Plain] = {
    "type": "http",
    "scheme": "bearer",
    "description": "a token of the file `api_tokens`; `x-scope` of an operation tells which it needs: read or write",
}


def describe(routes: Sequence[Route], with_tokens: bool) -> Plain:
    """The document; without tokens, nobody has to show one."""
    schemas = Schemas(routes)
    security: list[Plain] = [{"token": []}] if with_tokens else []
    paths: dict[str, Plain] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = operation_of(route, schemas, security)
    return {
        "openapi": "3.1.1",
        "info": {"title": "Backplane", "version": version("backplane"), "description": _ABOUT},
        "servers": [{"url": "/", "description": "this controller"}],
        "tags": [{"name": name} for name in dict.fromkeys(map(tag_of, routes))],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            **({"securitySchemes": {"token": _TOKEN}} if with_tokens else {}),
        },
    }
