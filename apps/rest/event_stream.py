"""A listener's stream of events (server-sent events, WHATWG HTML 9.2): it reads from the history at its own pace."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final

from ryu.lib import hub

from apps.rest.media import to_json
from controller.events import Event, History

MOST: Final = 64
"""How many may listen at a time."""
ALIVE_S: Final = 15.0
"""After so long without an event a comment is sent, seconds: proxies keep the connection, and a dead one is found."""
_RETRY_MS: Final = 2000
_BATCH: Final = 100


class Full(Exception):
    """As many listen as may."""


class Listeners:
    """All who listen. A slow one holds nothing up: what it has not read stays in the history, or is lost to it."""

    def __init__(self, history: History, most: int = MOST, alive_s: float = ALIVE_S) -> None:
        self.history, self.alive_s = history, alive_s
        self._most = most
        self._open: set[Listener] = set()
        self._news = hub.Event()
        self._awaited = False
        history.observer = self._tell

    def open(self, seen: int | None, kinds: Collection[str]) -> Listener:
        """A stream of what follows the event `seen` (0: of all that is kept; None: from now on); raises `Full`."""
        if len(self._open) >= self._most:
            raise Full
        start = {None: self.history.last, 0: self.history.oldest - 1}.get(seen, seen)
        listener = Listener(self, start if start is not None else 0, kinds, self._open.discard)
        self._open.add(listener)
        return listener

    def wait(self, timeout_s: float) -> None:
        """Until there is something new, or the time is over."""
        self._awaited = True
        self._news.wait(timeout_s)

    def _tell(self) -> None:
        """Wake all who wait; one wake-up serves all events until they wait again."""
        if self._awaited:
            news, self._news, self._awaited = self._news, hub.Event(), False
            news.set()


class Listener:
    """One client's stream, as what a WSGI server iterates over and closes."""

    def __init__(
        self, listeners: Listeners, seen: int, kinds: Collection[str], closed: Callable[[Listener], Any]
    ) -> None:
        self._listeners, self._history = listeners, listeners.history
        self._seen, self._kinds, self._closed = seen, kinds, closed

    def close(self) -> None:
        """The client is gone."""
        self._closed(self)

    def __iter__(self) -> Iterator[bytes]:
        """What to send, piece by piece."""
        yield f"retry: {_RETRY_MS}\n\n".encode()
        said_at = time.monotonic()
        while True:
            piece = self._next()
            due_s = said_at + self._listeners.alive_s - time.monotonic()
            if not piece and due_s <= 0:
                piece = f": alive\nid: {self._seen}\n\n".encode()
            if piece:
                yield piece
                said_at = time.monotonic()
            elif self._seen == self._history.last:
                self._listeners.wait(due_s)

    def _next(self) -> bytes:
        """The next events that are wanted, if any."""
        lost = b"" if self._history.holds_all_after(self._seen) else self._reset()
        events = self._history.after(self._seen, _BATCH)
        self._seen = events[-1].id if events else self._seen
        return lost + b"".join(map(_message, wanted(events, self._kinds)))

    def _reset(self) -> bytes:
        """Say that events are lost; what is left of the history follows."""
        body = {"lost_after": self._seen, "oldest": self._history.oldest}
        self._seen = self._history.oldest - 1
        return b"event: reset\nid: %d\ndata: %s\n" % (self._seen, to_json(body))


def wanted(events: Iterable[Event], kinds: Collection[str]) -> Iterator[Event]:
    """The events of these kinds; no kind stands for all."""
    return (event for event in events if not kinds or event.kind in kinds)


def _message(event: Event) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n" % (event.id, event.kind.encode(), to_json(event))
