"""Media types, and values as bytes of each."""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic_core import to_jsonable_python

JSON: Final = "application/json"
YAML: Final = "application/yaml"
"""RFC 9512."""
PROBLEM_JSON: Final = "application/problem+json"
"""RFC 9457."""

EVENT_STREAM: Final = "text/event-stream"
HTML: Final = "text/html"

FORMATS: Final = {"json": JSON, "yaml": YAML}
"""What ``?format=`` may say."""


def to_json(value: Any) -> bytes:
    """A value, its models included, as JSON with sorted keys: equal values are equal bytes."""
    plain = to_jsonable_python(value)
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
