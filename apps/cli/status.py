"""`backplane status`: whether all is as it should be, on one page; the exit status says it too."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import typer

from apps.cli.failures import Exit, Failed
from apps.cli.options import AsJson
from apps.cli.screen import BAD, GOOD, HEAD, WARN, Screen, style_of
from apps.cli.session import Session, session_of
from apps.cli.wording import age, number

_KINDS: Final = ("platforms", "links", "servers", "segments")
_ADDED: Final = {"uplinks": "uplinks", "reservations": "reserved"}
"""Kinds that have a line where there are any, and what it begins with."""
_OPEN: Final = ("missing", "excess", "misconfigured", "refused")
_NAMED: Final = 4
"""So many links are named on the page."""
Part = str | tuple[str, str]


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Say whether the fabric is as it should be, on one page.

    Exit status 1: it is not converged, a platform is absent, or an alarm stands.
    """
    session = session_of(context, as_json)
    fabric = session.client.get("/fabric")
    found = {
        "fabric": fabric,
        "states": {kind: _states(session, kind) for kind in (*_KINDS, *_ADDED)},
        "alarms": _alarms(session, fabric["status"]["alarms"]),
        "well": _is_well(fabric["status"]),
    }
    if session.as_json:
        session.screen.json(found)
    else:
        _show(session.screen, found)
    raise typer.Exit(Exit.OK if found["well"] else Exit.FINDING)


def _is_well(status: Mapping[str, Any]) -> bool:
    return bool(status["converged"]) and not status["absent"] and not status["alarms"]


def _states(session: Session, kind: str) -> dict[str, int]:
    items = session.client.get(f"/{kind}")["items"]
    return dict(Counter(item["status"]["state"] for item in items))


def _alarms(session: Session, alarms: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The alarms with how long each has stood, where the events still tell."""
    since = _raised(session) if alarms else {}
    return [{**alarm, "since": since.get((alarm["kind"], alarm["subject"]))} for alarm in alarms]


def _raised(session: Session) -> dict[tuple[str, str], float]:
    try:
        events = session.client.get("/events", {"kind": "alarm", "follow": "false"})["items"]
    except Failed:
        return {}
    return {(event["data"]["alarm"], event["name"]): event["time"] for event in events if event["what"] == "raised"}


def _show(screen: Screen, found: Mapping[str, Any]) -> None:
    fabric = found["fabric"]
    now = fabric["status"]
    document = {"file": "its document is a file", "api": "its document came over the API"}
    origin = document.get(fabric["origin"], "it has no document")
    screen.line((f"Fabric {fabric['name']}", HEAD), f"  revision {now['revision']}, {origin}")
    _show_converged(screen, now)
    for kind, states in found["states"].items():
        if states or kind in _KINDS:
            _show_counts(screen, _ADDED.get(kind, kind), states)
    if now["absent"]:
        screen.line("  absent     ", (", ".join(now["absent"]), BAD))
    if now.get("unprotected"):
        screen.line("  unprotected ", (_some(now["unprotected"]), WARN))
    _show_alarms(screen, found["alarms"])


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _show_converged(screen: Screen, now: Mapping[str, Any]) -> None:
    rules = now["rules"]
    told = [f"{number(rules['proper'])} rules in place", *(f"{number(rules[k])} {k}" for k in _OPEN if rules[k])]
    state = ("yes", GOOD) if now["converged"] else ("not yet", WARN)
    screen.line("  converged  ", state, f", {', '.join(told)}")


def _show_counts(screen: Screen, kind: str, states: Mapping[str, int]) -> None:
    parts: list[Part] = [f"  {kind:<10} "]
    for state, count in sorted(states.items(), key=lambda item: (-item[1], item[0])):
        parts += [", " if len(parts) > 1 else "", (f"{count:,} {state}", style_of(state))]
    screen.line(*parts, *(() if states else ("none",)))


def _show_alarms(screen: Screen, alarms: Sequence[Mapping[str, Any]]) -> None:
    if not alarms:
        screen.line("  alarms     ", ("none", GOOD))
        return
    screen.line((f"\nAlarms ({len(alarms)})", BAD))
    now = time.time()
    rows = ((_since(alarm, now), alarm["kind"], alarm["subject"], alarm["message"]) for alarm in alarms)
    screen.table(("SINCE", "KIND", "ABOUT", "WHAT"), rows, 2)


def _since(alarm: Mapping[str, Any], now: float) -> str:
    return age(None if alarm["since"] is None else max(now - alarm["since"], 0.0))
