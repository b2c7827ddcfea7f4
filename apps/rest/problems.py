"""Errors as the API tells them: ``application/problem+json`` (RFC 9457), out of a closed list of reasons."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus
from typing import Any, Final

from webob import Response

from apps.changes import Busy, MovedOn, NotWritten
from apps.rest.media import PROBLEM_JSON, to_json
from controller.edits import Denial, Denied
from controller.views.offers import view_offer
from controller.views.plans import view_faults, view_misfits


class Reason(Enum):
    """Why a request is refused: the word in the body, and the status that it has."""

    NOT_READABLE = ("not_readable", HTTPStatus.BAD_REQUEST)
    UNAUTHENTICATED = ("unauthenticated", HTTPStatus.UNAUTHORIZED)
    OUT_OF_SCOPE = ("out_of_scope", HTTPStatus.FORBIDDEN)
    OTHER_ORIGIN = ("other_origin", HTTPStatus.FORBIDDEN)
    UNKNOWN_PATH = ("unknown_path", HTTPStatus.NOT_FOUND)
    UNKNOWN_NAME = ("unknown_name", HTTPStatus.NOT_FOUND)
    WRONG_METHOD = ("wrong_method", HTTPStatus.METHOD_NOT_ALLOWED)
    NOT_ACCEPTABLE = ("not_acceptable", HTTPStatus.NOT_ACCEPTABLE)
    TOO_SLOW = ("too_slow", HTTPStatus.REQUEST_TIMEOUT)
    NO_FILE = ("no_file", HTTPStatus.CONFLICT)
    FILE_OWNS = ("file_owns", HTTPStatus.CONFLICT)
    LEARNED = ("learned", HTTPStatus.CONFLICT)
    REFERRED_TO = ("referred_to", HTTPStatus.CONFLICT)
    IN_CONFLICT = ("in_conflict", HTTPStatus.CONFLICT)
    NO_ROOM = ("no_room", HTTPStatus.CONFLICT)
    MOVED_ON = ("moved_on", HTTPStatus.CONFLICT)
    NO_LENGTH = ("no_length", HTTPStatus.LENGTH_REQUIRED)
    NOT_AS_EXPECTED = ("not_as_expected", HTTPStatus.PRECONDITION_FAILED)
    TOO_LARGE = ("too_large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    WRONG_MEDIA = ("wrong_media", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    INVALID_DOCUMENT = ("invalid_document", HTTPStatus.UNPROCESSABLE_ENTITY)
    CONTRADICTORY = ("contradictory", HTTPStatus.UNPROCESSABLE_ENTITY)
    INVALID_QUESTION = ("invalid_question", HTTPStatus.UNPROCESSABLE_ENTITY)
    INVALID_SPEC = ("invalid_spec", HTTPStatus.UNPROCESSABLE_ENTITY)
    UNSAFE = ("unsafe", HTTPStatus.UNPROCESSABLE_ENTITY)
    SAME_SERVER = ("same_server", HTTPStatus.UNPROCESSABLE_ENTITY)
    OTHER_SEGMENT = ("other_segment", HTTPStatus.UNPROCESSABLE_ENTITY)
    NOT_JOINED = ("not_joined", HTTPStatus.UNPROCESSABLE_ENTITY)
    TOO_FAST = ("too_fast", HTTPStatus.TOO_MANY_REQUESTS)
    TOO_BUSY = ("too_busy", HTTPStatus.TOO_MANY_REQUESTS)
    INTERNAL = ("internal", HTTPStatus.INTERNAL_SERVER_ERROR)
    TOO_MANY_LISTENERS = ("too_many_listeners", HTTPStatus.SERVICE_UNAVAILABLE)
    NOT_WRITTEN = ("not_written", HTTPStatus.SERVICE_UNAVAILABLE)
    NOT_READY = ("not_ready", HTTPStatus.SERVICE_UNAVAILABLE)

    @property
    def word(self) -> str:
        """As the body has it."""
        return self.value[0]

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status."""
        return self.value[1]


_OTHERS: Final = {Denial.REFERRED_TO: "referrers"}
BY_WORD: Final = {reason.word: reason for reason in Reason}


class Refused(Exception):
    """A request that is not carried out; `more` are further members of the body."""

    def __init__(self, reason: Reason, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.headers, self.more = reason, detail, dict(headers or {}), more


CAUGHT: Final = (MovedOn, NotWritten, Busy)
"""What changes raise by themselves."""


def refusal_of(error: Exception) -> Refused:
    """What `CAUGHT` is to a client."""
    match error:
        case MovedOn():
            return Refused(Reason.MOVED_ON, str(error))
        case Busy():
            return Refused(Reason.TOO_BUSY, str(error), {"Retry-After": "1"})
        case _:
            return Refused(Reason.NOT_WRITTEN, str(error), {"Retry-After": "5"})


def refusal_of_denied(denied: Denied) -> Refused:
    """What speaks against a change, as a client reads it."""
    more: dict[str, Any] = {
        "problems": denied.problems,
        _OTHERS.get(denied.why, "conflicts"): view_misfits(denied.others),
        "faults": view_faults(denied.faults),
        "offer": view_offer(denied.offer) if denied.offer else None,
    }
    found = {key: value for key, value in more.items() if value}
    return Refused(BY_WORD[denied.why.value], denied.message, None, **found)


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
