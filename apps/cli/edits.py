"""`backplane delete`, `admin`, `drain`, `undrain` and `reload`: small changes."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

import typer

from apps.cli.changed import finish, show_changed
from apps.cli.client import path_of
from apps.cli.failures import Exit
from apps.cli.kinds import WITH_ADMIN, Kind, find_kind
from apps.cli.options import AsJson, DryRun, KindArg, NameArg, Wait
from apps.cli.plans import show_plan
from apps.cli.screen import GOOD, WARN
from apps.cli.session import Session, session_of
from apps.cli.waiting import Wait as Waited
from apps.cli.waiting import read_wait
from controller.model.wording import listed


class Admin(str, Enum):
    """How a link or a platform is to be used."""

    UP = "up"
    DRAIN = "drain"
    DOWN = "down"


State = Annotated[Admin, typer.Argument(help="up: as it can be; drain: only what has no other way; down: not at all.")]


def delete(
    context: typer.Context,
    kind: KindArg,
    name: NameArg,
    dry_run: DryRun = False,
    wait: Wait = None,
    as_json: AsJson = False,
) -> None:
    """Take out a resource that was made over the API."""
    session, found, waited = session_of(context, as_json), find_kind(kind), read_wait(wait)
    path = path_of(found.plural, name)
    if dry_run:
        _show_dry_run(session, session.client.delete(path, {"dry_run": "true"}), f"deleting {found.name} {name}")
    changed = session.client.delete(path, waited.query, waited.seconds)
    show_changed(session, f"{found.name} {name} is taken out", changed)
    finish(session, changed, waited)


def _show_dry_run(session: Session, plan: Any, what: str) -> None:
    if session.as_json:
        session.screen.json(plan)
    else:
        show_plan(session.screen, plan, what)
    raise typer.Exit(Exit.OK if plan["accepted"] else Exit.FINDING)


def admin(
    context: typer.Context, kind: KindArg, name: NameArg, state: State, wait: Wait = None, as_json: AsJson = False
) -> None:
    """Set how a link or a platform is to be used: up, drain or down.

    This holds whoever asked for it, and over restarts of the controller.
    """
    _set_admin(session_of(context, as_json), kind, name, state, wait)


def drain(context: typer.Context, kind: KindArg, name: NameArg, wait: Wait = None, as_json: AsJson = False) -> None:
    """Take a link or a platform out of use where there is another way.

    Tells what still goes over it: when nothing does, the cable may be pulled.
    """
    _set_admin(session_of(context, as_json), kind, name, Admin.DRAIN, wait)


def undrain(context: typer.Context, kind: KindArg, name: NameArg, wait: Wait = None, as_json: AsJson = False) -> None:
    """Put a link or a platform to use again."""
    _set_admin(session_of(context, as_json), kind, name, Admin.UP, wait)


def _set_admin(session: Session, word: str, name: str, state: Admin, wait: str | None) -> None:
    kind, waited = find_kind(word, WITH_ADMIN), read_wait(wait)
    path = path_of(kind.plural, name)
    changed = session.client.put(f"{path}/admin", {"state": state.value}, waited.query, waited.seconds)
    show_changed(session, f"{kind.name} {name} is set to {state.value}", changed)
    if state is not Admin.UP and not session.as_json:
        _show_use(session, kind, name, waited)
    finish(session, changed, waited)


def _show_use(session: Session, kind: Kind, name: str, waited: Waited) -> None:
    """Whether the cable may be pulled."""
    status = session.client.get(path_of(kind.plural, name))["status"]
    if status["empty"]:
        spare = "; other links fall back to it when they fail" if status["in_use_by"] else ""
        session.screen.line(("nothing goes over it any more", GOOD), spare)
        return
    later = "" if waited.seconds else f" (`backplane get {kind.name} {name}` tells when that is over)"
    session.screen.line((f"still in use by {listed(status['in_use_by']).replace('_', ' ')}", WARN), later)


def reload(context: typer.Context, wait: Wait = None, as_json: AsJson = False) -> None:
    """Have the controller read its document's file again.

    A file with a mistake changes nothing.
    """
    session, waited = session_of(context, as_json), read_wait(wait)
    changed = session.client.post("/document/reload", None, waited.query, waited.seconds)
    show_changed(session, "the document was read again", changed)
    finish(session, changed, waited)
