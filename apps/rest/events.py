"""What happened: as a stream that goes on, or the history as it is."""

from __future__ import annotations

from collections.abc import Iterator

from webob import Response

from apps.rest.answers import json_response
from apps.rest.event_stream import Full, Listener, Listeners, wanted
from apps.rest.http import Call, Query, Route
from apps.rest.media import EVENT_STREAM, JSON
from apps.rest.problems import Reason, Refused
from apps.rest.resources import BASE
from apps.rest.routes import Answer
from controller.events import KINDS, Event
from controller.model.wording import quoted
from controller.views.resource import View

_QUERIES = (
    Query("kind", f"one of {', '.join(KINDS)}", KINDS, repeated=True),
    Query("after", "an event's id (0: the oldest that is kept); Last-Event-ID goes before it", pattern="[0-9]{1,18}"),
    Query("follow", "false: the history as JSON", ("true", "false")),
)


class Events(View):
    """The history, as far as it is kept."""

    items: tuple[Event, ...]
    complete: bool
    """False: some that followed the event asked for are not kept any more."""
    last: int
    """The id from which to go on."""


def event_routes(listeners: Listeners) -> Iterator[Route]:
    """The one route."""
    answer = _Answers(listeners)
    yield Route(
        "GET",
        f"{BASE}/events",
        "What happened, and happens",
        answer.events,
        _QUERIES,
        (EVENT_STREAM, JSON),
        answers={200: Answer(Events, "a stream that goes on, or what is kept as JSON")},
        reasons=(Reason.TOO_MANY_LISTENERS,),
    )


class _Answers:
    """The handlers."""

    def __init__(self, listeners: Listeners) -> None:
        self._history, self._listeners = listeners.history, listeners

    def events(self, call: Call) -> Response:
        """As the client likes it."""
        seen, kinds = _seen(call), call.query.get("kind", ())
        if call.media == JSON or call.first("follow") == "false":
            return self._history_as_json(seen or 0, kinds)
        return self._stream(call, seen, kinds)

    def _history_as_json(self, seen: int, kinds: tuple[str, ...]) -> Response:
        items = list(wanted(self._history.after(seen), kinds))
        complete = seen == 0 or self._history.holds_all_after(seen)
        return json_response(Events(items=tuple(items), complete=complete, last=self._history.last))

    def _stream(self, call: Call, seen: int | None, kinds: tuple[str, ...]) -> Response:
        # Each piece is sent when it is there, not when enough of them are.
        call.request.environ["eventlet.minimum_write_chunk_size"] = 1
        pieces = () if call.request.method == "HEAD" else self._listen(seen, kinds)
        response = Response(app_iter=pieces, content_type=EVENT_STREAM, charset=None)
        response.headers.update({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        return response

    def _listen(self, seen: int | None, kinds: tuple[str, ...]) -> Listener:
        try:
            return self._listeners.open(seen, kinds)
        except Full as full:
            detail = "too many listen to the events already: try again later"
            raise Refused(Reason.TOO_MANY_LISTENERS, detail, {"Retry-After": "5"}) from full


def _seen(call: Call) -> int | None:
    """The last event that the client has; a browser that connects again says so in a header."""
    given = call.request.headers.get("Last-Event-ID") or call.first("after")
    if given is None:
        return None
    if not given.isascii() or not given.isdecimal() or len(given) > 18:
        raise Refused(Reason.NOT_READABLE, f"the last event's id is {quoted(given)}: expected a number as events have")
    return int(given)
