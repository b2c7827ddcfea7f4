"""Answers that say yes."""

from __future__ import annotations

from typing import Any

from webob import Response

from apps.rest.media import JSON, YAML, to_json


def json_response(value: Any, status: int = 200, tag: str | None = None) -> Response:
    """A value as JSON; `tag` is that of what is asked for, where something is."""
    return Response(body=to_json(value), status=status, content_type=JSON, charset=None, etag=tag)


def yaml_response(text: str, tag: str | None = None) -> Response:
    """A text that is YAML."""
    return Response(body=text.encode(), content_type=YAML, charset=None, etag=tag)
