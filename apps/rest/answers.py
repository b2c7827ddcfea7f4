"""Answers that say yes."""

from __future__ import annotations

from typing import Any

from webob import Response

from apps.rest.media import JSON, YAML, to_json


def json_response(value: Any, status: int = 200) -> Response:
    """A value as JSON."""
    return Response(body=to_json(value), status=status, content_type=JSON, charset=None)


def yaml_response(text: str) -> Response:
    """A text that is YAML."""
    return Response(body=text.encode(), content_type=YAML, charset=None)
