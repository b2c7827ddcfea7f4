"""Errors as the API tells them: ``application/problem+json`` (RFC 9457), out of a closed list of reasons."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus
from typing import Any, Final

from webob import Response

from apps.rest.media import PROBLEM_JSON, to_json


class Reason(Enum):
    """Why a request is refused: the word in the body, and the status that it has."""

    NOT_READABLE = ("not_readable", HTTPStatus.BAD_REQUEST)
    UNKNOWN_PATH = ("unknown_path", HTTPStatus.NOT_FOUND)
    UNKNOWN_NAME = ("unknown_name", HTTPStatus.NOT_FOUND)
    WRONG_METHOD = ("wrong_method", HTTPStatus.METHOD_NOT_ALLOWED)
    NOT_ACCEPTABLE = ("not_acceptable", HTTPStatus.NOT_ACCEPTABLE)
    NO_FILE = ("no_file", HTTPStatus.CONFLICT)
    NO_LENGTH = ("no_length", HTTPStatus.LENGTH_REQUIRED)
    TOO_LARGE = ("too_large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    INVALID_DOCUMENT = ("invalid_document", HTTPStatus.UNPROCESSABLE_ENTITY)
    SAME_SERVER = ("same_server", HTTPStatus.UNPROCESSABLE_ENTITY)
    OTHER_SEGMENT = ("other_segment", HTTPStatus.UNPROCESSABLE_ENTITY)
    NOT_JOINED = ("not_joined", HTTPStatus.UNPROCESSABLE_ENTITY)
    INTERNAL = ("internal", HTTPStatus.INTERNAL_SERVER_ERROR)
    NOT_READY = ("not_ready", HTTPStatus.SERVICE_UNAVAILABLE)

    @property
    def word(self) -> str:
        """As the body has it."""
        return self.value[0]

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status."""
        return self.value[1]


BY_WORD: Final = {reason.word: reason for reason in Reason}


class Refused(Exception):
    """A request that is not carried out; `more` are further members of the body."""

    def __init__(self, reason: Reason, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.headers, self.more = reason, detail, dict(headers or {}), more


def problem_response(refused: Refused) -> Response:
    """The answer to a refused request."""
    status = refused.reason.status
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "reason": refused.reason.word,
        "detail": refused.detail,
        **refused.more,
    }
    response = Response(body=to_json(body), status=int(status), content_type=PROBLEM_JSON, charset=None)
    response.headers.update(refused.headers)
    return response
