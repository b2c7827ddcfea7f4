"""What a request brings: bytes to plain values. What is no JSON or YAML is 400; what it says is judged elsewhere."""

from __future__ import annotations

from typing import Final, TypeAlias

from webob import Request

from apps.rest.http import Call
from apps.rest.media import JSON, YAML
from apps.rest.problems import Reason, Refused
from controller.model.document_json import JsonText
from controller.model.document_yaml import Text
from controller.model.problems import DocumentError
from controller.model.wording import quoted

Given: TypeAlias = Text | JsonText
SOURCE: Final = "the body"
_READERS: Final[dict[str, type[Text] | type[JsonText]]] = {
    JSON: JsonText,
    YAML: Text,
    "application/x-yaml": Text,
    "text/yaml": Text,
    "text/x-yaml": Text,
}


def read_body(call: Call) -> Given:
    """The body's values, by its Content-Type; YAML, which JSON nearly always is as well, where there is none."""
    request = call.request
    reader = _READERS.get(_media(request))
    if reader is None or request.charset.lower() not in ("utf-8", "us-ascii"):
        given = quoted(request.headers["Content-Type"])
        raise Refused(Reason.WRONG_MEDIA, f"Content-Type is {given}: expected {JSON} or {YAML}, in UTF-8")
    return _read(reader, read_text(request))


def has_body(call: Call) -> bool:
    """Whether a request brings anything."""
    return bool(call.request.content_length)


def read_text(request: Request) -> str:
    """The body as text; it must not be empty."""
    try:
        text = str(request.body.decode("utf-8-sig"))
    except (UnicodeDecodeError, OSError) as error:
        raise Refused(Reason.NOT_READABLE, f"the body cannot be read: {error}") from error
    if not text.strip():
        raise Refused(Reason.NOT_READABLE, f"the body is empty: expected {JSON} or {YAML}")
    return text


def _media(request: Request) -> str:
    return str(request.content_type).lower() or YAML


def _read(reader: type[Text] | type[JsonText], text: str) -> Given:
    try:
        return reader(text, SOURCE)
    except DocumentError as error:
        raise Refused(Reason.NOT_READABLE, str(error), problems=error.problems) from error
