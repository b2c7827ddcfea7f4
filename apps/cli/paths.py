"""`backplane paths`: which links carry what one server sends to another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer

from apps.cli.options import AsJson, ServerArg
from apps.cli.screen import DIM, HEAD, Screen
from apps.cli.session import session_of
from apps.cli.wording import counted


def paths(context: typer.Context, source: ServerArg, target: ServerArg, as_json: AsJson = False) -> None:
    """Show the ways from one server to another, and those round each link."""
    session = session_of(context, as_json)
    found = session.client.get("/paths", {"from": source, "to": target})
    if session.as_json:
        session.screen.json(found)
    else:
        _show(session.screen, found)


def _show(screen: Screen, found: Mapping[str, Any]) -> None:
    screen.line((f"{found['source']} → {found['target']}", HEAD), f"  in segment {found['segment']}")
    if not found["hops"]:
        screen.line("Both are on one platform: no links are needed.")
        return
    for count, hops in enumerate((found["hops"], *(path["hops"] for path in found["alternatives"])), 1):
        screen.line((f"\nPath {count}", HEAD), f"  {counted(len(hops), 'link')}: ", " → ".join(_platforms(hops)))
        screen.table(("FROM", "TO", "LINK", "WAY ROUND IT"), map(_hop, hops), 2)
    if found["alternatives"]:
        screen.line(("\nTraffic is shared over all of them, by hash.", DIM))


def _platforms(hops: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield hops[0]["platform"]
    yield from (hop["to_platform"] for hop in hops)


def _hop(hop: Mapping[str, Any]) -> tuple[str, str, str, str]:
    ends = (f"{hop['platform']}:{hop['port']}", f"{hop['to_platform']}:{hop['to_port']}")
    return (*ends, hop["link"], " → ".join(hop["bypass"]["links"]) if hop["bypass"] else "none")
