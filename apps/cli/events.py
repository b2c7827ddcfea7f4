"""`backplane events`: what has happened, and what happens."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, Final

import typer

from apps.cli.client import Client
from apps.cli.event_stream import Reader, Received
from apps.cli.failures import Unreachable
from apps.cli.options import AsJson
from apps.cli.screen import DIM, Screen
from apps.cli.session import Session, session_of
from apps.cli.wording import moment


class EventKind(str, Enum):
    """What an event can be about."""

    REVISION = "revision"
    PLATFORM = "platform"
    PORT = "port"
    LINK = "link"
    SERVER = "server"
    RESERVATION = "reservation"
    CHAIN = "chain"
    AUDIT = "audit"
    ALARM = "alarm"


_SILENT_S: Final = 45.0
"""The API sends a comment every 15 s: after three times that the connection is dead."""
_AGAIN_S: Final = 2.0
_KEPT_SHOWN: Final = 50
_STYLES: Final = {
    "alarm": "bold red",
    "link": "cyan",
    "platform": "magenta",
    "server": "green",
    "port": "blue",
    "reservation": "yellow",
}

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens, until Ctrl-C.")]
Kinds = Annotated[list[EventKind] | None, typer.Option("--kind", "-k", help="Only these; may be given several times.")]
Last = Annotated[int | None, typer.Option("--last", "-n", min=0, help="How many of the past (50; with --follow: 0).")]
After = Annotated[str | None, typer.Option(metavar="ID", help="Begin after the event with this id.")]


def events(
    context: typer.Context,
    follow: Follow = False,
    kind: Kinds = None,
    last: Last = None,
    after: After = None,
    as_json: AsJson = False,
) -> None:
    """Show what has happened; with --follow, also what happens from now on.

    As JSON, each event is one line.
    """
    session = session_of(context, as_json)
    query: dict[str, Any] = {"kind": [one.value for one in kind]} if kind else {}
    if after is None and follow and not last:
        _follow(session, query, "")
        return
    found = session.client.get("/events", {**query, "follow": "false", **({"after": after} if after else {})})
    _show_past(session, found, after, _KEPT_SHOWN if last is None else last)
    if follow:
        _follow(session, query, str(found["last"]))


def _show_past(session: Session, found: Mapping[str, Any], after: str | None, most: int) -> None:
    if after is not None and not found["complete"]:
        _tell_lost(session.screen)
    items = found["items"] if after is not None else found["items"][len(found["items"]) - most if most else 0 :]
    for event in items:
        show_event(session.screen, event)


def show_event(screen: Screen, event: Mapping[str, Any]) -> None:
    """One event in a line."""
    if screen.as_json:
        screen.json_line(event)
        return
    kind = str(event["kind"])
    screen.line((f"{moment(event['time'])}  ", DIM), (f"{kind:<11}  ", _STYLES.get(kind, "")), str(event["text"]))


def _follow(session: Session, query: Mapping[str, Any], last: str) -> None:
    """Listen, and listen again from the last event on when the connection is lost."""
    reader = Reader(last)
    _listen(session, query, reader)
    while True:
        session.screen.warn("the connection is lost: trying again")
        while True:
            time.sleep(_AGAIN_S)
            try:
                _listen(session, query, reader)
                break
            except Unreachable:
                continue


def _listen(session: Session, query: Mapping[str, Any], reader: Reader) -> None:
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": reader.last} if reader.last else {})}
    client: Client = session.client
    with client.stream("/events", query, headers, _SILENT_S) as pieces:
        try:
            for received in reader.read(pieces):
                _show_received(session.screen, received)
        except Unreachable:
            return


def _show_received(screen: Screen, received: Received) -> None:
    if received.kind == "reset":
        _tell_lost(screen)
        return
    show_event(screen, json.loads(received.data))


def _tell_lost(screen: Screen) -> None:
    screen.warn("some events in between are not kept any more")
